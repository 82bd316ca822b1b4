"""A budget: what a statement may still spend, carried from the planner into the kernels.

One object a statement. Whoever loops over shards, groups or rows calls `check` as often as a few
milliseconds of work pass; it raises once the deadline is over or the caller has gone away.
"""

import threading
from dataclasses import dataclass, field
from typing import Self

from bitbrook.algebra.memory import SharedMemory
from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.errors import Cancelled, LimitExceeded, TimedOut


class WouldWait(Exception):
    """A statement that may not wait would have to: nothing went wrong, let it run elsewhere.

    `is_lasting`: it would have to at any time, not just now.
    """

    def __init__(self, *, is_lasting: bool = False) -> None:
        super().__init__()
        self.is_lasting = is_lasting


@dataclass(slots=True)
class Budget:
    """Deadline, memory and cancel flag of one statement; a context that gives the memory back.

    `deadline_s` is on the clock's monotonic scale; None never passes. `records_selected` is what
    was spent: the most records that one question counted or read. `prompt_until_s`: of a statement
    that keeps a thread from other work, until when it may, on the same scale as the deadline; it
    must not wait for anything, and raises WouldWait instead. `held_bytes`: what the statement has
    gathered, of `memory_bytes_max` and of what all statements `share`; it counts until the end,
    since a statement mostly holds what it was answered until it has written its own answer.
    """

    deadline_s: float | None = None
    timeout_s: float = 60.0
    answer_bytes_max: int = 64 << 20
    groups_max: int = 10_000_000
    memory_bytes_max: int = 2 << 30
    clock: Clock = SYSTEM_CLOCK
    cancelled: threading.Event = field(default_factory=threading.Event)
    records_selected: int = 0
    prompt_until_s: float | None = None
    held_bytes: int = 0
    share: SharedMemory | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.share is not None:
            self.share.give_back(self.held_bytes)
        self.held_bytes = 0

    @classmethod
    def starting_now(cls, timeout_s: float = 60.0, *, clock: Clock = SYSTEM_CLOCK) -> "Budget":
        """Return a budget whose deadline is `timeout_s` from now."""
        return cls(deadline_s=clock.monotonic_s() + timeout_s, timeout_s=timeout_s, clock=clock)

    @property
    def may_wait(self) -> bool:
        """Whether the statement has its thread for itself."""
        return self.prompt_until_s is None

    def check(self) -> None:
        """Return if work may go on.

        Raises:
            WouldWait: it has to be prompt and was not.
            Cancelled: the caller went away or asked for an end.
            TimedOut: the deadline has passed.
        """
        if self.cancelled.is_set():
            raise Cancelled("the statement was cancelled")
        if self.deadline_s is None and self.prompt_until_s is None:
            return
        now_s = self.clock.monotonic_s()
        if self.prompt_until_s is not None and now_s > self.prompt_until_s:
            raise WouldWait
        if self.deadline_s is not None and now_s > self.deadline_s:
            raise TimedOut(
                f"the statement ran longer than its {self.timeout_s:g} s; "
                "narrow its filter or raise query_timeout_s"
            )

    def check_groups(self, count: int, group_bytes: int = 0) -> None:
        """Return if so many groups of so many bytes may be formed, else raise LimitExceeded."""
        if count > self.groups_max:
            raise LimitExceeded(
                f"the statement forms {count:,} groups and {self.groups_max:,} are allowed; "
                "narrow its filter or group by fewer fields"
            )
        self._check_memory(count * group_bytes, "groups")

    def take(self, size_bytes: int, what: str) -> None:
        """Count memory that the statement is about to use and hold.

        Raises:
            LimitExceeded: with it a statement holds more than it may; tells how much that is.
            Overloaded: the statements that run hold too much together.
        """
        self._check_memory(size_bytes, what)
        if self.share is not None:
            self.share.take(size_bytes)
        self.held_bytes += size_bytes

    def _check_memory(self, size_bytes: int, what: str) -> None:
        needed = self.held_bytes + size_bytes
        if needed > self.memory_bytes_max:
            raise LimitExceeded(
                f"the statement would take {needed:,} bytes of memory ({what}) and "
                f"{self.memory_bytes_max:,} are allowed; narrow its filter, ask for less at a time "
                "or raise query_memory_bytes_max"
            )
