"""Group commit: many writers, one sync of the disk.

A committer thread appends all writes that wait to the log in one transaction; an applier thread
applies them in that order and resolves their futures, while the committer is already syncing the
next group. A write is applied only when it is durable and acknowledged only when it is applied. If
the log refuses a group, nothing of it was applied and the next one may succeed; if the log cannot
say what became of a group, its tables take part in nothing until a restart has asked the log.

What waits is bounded by bytes, from submission to answer. Knows nothing of what a batch contains.
"""

import queue
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.engine.batch import Batch
from bitbrook.engine.upkeep import Upkeep, UpkeepPolicy
from bitbrook.errors import BitbrookError, Fenced, OutcomeUnknown, Overloaded, Stopping
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log, LogEntry, Note
from bitbrook.telemetry.stages import count_append, count_append_refusal
from bitbrook.telemetry.steps import Step, Trace, current_trace, step

WAITING_BYTES_MAX = 256 << 20
GROUP_BYTES_MAX = 32 << 20


class WriteQueue(NamedTuple):
    """What waits to be durable and visible, and how many bytes may."""

    batches: int
    size_bytes: int
    bytes_max: int


class Written(NamedTuple):
    """What became of a write that is durable and visible.

    `counts`: how many values each operation changed. `sequences`: under which sequence the log has
    its part, by partition number.
    """

    counts: list[int]
    sequences: dict[int, int]


class WriteTarget(Protocol):
    """What writes are applied to: a table."""

    @property
    def failure(self) -> BitbrookError | None:
        """Why nothing more may be written, if so."""
        ...

    def apply(self, write: "Write") -> list[int]:
        """Make a durable write visible; return how many values each operation changed."""
        ...

    def fail(self, reason: BitbrookError) -> None:
        """Take part in nothing until a restart."""
        ...


@dataclass(slots=True)
class Part:
    """One partition's part of a write. `sequence` is given when it is appended."""

    partition: str
    number: int
    batch: Batch
    body: bytes
    sequence: int = 0


