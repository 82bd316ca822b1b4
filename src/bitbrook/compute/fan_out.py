"""Asking the owners of some partitions, until all have answered or the time is over.

An answer is complete or it is an error that names every partition that did not answer, and why. An
owner that died, lost a partition or has not opened it is asked again, it or whoever owns the
partition by then: who that is is looked up in the log's database, which is right where Ray may not
be. An owner that does not answer while its partitions went to another is not waited for.

What may be hedged is asked of a replica, too, when an owner is late, and at once when it is not to
be had. Of each partition one answer counts, the first one; whoever else is asked is told to stop.
"""

import time
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from bitbrook.algebra.budget import Budget
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.answer_sizes import size_of
from bitbrook.compute.cluster import Cluster, Unreachable
from bitbrook.compute.hedging import Hedging, Seen
from bitbrook.compute.requests import Refusal, ReplicaAnswer
from bitbrook.errors import BitbrookError, Overloaded, PartitionUnavailable
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.ownership import Ownership
from bitbrook.telemetry.hedges import count_hedge, count_hedge_won

FIRST_PAUSE_S = 0.02
PAUSE_MAX_S = 0.2
REPLICA_PAUSE_S = 0.1
LOOK_S = 0.1
"""How often a caller that went away is noticed."""

PLACES_AGE_S = 1.0
"""After so long without an answer it is looked up whether the partitions went to another owner."""


class Request(Protocol):
    """What some partitions are asked."""

    def __call__(self, numbers: tuple[int, ...], *, is_repeated: bool) -> tuple[str, Any]:
        """Return the method and its argument. `is_repeated`: it may have been asked before."""
        ...


class Places:
    """To whom the partitions of tables are assigned, as it was last looked up."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self._owners: dict[str, dict[int, str]] = {}

    def owners_of(self, table_id: str) -> Mapping[int, str]:
        """Return the owners of a table's partitions, by number."""
        known = self._owners.get(table_id)
        return self.look_up(table_id) if known is None else known

    def look_up(self, table_id: str) -> Mapping[int, str]:
        """Return the same, of now."""
        owners = self._ownership.owners_of(table_id)
        self._owners[table_id] = owners
        return owners

    def forget(self, table_id: str) -> None:
        """Forget a table that is gone."""
        self._owners.pop(table_id, None)


