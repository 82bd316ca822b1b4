"""Every message of a topic becomes a record exactly once, whatever is killed in between.

Against a real broker where there is one, and librdkafka's own: consumers are killed in the middle
of a counted stream, between an answer and its commit, joined and left by others, asked to end;
servers are killed and come back; messages are no JSON, too long, or of schemas nobody knows.
"""

import datetime as dt
import decimal
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import TopicPartition

from api_client import ask_sql, wait_for_status
from kafka.brokers import Broker, Messages
from kafka.places import Consumer, Place
from kafka.registry import RegistryServer, avro_message
from server_process import ServerProcess

Consume = Callable[..., Consumer]
PARTITIONS = 3


def put_numbers(broker: Broker, topic: str, numbers: range) -> None:
    with Messages(broker) as messages:
        for number in numbers:
            value = f'{{"id":{number},"amount":{number % 100}.25,"species":"s{number % 3}"}}'
            messages.put(topic, value.encode(), partition=number % PARTITIONS)


def records_of(place: Place) -> tuple[int, int]:
    """How many records a table has, and the sum of their amounts in cents."""
    statement = f"select count(*), sum(amount) from {place.table}"
    ((count, total),) = ask_sql(place.api, place.deployment_id, statement)
    return count, round(float(total or 0) * 100)


def expected_of(numbers: range) -> tuple[int, int]:
    return len(numbers), sum(number % 100 * 100 + 25 for number in numbers)


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s, f"{what} did not come to be"
        time.sleep(0.05)


def committed(broker: Broker, place: Place) -> list[int]:
    """The offsets that the group of a place has committed, by partition."""
    consumer = KafkaConsumer(
        {"bootstrap.servers": broker.address, "group.id": f"group-of-{place.topic}"}
    )
    places = [TopicPartition(place.topic, number) for number in range(PARTITIONS)]
    offsets = [each.offset for each in consumer.committed(places, 30)]
    consumer.close()
    return offsets


@pytest.mark.on_every_broker
def test_a_topic_becomes_a_table(broker: Broker, place: Place, consume: Consume) -> None:
    put_numbers(broker, place.topic, range(5_000))
    said = consume(place, "--until-end").end()
    assert said == f"{place.topic}: 5,000 records stored, 0 refused, 0 without a value\n"
    assert records_of(place) == expected_of(range(5_000))
    assert sum(committed(broker, place)) == 5_000
    # The next one begins where that ended.
    put_numbers(broker, place.topic, range(5_000, 5_010))
    assert "10 records stored" in consume(place, "--until-end").end()
    assert place.metrics()[0] == 5_010


@pytest.mark.on_every_broker
def test_killed_in_the_middle_of_a_stream(broker: Broker, place: Place, consume: Consume) -> None:
    """Consumers are killed again and again; what the source counted is what was sent."""
    put_numbers(broker, place.topic, range(30_000))
    for share in (3_000, 12_000, 21_000):
        running = consume(place, "--batch-records", "250")
        wait_until(lambda share=share: place.metrics()[0] >= share, f"{share} records")
        running.kill()
    consume(place, "--until-end").end()
    assert records_of(place) == expected_of(range(30_000))
    # Each record was applied once, not only stored under one id.
    assert place.metrics()[0] == 30_000
    assert sum(committed(broker, place)) == 30_000


class Tap:
    """A proxy before the server that can swallow an answer, as a crash before the commit would."""

    def __init__(self, server: ServerProcess) -> None:
        host, port = server.url.removeprefix("http://").split(":")
        self._server = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def pass_on(self, is_enough: Callable[[bytes], bool]) -> None:
        """Pass requests on and back, but for the answer to the first that is enough."""
        while True:
            client, _ = self._listener.accept()
            with client, socket.create_connection(self._server) as server:
                while True:
                    request = _read_message(client)
                    if not request:
                        break
                    server.sendall(request)
                    answer = _read_message(server)
                    if is_enough(request):
                        self._listener.close()
                        return
                    client.sendall(answer)


