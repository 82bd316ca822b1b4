"""Brokers for tests: the one inside librdkafka, and Apache Kafka itself in a process of its own."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

JARS = Path(__file__).parent / "jars"
START_TIMEOUT_S = 60.0
_CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class Broker(Protocol):
    """A cluster that is running. `address`: where to begin."""

    address: str

    def make_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""

    def close(self) -> None:
        """End."""


class MockBroker:
    """The brokers inside librdkafka, which other processes reach like any."""

    def __init__(self) -> None:
        self._host = AdminClient({"test.mock.num.brokers": 3})
        found = self._host.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{each.host}:{each.port}" for each in found)

    def make_topic(self, name: str, partitions: int) -> None:
        # It makes topics, of four partitions, when they are first asked for.
        assert partitions <= len(self._host.list_topics(name, timeout=10).topics[name].partitions)

    def close(self) -> None:
        del self._host


class RealBroker:
    """Apache Kafka in a process of its own, with one node."""

    def __init__(self, directory: Path) -> None:
        ports = _free_ports(2)
        self.address = f"127.0.0.1:{ports[0]}"
        settings = directory / "server.properties"
        settings.write_text(
            _SETTINGS.format(broker=ports[0], controller=ports[1], data=directory / "data")
        )
        java = ["java", "-Xmx384m", "-cp", f"{JARS}/*"]
        format_ = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(settings)]
        subprocess.run([*java, *format_], check=True, capture_output=True, timeout=60)
        with (directory / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*java, "kafka.Kafka", str(settings)], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            _wait_for_port(ports[0])
            # What it complains of before it is ready is no news.
            self._admin = AdminClient({"bootstrap.servers": self.address})
            self._admin.list_topics(timeout=START_TIMEOUT_S)
        except BaseException:
            self.close()
            raise

    def make_topic(self, name: str, partitions: int) -> None:
        _make_topic(self._admin, name, partitions)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def has_real_broker() -> bool:
    """Whether Kafka can be started here: `make kafka` has fetched it, and there is a Java."""
    return any(JARS.glob("kafka_*.jar")) and shutil.which("java") is not None


class Messages:
    """A producer that counts what the broker has."""

    def __init__(self, broker: Broker) -> None:
        self._producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 5})
        self._errors: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.flush()

    def put(self, topic: str, value: bytes | None, *, partition: int = 0, key: Any = None) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value=value, key=key, partition=partition, on_delivery=self._note
                )
            except BufferError:
                self._producer.poll(0.5)
            else:
                return

    def flush(self) -> None:
        assert self._producer.flush(30) == 0
        assert not self._errors, self._errors

    def _note(self, error: Any, _: Any) -> None:
        if error is not None:
            self._errors.append(error)


def _make_topic(admin: AdminClient, name: str, partitions: int) -> None:
    (made,) = admin.create_topics([NewTopic(name, partitions, 1)]).values()
    try:
        made.result(30)
    except KafkaException as fault:
        raise AssertionError(f"topic {name} cannot be made: {fault}") from fault


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _wait_for_port(port: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline_s, "the broker does not listen"
            time.sleep(0.1)
        else:
            return
