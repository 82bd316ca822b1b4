"""Statements: which database they run against, how many at a time, and what they may spend."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bitbrook.algebra.budget import Budget, WouldWait
from bitbrook.algebra.memory import SharedMemory, machine_bytes
from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.database import ControlDatabase
from bitbrook.control.deployments import check_running
from bitbrook.control.registry import Registry
from bitbrook.control.service_tables import ServiceTables
from bitbrook.control.statements import RunningStatement, Statements
from bitbrook.control.tables import Tables
from bitbrook.errors import Conflict, QuotaExceeded, Stopping
from bitbrook.query.database import BulkPlaces, StatementEntry
from bitbrook.settings import Settings

DEFAULT_NAME = "default"

SHARE = 4
"""So small a part of the machine's memory may hold what statements gather, by default."""

RETRY_AFTER_S = 1
"""Seconds after which a statement that was one too many is worth sending again."""


class Queries:
    """Where statements run, and which of them are running.

    `statements`: what they are, for whom may see it. `memory`: what they share.
    """

    def __init__(
        self,
        registry: Registry,
        tables: Tables,
        compute: Compute,
        settings: Settings,
        *,
        service_tables: ServiceTables | None = None,
        clock: Clock,
    ) -> None:
        self._service_tables = service_tables
        self._registry = registry
        self._tables = tables
        self._compute = compute
        self._settings = settings
        self._clock = clock
        self._bulk_places = BulkPlaces.listed(settings.bulk_directories, settings.bulk_url_prefixes)
        self.memory = SharedMemory(settings.queries_memory_bytes_max or machine_bytes() // SHARE)
        self._lock = threading.Lock()
        self._running: dict[int, Budget] = {}
        self._admitted: dict[str, int] = {}
        self._is_closed = False
        self.statements = Statements(
            self._exists,
            slow_s=settings.slow_statement_s,
            when_ended=None if service_tables is None else service_tables.add_query,
            clock=clock,
        )

    def database(self, caller: Caller, deployment_id: str) -> ControlDatabase:
        """Return a deployment as the caller's statements see it. Needs QUERY.

        Raises:
            NotFound: the organisation has none of that id.
            Conflict: it is not RUNNING.
        """
        row = self._registry.deployment(caller, deployment_id)
        caller.require(Right.QUERY, deployment_id=deployment_id)
        check_running(row)
        return ControlDatabase(
            caller,
            deployment_id,
            self._registry,
            self._tables,
            self._compute,
            statements=self.statements,
            bulk_places=self._bulk_places,
            service_tables=self._service_tables,
        )

    def default_database(self, caller: Caller) -> ControlDatabase:
        """Return the organisation's only deployment, or the one that is called `default`.

        Raises:
            Conflict: there are several, none of them `default`; or none.
        """
        rows = [
            row
            for row in self._registry.deployments(caller.organisation_id)
            if caller.reaches(deployment_id=row.id)
        ]
        chosen = rows if len(rows) == 1 else [row for row in rows if row.name == DEFAULT_NAME]
        if not chosen:
            raise Conflict(
                f"there are {len(rows)} deployments and none is called {DEFAULT_NAME!r}; "
                "name one in the path: /databases/<id>/query/sql"
            )
        return self.database(caller, chosen[0].id)

    @contextmanager
    def admitted(self, caller: Caller, deployment_id: str = "") -> Iterator[ControlDatabase]:
        """Give a deployment (the default one if none is named) to one statement more.

        Raises:
            QuotaExceeded: as many of the deployment's statements run or wait as may.
            NotFound, Conflict: as of `database` and `default_database`.
        """
        database = (
            self.database(caller, deployment_id) if deployment_id else self.default_database(caller)
        )
        id_ = database.deployment_id
        allowed = self._settings.deployment_statements_max
        with self._lock:
            count = self._admitted.get(id_, 0)
            if count >= allowed:
                raise QuotaExceeded(
                    f"{count:,} statements of this deployment run or wait and {allowed:,} may; "
                    "send this one again later or raise deployment_statements_max",
                    retry_after_s=RETRY_AFTER_S,
                )
            self._admitted[id_] = count + 1
        try:
            yield database
        finally:
            with self._lock:
                self._admitted[id_] -= 1
                if not self._admitted[id_]:
                    del self._admitted[id_]

    @contextmanager
    def statement(
        self, database: ControlDatabase, language: str, text: str
    ) -> Iterator[RunningStatement]:
        """Give a statement that begins now, with its budget.

        It is ended here if it fails; if not, by whoever sends its answer.
        """
        with self.budget() as budget:
            statement = self.statements.begin(
                database.caller, database.deployment_id, language, text, budget
            )
            try:
                yield statement
            except WouldWait:
                # It begins again elsewhere, as the same statement of its client.
                self.statements.remove(statement.id)
                raise
            except BaseException as error:
                statement.end(error)
                raise

    def past(self, caller: Caller, deployment_id: str, limit: int) -> list[StatementEntry]:
        """Return a deployment's last statements that the caller may see, newest first.

        Those that run come first. Needs QUERY.

        Raises:
            NotFound: the organisation has none of that id.
        """
        self._registry.deployment(caller, deployment_id)
        past = self.statements.past(caller, deployment_id, limit)
        running = self.statements.running(caller, deployment_id)
        return [*reversed(running), *past][:limit]

    @contextmanager
    def budget(self) -> Iterator[Budget]:
        """Give a budget that starts now, for one statement; closing the service cancels it."""
        timeout_s = self._settings.query_timeout_s
        budget = Budget.starting_now(timeout_s, clock=self._clock)
        budget.answer_bytes_max = self._settings.answer_bytes_max
        budget.memory_bytes_max = self._settings.query_memory_bytes_max
        budget.share = self.memory
        with self._lock:
            if self._is_closed:
                raise Stopping("the server stops; send the statement again later")
            self._running[id(budget)] = budget
        try:
            with budget:
                yield budget
        finally:
            with self._lock:
                del self._running[id(budget)]

    @property
    def running_count(self) -> int:
        """How many statements are running."""
        return len(self._running)

    def close(self) -> None:
        """Cancel what runs and start nothing more."""
        with self._lock:
            self._is_closed = True
            for budget in self._running.values():
                budget.cancelled.set()

    def _exists(self, deployment_id: str) -> bool:
        return any(row.id == deployment_id for row in self._registry.deployments())
