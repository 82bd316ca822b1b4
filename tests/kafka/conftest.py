"""A server, brokers of both kinds, and consumers in processes of their own."""

import os
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


BROKERS = ("librdkafka", "kafka")
EVERY_BROKER = "KAFKA_EVERYWHERE"
"""Variable that has every test run against both brokers."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have tests run against librdkafka's own broker, and those so marked against Kafka too."""
    if "broker" in metafunc.fixturenames:
        on_all = metafunc.definition.get_closest_marker("on_every_broker") is not None
        brokers = BROKERS if on_all or EVERY_BROKER in os.environ else BROKERS[:1]
        metafunc.parametrize("broker", brokers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker that runs, of the kind asked for."""
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