@dataclass(slots=True)
class Write:
    """A batch on its way: its parts by partition, and who waits for it.

    `schema` is the one that the bodies were encoded with. `notes` become durable with the parts.
    `trace`: of the request that submitted it, if that is traced.
    """

    target: WriteTarget
    schema: TableSchema
    parts: list[Part]
    notes: tuple[Note, ...] = ()
    future: Future[Written] = field(default_factory=Future)
    trace: Trace | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes that the log has to take."""
        note_bytes = sum(len(note.body) for note in self.notes) if self.notes else 0
        return note_bytes + sum(len(part.body) for part in self.parts)


class Writer:
    """The process's one way into the log."""

    def __init__(
        self,
        log: Log,
        *,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
        group_bytes_max: int = GROUP_BYTES_MAX,
        upkeep_policy: UpkeepPolicy | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.upkeep = Upkeep(upkeep_policy or UpkeepPolicy(), clock=clock)
        self._log = log
        self._waiting_bytes_max = waiting_bytes_max
        self._group_bytes_max = group_bytes_max
        self._changed = threading.Condition()
        self._waiting: list[Write] = []
        self._unanswered_bytes = 0
        self._unanswered: Counter[int] = Counter()
        self._last_sequences: dict[str, int] = {}
        self._is_closing = False
        # One group may wait to be applied: the sync of the next one overlaps it, and what comes
        # meanwhile joins the one after.
        self._committed: queue.Queue[list[Write] | None] = queue.Queue(maxsize=1)
        self._threads = [
            threading.Thread(target=self._commit_groups, name="committer", daemon=True),
            threading.Thread(target=self._apply_groups, name="applier", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queue(self) -> WriteQueue:
        """What waits now."""
        with self._changed:
            batches = self._unanswered.total()
            return WriteQueue(batches, self._unanswered_bytes, self._waiting_bytes_max)

    def register(self, partition: str, last_sequence: int) -> None:
        """Take note of a partition and of the last sequence in its log."""
        with self._changed:
            self._last_sequences[partition] = last_sequence

    def forget(self, partition: str) -> None:
        """Forget a partition, of which nothing is under way."""
        with self._changed:
            self._last_sequences.pop(partition, None)

    def submit(self, write: Write) -> Future[Written]:
        """Queue a write; its future resolves when it is durable and visible.

        Raises:
            Stopping: the writer was closed.
            Overloaded: too many bytes wait already.
        """
        size_bytes = write.size_bytes
        # An accepted write is carried out whether or not its caller still waits.
        write.future.set_running_or_notify_cancel()
        write.trace = current_trace()
        with self._changed:
            if self._is_closing:
                raise Stopping("the server stops; nothing was applied; send it again later")
            if self._unanswered and self._unanswered_bytes + size_bytes > self._waiting_bytes_max:
                raise Overloaded(
                    f"{self._unanswered_bytes:,} bytes wait to be written and "
                    f"{self._waiting_bytes_max:,} may; nothing was applied; send it again"
                )
            self._unanswered_bytes += size_bytes
            self._unanswered[id(write.target)] += 1
            self._waiting.append(write)
            self._changed.notify_all()
        return write.future

    def flush(self, target: WriteTarget) -> None:
        """Return when everything submitted for a target has been answered."""
        with self._changed:
            self._changed.wait_for(lambda: not self._unanswered[id(target)])
            del self._unanswered[id(target)]

    def close(self) -> None:
        """Finish what was submitted, take nothing more, and end the threads."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self.upkeep.close()

    def _commit_groups(self) -> None:
        while group := self._next_group():
            if appended := self._append(group):
                self._committed.put(appended)
        self._committed.put(None)

    def _next_group(self) -> list[Write]:
        """Return the next writes that may share a transaction; none when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            size_bytes, count = 0, 0
            for write in self._waiting:
                size_bytes += write.size_bytes
                if count and size_bytes > self._group_bytes_max:
                    break
                count += 1
            group, self._waiting = self._waiting[:count], self._waiting[count:]
            return group

    def _append(self, group: list[Write]) -> list[Write]:
        """Append a group to the log; return the writes that are durable, and refuse the others."""
        group = [write for write in group if not self._is_refused(write)]
        try:
            entries = self._number(group)
            started_s = SYSTEM_CLOCK.monotonic_s()
            self._log.append(entries, [note for write in group for note in write.notes])
            if group:
                size_bytes = sum(write.size_bytes for write in group)
                ended_s = SYSTEM_CLOCK.monotonic_s()
                count_append(len(group), size_bytes, ended_s - started_s)
                _note_append(group, started_s, ended_s)
        except Fenced as error:
            targets = {id(write.target): write.target for write in group}
            if len(targets) > 1:
                # Only the targets that were fenced shall suffer.
                return [
                    write
                    for target in targets.values()
                    for write in self._append([each for each in group if each.target is target])
                ]
            count_append_refusal(error.code)
            self._give_up(group, error)
            return []
        except Overloaded as error:
            count_append_refusal(error.code)
            for write in group:
                self._answer(write, error)
            return []
        except Exception as error:
            unknown = error if isinstance(error, OutcomeUnknown) else OutcomeUnknown(repr(error))
            count_append_refusal(unknown.code)
            unknown.__cause__ = error if unknown is not error else error.__cause__
            self._give_up(group, unknown)
            return []
        with self._changed:
            self._last_sequences.update((entry.partition, entry.sequence) for entry in entries)
        return group

    def _number(self, group: list[Write]) -> list[LogEntry]:
        """Give every part of a group the next sequence of its partition."""
        entries: list[LogEntry] = []
        last: dict[str, int] = {}
        for write in group:
            for part in write.parts:
                known = last.get(part.partition)
                if known is None:
                    known = self._last_sequences[part.partition]
                part.sequence = last[part.partition] = known + 1
                entries.append(LogEntry(part.partition, part.sequence, part.body))
        return entries

    def _apply_groups(self) -> None:
        while group := self._committed.get():
            for write in group:
                if not self._is_refused(write):
                    try:
                        self._answer(write, _applied(write))
                    except Exception as error:
                        self._answer(write, write.target.failure or error)

    def _is_refused(self, write: Write) -> bool:
        """Answer a write whose target has failed; whether it was one."""
        failure = write.target.failure
        if failure is not None:
            self._answer(write, failure)
        return failure is not None

    def _give_up(self, group: list[Write], reason: BitbrookError) -> None:
        for write in group:
            write.target.fail(reason)
            self._answer(write, reason)

    def _answer(self, write: Write, answer: Written | Exception) -> None:
        """Resolve a write's future, then let those know who wait for room or for its end."""
        if isinstance(answer, Exception):
            write.future.set_exception(answer)
        else:
            write.future.set_result(answer)
        with self._changed:
            self._unanswered_bytes -= write.size_bytes
            self._unanswered[id(write.target)] -= 1
            self._changed.notify_all()


def _note_append(group: list[Write], began_s: float, ended_s: float) -> None:
    for write in group:
        if write.trace is not None:
            write.trace.note(Step("append", began_s, ended_s))


def _applied(write: Write) -> Written:
    if write.trace is None:
        counts = write.target.apply(write)
    else:
        with step("apply", trace=write.trace):
            counts = write.target.apply(write)
    return Written(counts, {part.number: part.sequence for part in write.parts})
