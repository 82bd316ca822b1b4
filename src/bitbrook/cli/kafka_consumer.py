"""Messages of topics into a source: read, sent, and only then committed.

One thread, one batch on its way at a time. The offset of a batch is committed once the server has
answered, which it does when the batch is durable; the plan that is committed before sending
(`kafka_batches`) makes repeating harmless. So each message is stored exactly once, through crashes
of this process, of the server or of the broker, and through rebalances. What is refused is told to
the rejects before it is committed, at least once.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bitbrook.cli.http_calls import CallFailed, Calls
from bitbrook.cli.kafka_batches import MessageBatch, PartitionQueue, plan_of
from bitbrook.cli.kafka_records import MessageReader
from bitbrook.cli.kafka_rejects import Rejects

POLL_S = 0.2
WAIT_S_MAX = 15.0
COMMIT_TIMEOUT_S = 30.0

_WAITED_FOR = frozenset({0, 408, 409, 429, 502, 503, 504, 507})
"""Answers, and none, after which the same batch is sent again: nothing of it is stored, or the
same Idempotency-Key keeps it from being stored twice."""

_NOT_OURS = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - how the client names its own errors
        KafkaError._STATE,  # noqa: SLF001
    }
)
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001
        KafkaError._WAIT_COORD,  # noqa: SLF001
    }
)

_Place = tuple[str, int]


class ConsumingFailed(Exception):
    """Why no more is consumed; nothing that is not stored was committed."""


class ConsumerWishes(NamedTuple):
    """What is consumed how."""

    brokers: str
    topics: Sequence[str]
    group: str
    options: Mapping[str, str]
    batch_records: int
    linger_s: float
    ends: bool


class Tally(NamedTuple):
    """How many messages were stored, were refused, and had no value."""

    stored: int = 0
    refused: int = 0
    empty: int = 0


class TopicConsumer:
    """Consumes topics into a source, until it is stopped or, if that is wished, their end."""

    def __init__(
        self,
        wishes: ConsumerWishes,
        reader: MessageReader,
        calls: Calls,
        source_for: Callable[[Sequence[bytes]], str],
        rejects: Rejects,
    ) -> None:
        """Prepare. `source_for`: the id of the source, told by the first records."""
        self.tally = Tally()
        self._wishes = wishes
        self._reader = reader
        self._calls = calls
        self._source_for = source_for
        self._source_id = ""
        self._rejects = rejects
        self._queues: dict[_Place, PartitionQueue] = {}
        self._is_stopping = False
        self._said: set[str] = set()
        self._consumer = Consumer(self._configuration())

    def stop(self) -> None:
        """End soon: after what is on its way, if it gets there."""
        self._is_stopping = True

    def run(self) -> None:
        """Consume until the end.

        Raises:
            ConsumingFailed: the broker refuses.
            CallFailed: the server does.
        """
        self._consumer.subscribe(
            list(self._wishes.topics),
            on_assign=self._gain,
            on_revoke=self._lose,
            on_lost=self._lose,
        )
        try:
            while not self._is_stopping and not self._is_done():
                for message in self._consumer.consume(self._wishes.batch_records, POLL_S):
                    self._take(message)
                for place, queue in list(self._queues.items()):
                    self._store_ready(place, queue)
        except KafkaException as fault:
            raise ConsumingFailed(str(fault.args[0])) from None
        finally:
            self._consumer.close()

    def _configuration(self) -> dict[str, Any]:
        wishes = self._wishes
        return {
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 16_384,
            # Beyond what the server may need to come back; who waits polls all the same.
            "max.poll.interval.ms": 900_000,
            **wishes.options,
            "bootstrap.servers": wishes.brokers,
            "group.id": wishes.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "error_cb": lambda error: self._say(f"Kafka: {error.str()}"),
        }

    def _gain(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for found in consumer.committed(partitions, COMMIT_TIMEOUT_S):
            if found.error is not None:
                raise KafkaException(found.error)
            queue = PartitionQueue(found.metadata, batch_records=self._wishes.batch_records)
            self._queues[found.topic, found.partition] = queue

    def _lose(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._queues.pop((each.topic, each.partition), None)

    def _take(self, message: Any) -> None:
        """Put what was read where it belongs."""
        place = message.topic(), message.partition()
        error = message.error()
        queue = self._queues.get(place)
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                if queue is not None:
                    queue.is_at_end = True
            elif error.code() not in _PASSING and not error.retriable():
                raise KafkaException(error)
        elif queue is not None:
            read = self._reader.read(message.offset(), message.key(), message.value())
            queue.put(read, time.monotonic())

    def _is_done(self) -> bool:
        return (
            self._wishes.ends
            and bool(self._queues)
            and all(queue.is_at_end and not queue for queue in self._queues.values())
        )

    def _store_ready(self, place: _Place, queue: PartitionQueue) -> None:
        """Store the batches of a partition that are ready."""
        batch = queue.next_batch(time.monotonic(), self._wishes.linger_s)
        while batch is not None and not self._is_stopping:
            if queue.planned_end != batch.end:
                if not self._commit(place, batch.start, plan_of(batch)):
                    return
                queue.planned_end = batch.end
            tally = self._store(place, queue, batch)
            if tally is None:
                return
            following = queue.following(batch)
            plan = "" if following is None else plan_of(following)
            if not self._commit(place, batch.end, plan):
                # It stays planned: sent again, it is answered as before and not applied.
                return
            queue.remove(batch, time.monotonic())
            queue.planned_end = None if following is None else following.end
            self.tally = Tally(*map(sum, zip(self.tally, tally, strict=True)))
            batch = following

    def _store(self, place: _Place, queue: PartitionQueue, batch: MessageBatch) -> Tally | None:
        """Return what became of a batch; None if it is somebody else's now, or we stop."""
        for message in batch.messages:
            if message.fault:
                self._rejects.put(place, message, "InvalidBody", message.fault)
        records = batch.records
        stored = 0
        if records:
            if not self._source_id:
                self._source_id = self._source_for([each.line for each in records])
            outcome = self._send(place, queue, batch)
            if outcome is None:
                return None
            stored = outcome
        self._rejects.flush()
        empty = sum(each.value is None for each in batch.messages)
        return Tally(stored, len(batch.messages) - stored - empty, empty)

    def _send(self, place: _Place, queue: PartitionQueue, batch: MessageBatch) -> int | None:
        """Return how many records of a batch were stored; in halves if it is too large."""
        records = batch.records
        if not records:
            return 0
        lines = b"".join(each.line + b"\n" for each in records)
        tried = 0
        while True:
            try:
                outcome = self._calls.send_lines(self._source_id, lines, key=batch.key(*place))
            except CallFailed as error:
                if error.status == 413:
                    return self._send_less(place, queue, batch, error.message)
                if error.status not in _WAITED_FOR:
                    raise
                self._say(f"waiting for the server: {error.message}")
                tried += 1
                self._wait(max(error.retry_after_s, min(0.1 * 2**tried, WAIT_S_MAX)))
                if self._is_stopping or self._queues.get(place) is not queue:
                    return None
            else:
                self._said.clear()
                break
        for message, told in zip(records, outcome["records"], strict=True):
            if told["status"] == "error":
                self._rejects.put(place, message, told["error_code"], told["error_message"])
        return int(outcome["success_count"])

    def _send_less(
        self, place: _Place, queue: PartitionQueue, batch: MessageBatch, reason: str
    ) -> int | None:
        if len(batch.messages) == 1:
            self._rejects.put(place, batch.messages[0], "LimitExceeded", reason)
            return 0
        stored = 0
        for half in batch.halves():
            part = self._send(place, queue, half)
            if part is None:
                return None
            stored += part
        return stored

    def _wait(self, seconds: float) -> None:
        """Wait, as a living member of the group: it polls, and is given nothing new."""
        until_s = time.monotonic() + seconds
        self._consumer.pause(self._consumer.assignment())
        while not self._is_stopping and (left_s := until_s - time.monotonic()) > 0:
            message = self._consumer.poll(min(POLL_S, left_s))
            if message is not None:
                # Of a partition that was gained meanwhile.
                self._take(message)
        self._consumer.resume(self._consumer.assignment())

    def _commit(self, place: _Place, offset: int, metadata: str) -> bool:
        """Commit an offset and a text; return whether that was done."""
        topic, partition = place
        committed = TopicPartition(topic, partition, offset, metadata=metadata)
        try:
            done = self._consumer.commit(offsets=[committed], asynchronous=False)
        except KafkaException as fault:
            return self._may_commit_later(fault.args[0])
        errors = [each.error for each in done or () if each.error is not None]
        return not errors or self._may_commit_later(errors[0])

    def _may_commit_later(self, error: KafkaError) -> bool:
        """Return False if another attempt may succeed, by whoever has the partition then."""
        if error.code() in _NOT_OURS or error.code() in _PASSING or error.retriable():
            self._say(f"Kafka did not take an offset: {error.str()}")
            return False
        raise KafkaException(error)

    def _say(self, text: str) -> None:
        """Say something, once until things are well again."""
        if text not in self._said:
            self._said.add(text)
            print(f"bitbrook: {text}", file=sys.stderr, flush=True)
