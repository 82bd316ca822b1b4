"""Statements: which database they run against and what they may spend."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bitbrook.algebra.budget import Budget
from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.compute.local import LocalCompute
from bitbrook.control.database import ControlDatabase
from bitbrook.control.deployments import check_running
from bitbrook.control.registry import Registry
from bitbrook.control.tables import Tables
from bitbrook.errors import Conflict, Stopping
from bitbrook.settings import Settings

DEFAULT_NAME = "default"


class Queries:
    """Where statements run, and which of them are running."""

    def __init__(
        self,
        registry: Registry,
        tables: Tables,
        compute: LocalCompute,
        settings: Settings,
        *,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._tables = tables
        self._compute = compute
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[int, Budget] = {}
        self._is_closed = False

    def database(self, caller: Caller, deployment_id: str) -> ControlDatabase:
        """Return a deployment as the caller's statements see it. Needs QUERY.

        Raises:
            NotFound: the organisation has none of that id.
            Conflict: it is not RUNNING.
        """
        row = self._registry.deployment(caller, deployment_id)
        caller.require(Right.QUERY, deployment_id=deployment_id)
        check_running(row)
        return ControlDatabase(caller, deployment_id, self._registry, self._tables, self._compute)

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
    def budget(self) -> Iterator[Budget]:
        """Give a budget that starts now, for one statement; closing the service cancels it."""
        timeout_s = self._settings.query_timeout_s
        budget = Budget.starting_now(timeout_s, clock=self._clock)
        budget.answer_bytes_max = self._settings.answer_bytes_max
        with self._lock:
            if self._is_closed:
                raise Stopping("the server stops; send the statement again later")
            self._running[id(budget)] = budget
        try:
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
