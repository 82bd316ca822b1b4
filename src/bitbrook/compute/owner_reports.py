"""What is known of all owners, for whoever looks at the metrics: they are asked once a second.

A thread of its own asks, and nobody waits for it longer than a moment: an owner that is away, or a
database that is, leaves what was known before. A lease is judged by the log's database, so it shows
whether or not its owner answers; while the database is away, leases are taken to run out.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Cluster, call_all
from bitbrook.compute.placing import OwnerName
from bitbrook.compute.requests import OwnerFigures, OwnerReport, TableFigures
from bitbrook.errors import BitbrookError, PartitionUnavailable
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.ownership import Ownership, OwnerState
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

ASKED_EVERY_S = 1.0
ANSWERED_WITHIN_S = 1.0
WAIT_S = 1.5
"""So long after the asking began nobody waits for it: longer than it waits for owners."""


class OwnerReports:
    """Asks owners when somebody looks. Ended by `close`."""

    def __init__(self, ownership: Ownership, cluster: Cluster) -> None:
        self._ownership = ownership
        self._cluster = cluster
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reports")
        self._lock = threading.Lock()
        self._asking: Future[None] | None = None
        self._began_s = self._told_s = self._seen_s = float("-inf")
        self._owners: list[OwnerState] = []
        self._figures: Mapping[str, OwnerFigures] = {}
        self._is_database_away = False

    def now(self) -> list[OwnerReport]:
        """Return what is known, of about a second ago at most where that can be had."""
        with self._lock:
            asking = self._asking
            now_s = SYSTEM_CLOCK.monotonic_s()
            is_old = now_s - self._told_s >= ASKED_EVERY_S
            if asking is None or (asking.done() and is_old):
                self._began_s = now_s
                asking = self._asking = self._thread.submit(self._ask)
            left_s = self._began_s + WAIT_S - now_s
        _, late = wait([asking], max(left_s, 0.0))
        figures, away_s = self._figures, 0.0
        if late or self._is_database_away:
            away_s = SYSTEM_CLOCK.monotonic_s() - self._seen_s
        return [
            OwnerReport(
                owner.name,
                OwnerName.of(owner.name).deployment,
                bool(owner.process) and owner.over_for_s + away_s < 0,
                figures.get(owner.name),
            )
            for owner in self._owners
        ]

    def note(self, owners: list[OwnerState]) -> None:
        """Take note of all owners, as they have just been looked up."""
        self._owners, self._seen_s = owners, SYSTEM_CLOCK.monotonic_s()

    def close(self) -> None:
        """Ask no more; what is being asked is waited for."""
        self._thread.shutdown()

    def _ask(self) -> None:
        try:
            owners = self._ownership.owners()
            self.note(owners)
            self._is_database_away = False
            begun = [owner.name for owner in owners if owner.process]
            self._figures = call_all(self._cluster, begun, "figures", timeout_s=ANSWERED_WITHIN_S)
        except BitbrookError as error:
            LOGGER.info("owners cannot be looked up", reason=error.message)
            self._figures, self._is_database_away = {}, True
        except Exception:
            # The edge of this thread: whatever happened may be over the next time.
            LOGGER.exception("owners cannot be asked how they fare")
            self._figures = {}
        finally:
            self._told_s = SYSTEM_CLOCK.monotonic_s()


def figures_of(schema: TableSchema, reports: Sequence[OwnerReport]) -> TableFigures:
    """Return how large a table is by what its owners told.

    Raises:
        PartitionUnavailable: not all of them did.
    """
    parts = [
        report.figures.tables[schema.id]
        for report in reports
        if report.figures is not None and schema.id in report.figures.tables
    ]
    count = sum(part.partition_count for part in parts)
    if count != schema.partition_count:
        raise PartitionUnavailable(
            f"table {schema.name!r}: {count} of {schema.partition_count} partitions were told of; "
            "try again"
        )
    return TableFigures(
        count,
        sum(part.record_count for part in parts),
        sum(part.memory_bytes for part in parts),
        sum(part.stored_bytes for part in parts),
        sum(part.log_bytes for part in parts),
    )
