"""A server, brokers of both kinds, and consumers in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kafka.brokers import Broker, MockBroker, RealBroker, has_real_broker
from kafka.places import Consumer, Place
from kafka.registry import RegistryServer
from server_process import ServerProcess

NO_KAFKA = "Apache Kafka is not here: `make kafka` fetches it, and it needs Java 17"


@pytest.fixture(scope="session", params=["librdkafka", "kafka"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """Every test runs against both brokers, where both can be."""
    if request.param == "kafka" and not has_real_broker():
        pytest.skip(NO_KAFKA)
    is_real = request.param == "kafka"
    running = RealBroker(tmp_path_factory.mktemp("kafka")) if is_real else MockBroker()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with RegistryServer() as running:
        yield running


@pytest.fixture
def place(api: httpx.Client, broker: Broker) -> Place:
    return Place(api, broker)


@pytest.fixture
def consume(
    server: ServerProcess, broker: Broker, tmp_path: Path
) -> Iterator[Callable[..., Consumer]]:
    """Start a consumer with these flags; all are gone at the end."""
    started: list[Consumer] = []

    def start(place: Place, *flags: str, group: str = "", **changes: Any) -> Consumer:
        given = ["--brokers", broker.address, "--topic", place.topic]
        given += ["--group", group or f"group-of-{place.topic}"]
        given += changes.get("target") or ["--source", place.source_id]
        # Who was killed is missed soon.
        given += ["--option", "session.timeout.ms=6000", "--option", "heartbeat.interval.ms=500"]
        url = changes.get("url", server.url)
        started.append(Consumer(url, *given, *flags, log=tmp_path / "consumer.log"))
        return started[-1]

    yield start
    for each in started:
        each.kill()