def _read_message(connection: socket.socket) -> bytes:
    message = b""
    while b"\r\n\r\n" not in message:
        part = connection.recv(65_536)
        if not part:
            return b""
        message += part
    head, _, body = message.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in [*head.lower().split(b"\r\n"), b"content-length: 0"]
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.mark.on_every_broker
def test_killed_between_an_answer_and_its_commit(
    broker: Broker, place: Place, consume: Consume, server: ServerProcess
) -> None:
    """More has come meanwhile, and yet the same batch is repeated and not applied again."""
    put_numbers(broker, place.topic, range(300))
    tap = Tap(server)
    running = consume(place, "--batch-records", "1000", url=tap.url)
    tap.pass_on(lambda request: b"POST /v1/sinks/" in request)
    running.kill()
    first = place.metrics()[0]
    assert first > 0
    put_numbers(broker, place.topic, range(300, 3_000))
    said = consume(place, "--until-end").end()
    assert "3,000 records stored" in said
    assert records_of(place) == expected_of(range(3_000))
    assert place.metrics()[0] == 3_000


def test_ended_by_a_signal(broker: Broker, place: Place, consume: Consume) -> None:
    put_numbers(broker, place.topic, range(20_000))
    running = consume(place, "--batch-records", "100")
    wait_until(lambda: place.metrics()[0] > 500, "a beginning")
    said = running.stop()
    told = int(said.split(": ")[1].split()[0].replace(",", ""))
    assert told == place.metrics()[0] == sum(max(0, each) for each in committed(broker, place))
    consume(place, "--until-end").end()
    assert place.metrics()[0] == 20_000
    assert records_of(place) == expected_of(range(20_000))


@pytest.mark.on_every_broker
def test_consumers_come_and_go(broker: Broker, place: Place, consume: Consume) -> None:
    """Partitions wander between three consumers of a group while messages come."""
    first = consume(place, "--batch-records", "50", "--linger-s", "0.05")
    for start in range(0, 12_000, 1_000):
        put_numbers(broker, place.topic, range(start, start + 1_000))
        if start == 3_000:
            second = consume(place, "--batch-records", "70", "--linger-s", "0.05")
        if start == 6_000:
            third = consume(place, "--batch-records", "90", "--linger-s", "0.05")
            wait_until(lambda: place.metrics()[0] >= 4_000, "a share")
            first.stop()
        if start == 9_000:
            second.kill()
    wait_until(lambda: place.metrics()[0] >= 12_000, "all records")
    third.stop()
    consume(place, "--until-end").end()
    assert records_of(place) == expected_of(range(12_000))
    assert place.metrics()[0] == 12_000


