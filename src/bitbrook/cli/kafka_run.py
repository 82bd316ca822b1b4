"""What `bitbrook kafka` does: it puts a consumer together, runs it and tells what became of it."""

import contextlib
import json
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from bitbrook.cli.http_calls import CallFailed, Calls, connected
from bitbrook.cli.infer_schema import infer_schema
from bitbrook.cli.input_files import UnreadableFile, open_file
from bitbrook.cli.kafka_consumer import ConsumerWishes, ConsumingFailed, TopicConsumer
from bitbrook.cli.kafka_records import MessageReader
from bitbrook.cli.kafka_rejects import DeadLetters, Rejects
from bitbrook.cli.load_target import find_target, make_target
from bitbrook.cli.message_format import MessageFormat
from bitbrook.cli.schema_registry import RegistryFailed, SchemaRegistry


class KafkaWishes(NamedTuple):
    """What is to be consumed how: the flags of the command, by the same names."""

    brokers: str
    topics: Sequence[str]
    group: str
    deployment: str
    table: str
    source: str
    url: str
    message_format: MessageFormat
    schema_registry: str
    id_field: str
    primary_key: Sequence[str]
    schema: Path | None
    reject_file: Path | None
    dead_letter_topic: str
    batch_records: int
    linger_s: float
    ends: bool
    options: Sequence[str]


def run_kafka(wishes: KafkaWishes) -> str:
    """Consume until a signal or the end; return why it ended early, empty if it did not."""
    try:
        with contextlib.ExitStack() as leaving:
            options = _options(wishes.options)
            registry = _registry(wishes)
            if registry is not None:
                leaving.callback(registry.close)
            calls = leaving.enter_context(connected(wishes.url or None))
            source_for = _source_finder(calls, wishes)
            # The consumer itself waits, since a member of a group has to poll meanwhile.
            calls.tries_max = 1
            consumer = TopicConsumer(
                ConsumerWishes(
                    wishes.brokers,
                    wishes.topics,
                    wishes.group,
                    options,
                    wishes.batch_records,
                    wishes.linger_s,
                    wishes.ends,
                ),
                MessageReader(wishes.message_format, registry),
                calls,
                source_for,
                leaving.enter_context(_rejects(wishes, options)),
            )
            leaving.enter_context(_stopped_by_signals(consumer.stop))
            try:
                consumer.run()
            finally:
                tally = consumer.tally
                print(
                    f"{', '.join(wishes.topics)}: {tally.stored:,} records stored, "
                    f"{tally.refused:,} refused, {tally.empty:,} without a value",
                    flush=True,
                )
    except (CallFailed, ConsumingFailed, RegistryFailed, UnreadableFile, OSError) as error:
        return str(error)
    return ""


def _options(given: Sequence[str]) -> Mapping[str, str]:
    options = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign:
            raise CallFailed(f"--option {each!r} is not name=value")
        options[name.strip()] = value.strip()
    return options


def _registry(wishes: KafkaWishes) -> SchemaRegistry | None:
    if wishes.message_format is not MessageFormat.AVRO:
        return None
    if not wishes.schema_registry:
        raise CallFailed("avro needs --schema-registry, the URL of the registry of its schemas")
    parts = urlsplit(wishes.schema_registry)
    host = parts.netloc.rpartition("@")[2]
    return SchemaRegistry(
        parts._replace(netloc=host).geturl(),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _source_finder(calls: Calls, wishes: KafkaWishes) -> Callable[[Sequence[bytes]], str]:
    """Return what tells the source, at the latest by the first records."""
    if wishes.source:
        found = find_target(calls, wishes.source).source_id
        return lambda _: found
    if not wishes.deployment or not wishes.table:
        raise CallFailed("give --deployment and --table, or a --source that exists")

    def make(lines: Sequence[bytes]) -> str:
        target = make_target(
            calls, wishes.deployment, wishes.table, lambda: _schema(lines, wishes), kind="kafka"
        )
        return target.source_id

    return make


def _schema(lines: Sequence[bytes], wishes: KafkaWishes) -> dict[str, Any]:
    """Return the schema of the source to make: the one given, or what records tell."""
    if wishes.schema is not None:
        try:
            read: dict[str, Any] = json.loads(wishes.schema.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UnreadableFile(f"{wishes.schema} is not JSON: {error}") from None
        return read
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "messages.ndjson"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        file = open_file(path)
        return infer_schema(
            file.sample(),
            file.sample_texts(),
            id_field=wishes.id_field or None,
            primary_key=wishes.primary_key,
        )


@contextlib.contextmanager
def _rejects(wishes: KafkaWishes, options: Mapping[str, str]) -> Iterator[Rejects]:
    letters = None
    if wishes.dead_letter_topic:
        letters = DeadLetters(wishes.brokers, wishes.dead_letter_topic, options)
    with contextlib.ExitStack() as leaving:
        file = None
        if wishes.reject_file is not None:
            file = leaving.enter_context(wishes.reject_file.open("a", encoding="utf-8"))
        yield Rejects(file, letters)


@contextlib.contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGTERM or SIGINT; at a second one, end as one does."""
    before: dict[int, Any] = {}

    def handle(number: int, _: Any) -> None:
        stop()
        signal.signal(number, before[number])

    for each in (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.signal(each, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