class FanOut:
    """Asks owners, and replicas where there are any.

    `seen`: what replicas have shown to this server; whoever is asked later must have it.
    """

    def __init__(self, cluster: Cluster, places: Places, hedging: Hedging | None = None) -> None:
        self._cluster = cluster
        self._places = places
        self._hedging = hedging or Hedging(0)
        self.seen = Seen()

    def gather(
        self,
        table: TableSchema,
        numbers: Collection[int],
        request: Request,
        *,
        deadline_s: float,
        budget: Budget | None = None,
        waits_for_all: bool = False,
        hedged: Hashable = None,
    ) -> list[Any]:
        """Return what the owners of these partitions answer, each for its own.

        `budget`: of a question; its end ends the asking, and what runs of requests that name a
        statement, and what partials take is charged to it.
        `waits_for_all`: the first error is raised when the others have answered too.
        `hedged`: replicas may be asked, too; it tells of which kind the question is.

        Raises:
            PartitionUnavailable: some did not answer before the deadline (on the monotonic clock).
        """
        kind = hedged if self._hedging.is_on else None
        round_ = _Round(table.id, table.name, set(numbers), kind)
        try:
            while round_.pending:
                self._start(round_, request)
                self._hedge(round_, request)
                self._collect(round_, deadline_s, waits_for_all=waits_for_all)
                if budget is not None:
                    round_.charge(budget)
                    if budget.cancelled.is_set():
                        budget.check()
                if round_.pending and SYSTEM_CLOCK.monotonic_s() >= deadline_s:
                    raise _unavailable(round_)
                self._look_again(round_)
        except BaseException:
            self._give_up(round_.calls.values())
            raise
        if round_.error is not None:
            raise _partly(round_.error, round_.answers)
        return round_.answers

    def _start(self, round_: "_Round", request: Request) -> None:
        """Ask the owners of what they are not being asked for."""
        free = round_.pending - round_.under_way(is_replica=False)
        if not free or round_.is_stale:
            return
        owners = self._places.owners_of(round_.table_id)
        by_owner: dict[str, list[int]] = {}
        for number in sorted(free):
            if number in owners:
                by_owner.setdefault(owners[number], []).append(number)
            else:
                round_.reasons[number] = "it is assigned to nobody"
                round_.doubt()
        for owner, numbers in by_owner.items():
            method, argument = request(tuple(numbers), is_repeated=round_.is_repeated)
            try:
                begun = self._cluster.begin(owner, method, argument)
            except Unreachable as error:
                round_.refuse(numbers, str(error))
                continue
            statement = _statement_of(argument)
            round_.calls[begun] = _Call(owner, owner, tuple(numbers), statement)
            if round_.kind is not None:
                round_.wait_for_owner(numbers, self._hedging.delay_s(owner, round_.kind))

    def _hedge(self, round_: "_Round", request: Request) -> None:
        """Ask replicas for what their owners are late with, or not to be had for."""
        if round_.kind is None:
            return
        by_owner: dict[str, list[int]] = {}
        owners = self._places.owners_of(round_.table_id)
        for number in sorted(round_.due()):
            if number in owners:
                by_owner.setdefault(owners[number], []).append(number)
            else:
                round_.put_off([number])
        asked = round_.under_way(is_replica=False)
        for owner, numbers in by_owner.items():
            replica = self._hedging.replica_of(owner, round_.hedges)
            round_.hedges += 1
            method, argument = request(tuple(numbers), is_repeated=True)
            try:
                begun = self._cluster.begin(replica, method, argument)
            except Unreachable:
                round_.put_off(numbers)
                continue
            statement = _statement_of(argument)
            round_.calls[begun] = _Call(replica, owner, tuple(numbers), statement)
            count_hedge(is_away=asked.isdisjoint(numbers))

    def _collect(self, round_: "_Round", deadline_s: float, *, waits_for_all: bool) -> None:
        """Take what comes within a moment."""
        if not round_.calls:
            return
        left_s = min(deadline_s, round_.next_s()) - SYSTEM_CLOCK.monotonic_s()
        # Of several who are asked the same, one is enough.
        count = 1 if round_.under_way(is_replica=True) else None
        for done in self._cluster.wait(round_.calls, min(LOOK_S, left_s), count=count):
            call = round_.calls.pop(done, None)
            if call is None:
                continue
            try:
                answer = self._cluster.outcome(call.name, done)
            except Unreachable as error:
                self._refused(round_, call, str(error))
                continue
            if not isinstance(answer, Refusal):
                self._accept(round_, call, answer)
            elif answer.is_elsewhere:
                self._refused(round_, call, str(answer.error))
            elif waits_for_all:
                round_.error = round_.error or answer.error
                round_.pending.difference_update(call.numbers)
            else:
                raise answer.error

    def _accept(self, round_: "_Round", call: "_Call", answer: Any) -> None:
        """Take an answer, unless one of its partitions was answered by another."""
        if not round_.pending.issuperset(call.numbers):
            return
        overtaken = [
            begun for begun, other in round_.calls.items() if set(other.numbers) & set(call.numbers)
        ]
        if call.is_replica:
            shown = cast("ReplicaAnswer", answer)
            # Known before anybody hears of it: whoever asks then must not see less.
            self.seen.note(round_.table_id, shown.sequences)
            answer = shown.answer
            count_hedge_won()
            if overtaken:
                self._hedging.note_overtaken(call.owner)
        elif round_.kind is not None:
            taken_s = SYSTEM_CLOCK.monotonic_s() - call.began_s
            self._hedging.note_answer(call.owner, round_.kind, taken_s)
        round_.answers.append(answer)
        round_.pending.difference_update(call.numbers)
        self._give_up([round_.calls.pop(begun) for begun in overtaken])

    def _refused(self, round_: "_Round", call: "_Call", reason: str) -> None:
        """Take note that somebody did not answer who may later, or another may."""
        if call.is_replica:
            round_.put_off(call.numbers)
        else:
            round_.refuse(call.numbers, reason)

    def _look_again(self, round_: "_Round") -> None:
        """Look up who owns what has not answered, after a pause if somebody refused."""
        if not round_.pending:
            return
        now_s = SYSTEM_CLOCK.monotonic_s()
        if round_.is_stale:
            if now_s < round_.again_s:
                if not round_.calls:
                    time.sleep(max(0.0, round_.next_s() - now_s))
                return
            round_.is_stale = False
            round_.pause_s = min(round_.pause_s * 2, PAUSE_MAX_S)
        elif now_s - round_.looked_s < PLACES_AGE_S:
            return
        try:
            owners = self._places.look_up(round_.table_id)
        except BitbrookError as error:
            round_.refuse(round_.pending, error.message)
            return
        round_.looked_s = SYSTEM_CLOCK.monotonic_s()
        moved = [
            begun
            for begun, call in round_.calls.items()
            if not call.is_replica and any(owners.get(n) != call.owner for n in call.numbers)
        ]
        for begun in moved:
            call = round_.calls.pop(begun)
            reason = f"owner {call.owner} was replaced"
            round_.reasons.update(dict.fromkeys(call.numbers, reason))
            round_.is_repeated = True

    def _give_up(self, calls: Iterable["_Call"]) -> None:
        """Let those end what nobody waits for who can."""
        for call in calls:
            if not call.statement:
                continue
            try:
                self._cluster.begin(call.name, "cancel", call.statement)
            except Unreachable:
                continue