@pytest.mark.on_every_broker
def test_a_server_that_is_killed_is_waited_for(
    broker: Broker, consume: Consume, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        port = server.url.rpartition(":")[2]
        with server.client(server.token()) as api:
            place = Place(api, broker)
            put_numbers(broker, place.topic, range(20_000))
            running = consume(place, "--batch-records", "100", url=server.url)
            wait_until(lambda: place.metrics()[0] > 1_000, "a beginning")
        server.kill()
    put_numbers(broker, place.topic, range(20_000, 21_000))
    with (
        ServerProcess(tmp_path / "data", "--port", port) as server,
        server.client(server.token()) as api,
    ):
        place.api = api
        wait_until(lambda: records_of(place)[0] >= 21_000, "all records")
        running.stop()
        assert records_of(place) == expected_of(range(21_000))


def test_what_is_refused_is_kept(
    broker: Broker, place: Place, consume: Consume, tmp_path: Path
) -> None:
    letters = f"{place.topic}-dead"
    broker.make_topic(letters, 1)
    sent: list[bytes | None] = [
        b'{"id": 1}',
        b'{"id": 2, "amount": "much"}',
        b"not json",
        b'{"id":\n 3,\n"species": "a\\nb"}\n',
        b'{"id": 4, "species": "line\nend"}',
        None,
        b"",
        b"  \n ",
        b"\xff\xfe",
        b"5",
        b'\0\0\0\0\1{"id": 6}',
        b'{"id": 7} {"id": 8}',
        b'{"id": 9, "species": "' + b"x" * 1_200_000 + b'"}',
    ]
    with Messages(broker) as messages:
        for value in sent:
            if value is None or len(value) < 1_000_000:
                messages.put(place.topic, value, key=b"k")
    rejects = tmp_path / "rejects.ndjson"
    said = consume(
        place, "--until-end", "--reject-file", str(rejects), "--dead-letter-topic", letters
    ).end()
    assert said == f"{place.topic}: 3 records stored, 8 refused, 1 without a value\n"
    ids = ask_sql(place.api, place.deployment_id, f"select _id, species from {place.table}")
    assert ids == [[1, None], [3, "a\nb"], [6, None]]
    told = [json.loads(line) for line in rejects.read_text().splitlines()]
    by_offset = {each["offset"]: each["error_code"] for each in told}
    assert by_offset == {
        1: "InvalidValue",
        **dict.fromkeys((2, 4, 6, 7, 8, 11), "InvalidBody"),
        9: by_offset[9],
    }
    assert told[0].keys() >= {"topic", "partition", "error_message"}
    assert sum("value_base64" in each for each in told) == 1
    reader = KafkaConsumer(
        {"bootstrap.servers": broker.address, "group.id": letters, "auto.offset.reset": "earliest"}
    )
    reader.subscribe([letters])
    dead = [reader.poll(30) for _ in range(8)]
    reader.close()
    headers = [dict(message.headers()) for message in dead]
    assert {int(each["bitbrook.offset"]) for each in headers} == set(by_offset)
    assert {message.value() for message in dead} == {sent[offset] for offset in by_offset}
    assert {message.key() for message in dead} == {b"k"}


def test_larger_than_the_server_takes(broker: Broker, place: Place, consume: Consume) -> None:
    """The server takes a megabyte: batches go in halves, one message that is longer is refused."""
    with Messages(broker) as messages:
        for number in range(40):
            value = {"id": number, "species": "x" * 60_000}
            messages.put(place.topic, json.dumps(value).encode())
    said = consume(place, "--until-end").end()
    assert "40 records stored, 0 refused" in said
    assert records_of(place)[0] == 40
    assert place.metrics()[0] == 40


def test_a_paused_source_is_waited_for(broker: Broker, place: Place, consume: Consume) -> None:
    put_numbers(broker, place.topic, range(2_000))
    place.api.post(f"/v1/sinks/{place.source_id}/pause").raise_for_status()
    running = consume(place, "--until-end")
    wait_until(lambda: "PAUSED; resume it" in running.log.read_text(), "a word about the pause")
    assert records_of(place)[0] == 0
    place.api.post(f"/v1/sinks/{place.source_id}/resume").raise_for_status()
    running.end()
    assert records_of(place) == expected_of(range(2_000))


def test_a_table_is_made_for_a_topic(
    broker: Broker, place: Place, consume: Consume, api: httpx.Client
) -> None:
    put_numbers(broker, place.topic, range(1_500))
    target = ["--deployment", place.deployment_id, "--table", "made"]
    assert "1,500 records stored" in consume(place, "--until-end", target=target).end()
    shown = api.get(f"/v1/tables/{place.deployment_id}/made").json()
    assert {each["name"]: each["type"] for each in shown["fields"]} == {
        "amount": "decimal",
        "species": "mutex",
    }
    assert shown["record_count"] == 1_500


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--source", "nobody"], "there is no source 'nobody'"),
        ([], "give --deployment and --table, or a --source"),
        (["--source", "nobody", "--format", "avro"], "avro needs --schema-registry"),
        (["--source", "nobody", "--option", "x"], "--option 'x' is not name=value"),
    ],
)
def test_what_cannot_be_is_told(
    place: Place, consume: Consume, flags: list[str], words: str
) -> None:
    running = consume(place, target=flags or ["--until-end"])
    running.end(code=1)
    assert words in running.log.read_text()


SUB = {
    "type": "record",
    "name": "Sub",
    "namespace": "other",
    "fields": [{"name": "tags", "type": {"type": "array", "items": "string"}}],
}
AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "id", "type": "long"},
        {
            "name": "amount",
            "type": [
                "null",
                {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
            ],
        },
        {"name": "ratio", "type": "float"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "sub", "type": ["null", "other.Sub"]},
    ],
}
AVRO_SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "type": "id"},
        {"name": "amount", "type": "decimal", "config": {"Scale": 2}},
        {"name": "ratio", "type": "decimal", "config": {"Scale": 2}},
        {"name": "at", "type": "timestamp", "config": {"Granularity": "ms"}},
        {"name": "day", "type": "dateInt", "config": {"Layout": "2006-01-02", "Unit": "d"}},
        {"name": "kind", "type": "string", "config": {"Mutex": True}},
        {"name": "tags", "path": ["sub", "tags"], "type": "strings"},
    ],
}


