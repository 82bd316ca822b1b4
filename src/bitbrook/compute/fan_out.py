"""Asking the owners of some partitions, until all have answered or the time is over.

An answer is complete or it is an error that names every partition that did not answer, and why. An
owner that died, lost a partition or has not opened it is asked again, it or whoever owns the
partition by then: who that is is looked up in the log's database, which is right where Ray may not
be. An owner that does not answer while its partitions went to another is not waited for.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bitbrook.algebra.budget import Budget
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Cluster, Unreachable
from bitbrook.compute.requests import Refusal
from bitbrook.errors import BitbrookError, Overloaded, PartitionUnavailable
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.ownership import Ownership

FIRST_PAUSE_S = 0.02
PAUSE_MAX_S = 0.5
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
    """Asks owners."""

    def __init__(self, cluster: Cluster, places: Places) -> None:
        self._cluster = cluster
        self._places = places

    def gather(
        self,
        table: TableSchema,
        numbers: Collection[int],
        request: Request,
        *,
        deadline_s: float,
        budget: Budget | None = None,
        statement: str = "",
        waits_for_all: bool = False,
    ) -> list[Any]:
        """Return what the owners of these partitions answer, each for its own.

        `budget`: whose end ends the asking, and what runs under the name `statement`.
        `waits_for_all`: the first error is raised when the others have answered too.

        Raises:
            PartitionUnavailable: some did not answer before the deadline (on the monotonic clock).
        """
        round_ = _Round(table.id, table.name, set(numbers))
        try:
            while round_.pending:
                self._start(round_, request)
                self._collect(round_, deadline_s, waits_for_all=waits_for_all)
                if budget is not None and budget.cancelled.is_set():
                    budget.check()
                if round_.pending and SYSTEM_CLOCK.monotonic_s() >= deadline_s:
                    raise _unavailable(round_)
                self._look_again(round_)
        except BaseException:
            self._cancel(round_, statement)
            raise
        if round_.error is not None:
            raise _partly(round_.error, round_.answers)
        return round_.answers

    def _start(self, round_: "_Round", request: Request) -> None:
        """Ask the owners of what is not being asked for."""
        under_way = {number for _, numbers in round_.calls.values() for number in numbers}
        free = round_.pending - under_way
        if not free:
            return
        owners = self._places.owners_of(round_.table_id)
        by_owner: dict[str, list[int]] = {}
        for number in sorted(free):
            if number in owners:
                by_owner.setdefault(owners[number], []).append(number)
            else:
                round_.reasons[number] = "it is assigned to nobody"
                round_.is_stale = True
        for owner, numbers in by_owner.items():
            method, argument = request(tuple(numbers), is_repeated=round_.is_repeated)
            try:
                call = self._cluster.begin(owner, method, argument)
            except Unreachable as error:
                round_.refuse(numbers, str(error))
            else:
                round_.calls[call] = (owner, tuple(numbers))

    def _collect(self, round_: "_Round", deadline_s: float, *, waits_for_all: bool) -> None:
        """Take what comes within a moment."""
        if not round_.calls:
            return
        left_s = deadline_s - SYSTEM_CLOCK.monotonic_s()
        for call in self._cluster.wait(round_.calls, min(LOOK_S, left_s)):
            owner, numbers = round_.calls.pop(call)
            try:
                answer = self._cluster.outcome(owner, call)
            except Unreachable as error:
                round_.refuse(numbers, str(error))
                continue
            if not isinstance(answer, Refusal):
                round_.answers.append(answer)
                round_.pending.difference_update(numbers)
            elif answer.is_elsewhere:
                round_.refuse(numbers, str(answer.error))
            elif waits_for_all:
                round_.error = round_.error or answer.error
                round_.pending.difference_update(numbers)
            else:
                raise answer.error

    def _look_again(self, round_: "_Round") -> None:
        """Look up who owns what has not answered, after a pause if somebody refused."""
        if not round_.pending:
            return
        if round_.is_stale:
            time.sleep(round_.pause_s)
            round_.pause_s = min(round_.pause_s * 2, PAUSE_MAX_S)
        elif SYSTEM_CLOCK.monotonic_s() - round_.looked_s < PLACES_AGE_S:
            return
        try:
            owners = self._places.look_up(round_.table_id)
        except BitbrookError as error:
            round_.refuse(round_.pending, error.message)
            return
        round_.is_stale = False
        round_.looked_s = SYSTEM_CLOCK.monotonic_s()
        moved = [
            call
            for call, (owner, numbers) in round_.calls.items()
            if any(owners.get(number) != owner for number in numbers)
        ]
        for call in moved:
            owner, numbers = round_.calls.pop(call)
            round_.reasons.update(dict.fromkeys(numbers, f"owner {owner} was replaced"))
            round_.is_repeated = True

    def _cancel(self, round_: "_Round", statement: str) -> None:
        """Let owners end what nobody waits for."""
        if not statement:
            return
        for owner, _ in round_.calls.values():
            try:
                self._cluster.begin(owner, "cancel", statement)
            except Unreachable:
                continue


@dataclass(slots=True)
class _Round:
    """What was asked and answered so far of one request.

    `is_stale`: somebody refused, so that what is known of owners may be old. `is_repeated`: what is
    asked from now on may have been asked before.
    """

    table_id: str
    table_name: str
    pending: set[int]
    answers: list[Any] = field(default_factory=list)
    calls: dict[Any, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    error: Exception | None = None
    is_stale: bool = False
    is_repeated: bool = False
    pause_s: float = FIRST_PAUSE_S
    looked_s: float = field(default_factory=SYSTEM_CLOCK.monotonic_s)

    def refuse(self, numbers: Collection[int], reason: str) -> None:
        """Take note of why partitions did not answer this time."""
        self.reasons.update(dict.fromkeys(numbers, reason))
        self.is_stale = self.is_repeated = True


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
        return Overloaded(f"{error.message}; other parts of the batch are stored; send it again")
    return error