@dataclass(slots=True, frozen=True)
class _Call:
    """Somebody who is asked for partitions of an owner: the owner, or one of its replicas.

    `statement`: under which what runs of it is ended; empty if it is not to be.
    """

    name: str
    owner: str
    numbers: tuple[int, ...]
    statement: str
    began_s: float = field(default_factory=SYSTEM_CLOCK.monotonic_s)

    @property
    def is_replica(self) -> bool:
        return self.name != self.owner


@dataclass(slots=True)
class _Round:
    """What was asked and answered so far of one request.

    `kind`: of the question, if replicas may be asked. `is_stale`: somebody refused, so that what is
    known of owners may be old; nobody is asked before `again_s`. `is_repeated`: what is asked from
    now on may have been asked before. `due_s`: from when on a replica may be asked for a partition;
    `put_off_once`: of which one has refused already.
    """

    table_id: str
    table_name: str
    pending: set[int]
    kind: Hashable
    answers: list[Any] = field(default_factory=list)
    calls: dict[Any, _Call] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    error: Exception | None = None
    is_stale: bool = False
    again_s: float = 0.0
    is_repeated: bool = False
    pause_s: float = FIRST_PAUSE_S
    looked_s: float = field(default_factory=SYSTEM_CLOCK.monotonic_s)
    due_s: dict[int, float] = field(default_factory=dict)
    put_off_once: set[int] = field(default_factory=set)
    hedges: int = 0
    charged: int = 0

    def charge(self, budget: Budget) -> None:
        """Count what the answers take that came since the last time."""
        new, self.charged = self.answers[self.charged :], len(self.answers)
        size_bytes = sum(map(size_of, new))
        if size_bytes:
            budget.take(size_bytes, "answers of partitions")

    def under_way(self, *, is_replica: bool) -> set[int]:
        """Return the partitions for which owners, or replicas, are being asked."""
        calls = self.calls.values()
        return {number for c in calls if c.is_replica == is_replica for number in c.numbers}

    def doubt(self) -> None:
        """Take note that what is known of owners may be old; it is looked up after a pause."""
        if not self.is_stale:
            self.again_s = SYSTEM_CLOCK.monotonic_s() + self.pause_s
        self.is_stale = True

    def refuse(self, numbers: Collection[int], reason: str) -> None:
        """Take note of why owners did not answer for partitions this time."""
        self.reasons.update(dict.fromkeys(numbers, reason))
        self.doubt()
        self.is_repeated = True
        for number in set(numbers) - self.put_off_once:
            self.due_s[number] = 0.0

    def wait_for_owner(self, numbers: Collection[int], delay_s: float) -> None:
        """Ask no replica for partitions before their owner had so much time, once."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        for number in numbers:
            self.due_s.setdefault(number, now_s + delay_s)

    def put_off(self, numbers: Collection[int]) -> None:
        """Ask no replica for partitions again before a while has passed: one has refused."""
        due_s = SYSTEM_CLOCK.monotonic_s() + REPLICA_PAUSE_S
        self.due_s.update(dict.fromkeys(numbers, due_s))
        self.put_off_once.update(numbers)

    def due(self) -> set[int]:
        """Return the partitions for which a replica is to be asked now."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        waiting = self.pending - self.under_way(is_replica=True)
        return {number for number in waiting if self.due_s.get(number, now_s + 1) <= now_s}

    def next_s(self) -> float:
        """Return when something is to be done, unless somebody answers before."""
        waiting = self.pending - self.under_way(is_replica=True) if self.kind is not None else ()
        moments = [self.due_s[number] for number in waiting if number in self.due_s]
        if self.is_stale:
            moments.append(self.again_s)
        return min(moments, default=float("inf"))


def _statement_of(argument: Any) -> str:
    """Return under which name what a call runs is ended, if it has one."""
    return cast("str", getattr(argument, "statement", ""))


def _unavailable(round_: _Round) -> PartitionUnavailable:
    by_reason: dict[str, list[int]] = {}
    for number in sorted(round_.pending):
        reason = round_.reasons.get(number, "its owner did not answer")
        by_reason.setdefault(reason, []).append(number)
    told = [
        f"partition{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}: {reason}"
        for reason, numbers in by_reason.items()
    ]
    listed = "; ".join(told)
    error = PartitionUnavailable(f"table {round_.table_name!r}: {listed}; try again")
    error.details = told
    return error


def _partly(error: Exception, answers: list[Any]) -> Exception:
    """Return the error of one owner, said of a batch of which others applied their parts."""
    if answers and isinstance(error, Overloaded):
        reason = error.message.partition("; nothing was applied")[0]
        return PartitionUnavailable(
            f"a part of the batch was refused ({reason}) and other parts are stored; send it "
            "again, under the same Idempotency-Key if it has one"
        )
    return error