@pytest.fixture
def avro_place(place: Place) -> Place:
    """A place whose source reads what the Avro schema holds."""
    made = place.api.post(
        "/v1/sinks",
        json={
            "name": f"{place.topic}-avro",
            "sink_details": {"deployment_id": place.deployment_id, "table": place.table},
            "schema": AVRO_SCHEMA,
        },
    )
    place.source_id = made.json()["id"]
    wait_for_status(place.api, f"/v1/sinks/{place.source_id}", "RUNNING")
    return place


def avro_value(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "amount": decimal.Decimal("12.50"),
        "ratio": 0.1,
        "at": dt.datetime(2024, 2, 29, 12, 0, 0, 250_000, tzinfo=dt.UTC),
        "day": dt.date(1970, 2, 1),
        "kind": "B",
        "sub": {"tags": ["x", "y"]},
        **changes,
    }


def test_avro(
    broker: Broker, avro_place: Place, consume: Consume, registry: RegistryServer, tmp_path: Path
) -> None:
    place = avro_place
    sub = registry.put(SUB)
    references = [{"name": "other.Sub", "subject": f"subject-{sub}", "version": 1}]
    first = registry.put(AVRO, references)
    # A later schema of the same subject has a field more.
    wider = {**AVRO, "fields": [*AVRO["fields"], {"name": "more", "type": "int"}]}
    second = registry.put(wider, references)
    with Messages(broker) as messages:
        for number in range(1_000):
            value = avro_value(number)
            message = avro_message(first, AVRO, value, SUB)
            if number % 2:
                message = avro_message(second, wider, {**value, "more": 5}, SUB)
            messages.put(place.topic, message, partition=number % PARTITIONS)
        good = avro_message(first, AVRO, avro_value(5_000, amount=None, sub=None), SUB)
        messages.put(place.topic, good)
        for bad in (good[:-3], good + b"x", b"{}", b"\0\0\0\0\x63x", b"\0"):
            messages.put(place.topic, bad)
    rejects = tmp_path / "rejects.ndjson"
    flags = ("--format", "avro", "--schema-registry", registry.url, "--reject-file", str(rejects))
    said = consume(place, "--until-end", *flags).end()
    assert "1,001 records stored, 5 refused" in said
    # What is the same for ever is asked for once.
    assert sorted(set(registry.asked)) == sorted(
        [f"/schemas/ids/{first}", f"/schemas/ids/{second}", "/schemas/ids/99",
         f"/subjects/subject-{sub}/versions/1"]
    )  # fmt: skip
    assert registry.asked.count(f"/schemas/ids/{first}") == 1
    columns = "_id, amount, ratio, at, day, kind, tags"
    rows = ask_sql(
        place.api,
        place.deployment_id,
        f"select {columns} from {place.table} where _id in (7, 5000)",
    )
    assert rows == [
        [7, 12.5, 0.1, "2024-02-29T12:00:00.25Z", 31, "B", ["x", "y"]],
        [5_000, None, 0.1, "2024-02-29T12:00:00.25Z", 31, "B", None],
    ]
    assert {json.loads(line)["error_code"] for line in rejects.read_text().splitlines()} == {
        "InvalidBody"
    }


def test_a_registry_that_fails_stops_the_consumer(
    broker: Broker, avro_place: Place, consume: Consume, registry: RegistryServer
) -> None:
    """Nothing is committed; when the registry is back, nothing is missing."""
    number = registry.put({**AVRO, "fields": AVRO["fields"][:-1]})
    schema = {**AVRO, "fields": AVRO["fields"][:-1]}
    with Messages(broker) as messages:
        for each in range(10):
            messages.put(avro_place.topic, avro_message(number, schema, avro_value(each)))
    flags = ("--until-end", "--format", "avro", "--schema-registry", registry.url)
    registry.is_failing = True
    failed = consume(avro_place, *flags)
    failed.end(code=1)
    assert "the schema registry" in failed.log.read_text()
    registry.is_failing = False
    assert "10 records stored" in consume(avro_place, *flags).end()
