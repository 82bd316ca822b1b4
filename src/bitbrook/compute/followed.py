"""The tables of which a replica has partitions open: those of its slot's owner, whoever that is.

The log's database says what is assigned to owners of the slot. Nothing is taken there: a replica
holds no epoch and no lease, so nobody waits for it and nobody is fenced by it, and an answer is as
good as the log that it read a moment before.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import Question
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.holdings import Elsewhere
from bitbrook.engine.followed_table import FollowedTable, Shown
from bitbrook.errors import BitbrookError, TableNotFound
from bitbrook.stores.following import Following
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import SnapshotStore
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

VIEWS_EXPIRE_EVERY_S = 60.0


class Followed:
    """What one replica has open. `slot`: how the names of its slot's owners begin."""

    def __init__(
        self, slot: str, *, following: Following, log: Log, snapshots: SnapshotStore
    ) -> None:
        self._slot = slot
        self._following = following
        self._log = log
        self._snapshots = snapshots
        self._tables: dict[str, FollowedTable] = {}
        self._lock = threading.Lock()
        self._expired_at_s = float("-inf")

    def answer(
        self, table_id: str, numbers: Collection[int], question: Question, budget: Budget
    ) -> Shown:
        """Return the answers of some partitions, with all that was durable when it was called.

        Raises:
            Elsewhere: they are not open here, or the table was dropped.
            Overloaded, Damaged: as of `FollowedTable.answer`.
        """
        with self._opened(table_id, numbers) as table:
            return table.answer(question, budget, numbers)

    def sequences(self, table_id: str, numbers: Collection[int]) -> dict[int, int]:
        """Return the last batch of some partitions that is durable, which answers have from now on.

        Raises:
            Elsewhere, Overloaded, Damaged: as of `answer`.
        """
        with self._opened(table_id, numbers) as table:
            return table.sequences(Budget(), numbers)

    def bring(self) -> None:
        """Open and close tables until they are those of the slot's owner, and catch up with all.

        Raises:
            Overloaded: the log's database cannot be reached.
        """
        numbers: dict[str, tuple[int, ...]] = {}
        for each in self._following.assigned(self._slot):
            numbers[each.table_id] = (*numbers.get(each.table_id, ()), each.number)
        for table in list(self._tables.values()):
            if table.table_id not in numbers:
                self._close(table)
        for table_id, assigned in numbers.items():
            known = self._tables.get(table_id)
            if known is None or known.numbers != assigned:
                self._open(table_id, assigned)
        self._tend()

    def close(self) -> None:
        """Have nothing open any more."""
        with self._lock:
            self._tables = {}

    @contextmanager
    def _opened(self, table_id: str, numbers: Collection[int]) -> Iterator[FollowedTable]:
        """Give a table if these partitions of it are open; who finds it dropped closes it."""
        table = self._tables.get(table_id)
        if table is None or not set(table.numbers).issuperset(numbers):
            raise Elsewhere(f"the replica of {self._slot} has not opened all of these")
        try:
            yield table
        except TableNotFound as error:
            self._close(table)
            raise Elsewhere(error.message) from None

    def _open(self, table_id: str, numbers: tuple[int, ...]) -> None:
        table = FollowedTable(
            table_id,
            numbers,
            log=self._log,
            snapshots=self._snapshots,
            following=self._following,
        )
        if self._is_tended(table):
            with self._lock:
                self._tables = {**self._tables, table_id: table}

    def _close(self, table: FollowedTable) -> None:
        with self._lock:
            kept = self._tables.items()
            self._tables = {table_id: each for table_id, each in kept if each is not table}

    def _tend(self) -> None:
        """Catch up where something came, and let go of what lies in blocks that will go."""
        tables = list(self._tables.values())
        positions = {name: at for table in tables for name, at in table.positions.items()}
        if positions:
            glance = self._following.glance(positions)
            for table in tables:
                if table.is_behind(glance):
                    self._is_tended(table)
        now_s = SYSTEM_CLOCK.monotonic_s()
        if now_s - self._expired_at_s >= VIEWS_EXPIRE_EVERY_S:
            self._expired_at_s = now_s
            for table in tables:
                table.expire_views(SYSTEM_CLOCK.now_s())

    def _is_tended(self, table: FollowedTable) -> bool:
        """Tend a table; return whether it could be. One must not keep the others from it."""
        try:
            table.tend(Budget())
        except TableNotFound:
            self._close(table)
        except BitbrookError as error:
            LOGGER.warning("a table is not followed", table=table.table_id, reason=error.message)
        except Exception:
            LOGGER.exception("a table is not followed", table=table.table_id)
        else:
            return True
        return False
