"""The messages of one partition on their way into batches, whose bounds survive a crash.

A batch is the messages from one offset up to another. Before it is sent, its end is committed as
the *plan*, beside the offset where it begins; whoever reads the partition next, after whatever
happened, sends exactly the same batch, under the same Idempotency-Key, before any other. So a batch
whose answer or commit was lost is applied once. Knows neither Kafka's client nor HTTP.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

BATCH_BYTES_MAX = 4 << 20

_PLAN = "bitbrook until "


class Message(NamedTuple):
    """A message of a partition. `line`: its record in one line; empty where there is none.

    `fault`: why it is no record, empty if it is one. A message without a value has neither.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    line: bytes
    fault: str = ""


class MessageBatch(NamedTuple):
    """Messages from `start` up to before `end`."""

    start: int
    end: int
    messages: Sequence[Message]

    @property
    def records(self) -> list[Message]:
        """Those that have a record."""
        return [each for each in self.messages if each.line]

    def key(self, topic: str, partition: int) -> str:
        """Return what names this batch: its place and its content.

        The content, because a topic that was made anew has the same offsets.
        """
        digest = hashlib.blake2b(f"{topic}\0{partition}\0{self.start}\0{self.end}".encode())
        for message in self.messages:
            digest.update(len(message.line).to_bytes(8, "big"))
            digest.update(message.line)
        return digest.hexdigest()[:64]

    def halves(self) -> tuple["MessageBatch", "MessageBatch"]:
        """Return the batch in two; it has two messages or more."""
        middle = len(self.messages) // 2
        border = self.messages[middle].offset
        return (
            MessageBatch(self.start, border, self.messages[:middle]),
            MessageBatch(border, self.end, self.messages[middle:]),
        )


class PartitionQueue:
    """The messages of one partition that are read and not yet stored."""

    def __init__(self, plan: str | None, *, batch_records: int) -> None:
        """Begin behind a committed offset; `plan`: the text that was committed with it."""
        self.planned_end = _planned_end(plan)
        self.is_at_end = False
        self._batch_records = batch_records
        self._messages: list[Message] = []
        self._size_bytes = 0
        self._since_s = 0.0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message, now_s: float) -> None:
        """Add a message that was read; one that is there already is not added again."""
        self.is_at_end = False
        if self._messages and message.offset <= self._messages[-1].offset:
            return
        if not self._messages:
            self._since_s = now_s
        self._messages.append(message)
        self._size_bytes += len(message.line)

    def next_batch(self, now_s: float, linger_s: float) -> MessageBatch | None:
        """Return the batch to send now, None if it is to wait for more messages."""
        if not self._messages:
            return None
        if self.planned_end is not None:
            last = self._messages[-1].offset
            # The end of the partition says so where the planned messages are there no more.
            if last + 1 < self.planned_end and not self.is_at_end:
                return None
            planned = [each for each in self._messages if each.offset < self.planned_end]
            if planned:
                return MessageBatch(planned[0].offset, self.planned_end, planned)
            self.planned_end = None
        is_full = len(self._messages) >= self._batch_records or self._size_bytes >= BATCH_BYTES_MAX
        if not is_full and now_s - self._since_s < linger_s:
            return None
        return self._first(self._messages)

    def following(self, batch: MessageBatch) -> MessageBatch | None:
        """Return the batch after one, if it is full already."""
        messages = [each for each in self._messages if each.offset >= batch.end]
        return self._first(messages) if len(messages) >= self._batch_records else None

    def remove(self, batch: MessageBatch, now_s: float) -> None:
        """Forget a batch that is stored."""
        self._messages = [each for each in self._messages if each.offset >= batch.end]
        self._size_bytes = sum(len(each.line) for each in self._messages)
        self._since_s = now_s

    def _first(self, messages: Sequence[Message]) -> MessageBatch:
        size_bytes = 0
        taken: list[Message] = []
        for message in messages[: self._batch_records]:
            size_bytes += len(message.line)
            if taken and size_bytes > BATCH_BYTES_MAX:
                break
            taken.append(message)
        return MessageBatch(taken[0].offset, taken[-1].offset + 1, taken)


def plan_of(batch: MessageBatch) -> str:
    """Return what is committed with the offset where a batch begins, before it is sent."""
    return f"{_PLAN}{batch.end}"


def _planned_end(plan: str | None) -> int | None:
    number = (plan or "").removeprefix(_PLAN)
    return int(number) if plan and number != plan and number.isdigit() else None
