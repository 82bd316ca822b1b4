"""Statements that run, and the last of every deployment: who may see them, and who may end them.

An administrator sees the organisation's, anybody else their own. In memory only: a restart forgets.
Invariant: an entry is among those that run or, once it has ended, in its deployment's history.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from bitbrook.algebra.budget import Budget
from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.control.statement_kinds import kind_of
from bitbrook.errors import BitbrookError, Cancelled, NotFound, TimedOut
from bitbrook.query.database import StatementEntry, StatementStatus
from bitbrook.telemetry.logs import get_logger
from bitbrook.telemetry.metrics import count_statement
from bitbrook.telemetry.requests import current_request_id

LOGGER = get_logger(__name__)

HISTORY_MAX = 1_000
"""Statements remembered of a deployment."""

TEXT_CHARACTERS_MAX = 1_000
"""Characters remembered of a statement, and of its error."""

_STATUSES: dict[type[BaseException], StatementStatus] = {
    Cancelled: StatementStatus.CANCELLED,
    TimedOut: StatementStatus.TIMED_OUT,
}


class RunningStatement:
    """A statement under way: its id and its budget. It ends once."""

    def __init__(self, statements: "Statements", entry: StatementEntry, budget: Budget) -> None:
        self.id = entry.id
        self.budget = budget
        self.entry = entry
        self.started_s = budget.clock.monotonic_s()
        self._statements = statements

    @property
    def elapsed_us(self) -> int:
        """Microseconds since it began."""
        return round((self.budget.clock.monotonic_s() - self.started_s) * 1_000_000)

    def end(
        self,
        error: BaseException | None = None,
        *,
        rows_returned: int | None = None,
        answer_bytes: int = 0,
    ) -> None:
        """Note how it ended; only the first end counts."""
        if not self._statements.remove(self.id):
            return
        entry = self.entry
        entry.duration_us = self.elapsed_us
        entry.records_selected = self.budget.records_selected
        entry.rows_returned = rows_returned
        entry.answer_bytes = answer_bytes
        if error is None:
            entry.status, outcome = StatementStatus.SUCCEEDED, "success"
        else:
            entry.status = _STATUSES.get(type(error), StatementStatus.FAILED)
            # What nobody raised on purpose may tell of the server's inside.
            entry.error, outcome = "something went wrong in the server", "InternalError"
            if isinstance(error, BitbrookError):
                entry.error, outcome = _cut(error.message), error.code
        self._statements.keep(entry)
        self._statements.count(entry, outcome)


class Statements:
    """The statements of all deployments. `exists` tells whether there is a deployment of an id.

    Those that take longer than `slow_s` are logged, without their text, which may hold data.
    `when_ended` is told each one that has ended.
    """

    def __init__(
        self,
        exists: Callable[[str], bool],
        *,
        slow_s: float = float("inf"),
        when_ended: Callable[[StatementEntry], object] | None = None,
        clock: Clock,
    ) -> None:
        self._when_ended = when_ended
        self._slow_s = slow_s
        self._exists = exists
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, RunningStatement] = {}
        self._past: dict[str, deque[StatementEntry]] = {}

    def begin(
        self, caller: Caller, deployment_id: str, language: str, text: str, budget: Budget
    ) -> RunningStatement:
        """Return a statement that begins now; whoever begins it ends it."""
        entry = StatementEntry(
            id=secrets.token_hex(8),
            organisation_id=caller.organisation_id,
            deployment_id=deployment_id,
            user_id=caller.user_id,
            user=caller.email,
            request_id=current_request_id(),
            language=language,
            text=_cut(text),
            started_s=self._clock.now_s(),
        )
        statement = RunningStatement(self, entry, budget)
        with self._lock:
            self._running[entry.id] = statement
        return statement

    @property
    def running_count(self) -> int:
        """How many run or wait for a thread."""
        return len(self._running)

    def count(self, entry: StatementEntry, outcome: str) -> None:
        """Count a statement that has ended, and log it if it was slow."""
        duration_s = entry.duration_us / 1_000_000
        kind = kind_of(entry.language, entry.text)
        is_slow = duration_s > self._slow_s
        count_statement(entry.language, outcome, duration_s, kind=kind, is_slow=is_slow)
        if is_slow:
            LOGGER.warning(
                "slow statement",
                statement_id=entry.id,
                deployment_id=entry.deployment_id,
                language=entry.language,
                kind=kind,
                duration_ms=entry.duration_us // 1_000,
                outcome=outcome,
            )

    def running(self, caller: Caller, deployment_id: str | None = None) -> list[StatementEntry]:
        """Return what runs of what the caller may see, oldest first. Needs QUERY."""
        caller.require_somewhere(Right.QUERY)
        with self._lock:
            running = list(self._running.values())
        return [
            replace(
                each.entry,
                duration_us=each.elapsed_us,
                records_selected=each.budget.records_selected,
            )
            for each in running
            if deployment_id in {None, each.entry.deployment_id} and _sees(caller, each.entry)
        ]

    def past(self, caller: Caller, deployment_id: str, limit: int) -> list[StatementEntry]:
        """Return the last of a deployment that the caller may see, newest first. Needs QUERY."""
        caller.require(Right.QUERY, deployment_id=deployment_id)
        with self._lock:
            kept = list(self._past.get(deployment_id, ()))
        return [entry for entry in reversed(kept) if _sees(caller, entry)][:limit]

    def cancel(
        self, caller: Caller, statement_id: str, deployment_id: str | None = None
    ) -> StatementEntry:
        """Cancel a statement and return what it was; it ends within moments. Needs QUERY.

        Raises:
            NotFound: none of that id runs that the caller may see.
        """
        caller.require_somewhere(Right.QUERY)
        with self._lock:
            found = self._running.get(statement_id)
        if (
            found is None
            or deployment_id not in {None, found.entry.deployment_id}
            or not _sees(caller, found.entry)
        ):
            raise NotFound(
                f"query {statement_id[:100]!r} not found; it is not running, or not any more"
            )
        found.budget.cancelled.set()
        return replace(found.entry, duration_us=found.elapsed_us)

    def remove(self, statement_id: str) -> bool:
        """Take a statement from those that run; return whether it still was among them."""
        with self._lock:
            return self._running.pop(statement_id, None) is not None

    def keep(self, entry: StatementEntry) -> None:
        """Remember a statement that has ended."""
        with self._lock:
            past = self._past.get(entry.deployment_id)
            if past is None:
                # A new deployment is the moment to forget those that are gone.
                self._past = {id_: kept for id_, kept in self._past.items() if self._exists(id_)}
                past = self._past[entry.deployment_id] = deque(maxlen=HISTORY_MAX)
            past.append(entry)
        if self._when_ended is not None:
            self._when_ended(entry)


def _sees(caller: Caller, entry: StatementEntry) -> bool:
    return (
        entry.organisation_id == caller.organisation_id
        and caller.reaches(deployment_id=entry.deployment_id)
        and (Right.ADMIN in caller.rights or entry.user_id == caller.user_id)
    )


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 1] + "…"
