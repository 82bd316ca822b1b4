"""The sources that are open, by id: those that run, and those that are paused.

What a source needs to take records is made when it opens and kept until it goes. Other servers may
open and close sources too; `follow` does here what they did. Knows nothing of callers.
"""

from collections.abc import Sequence

from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.batch_memory import BatchMemory
from bitbrook.control.fences import Fences
from bitbrook.control.lifecycle import Status
from bitbrook.control.live_source import LiveSource
from bitbrook.control.quarantine import Quarantine
from bitbrook.control.registry import Registry, SourceEntry
from bitbrook.control.shared_traffic import SharedTraffic
from bitbrook.control.traffic import Minute, Traffic
from bitbrook.settings import Settings
from bitbrook.telemetry.metrics import show_open

OPEN = frozenset({Status.RUNNING.value, Status.PAUSED.value})


class OpenSources:
    """The open sources of all deployments."""

    def __init__(
        self,
        registry: Registry,
        compute: Compute,
        settings: Settings,
        *,
        memory: BatchMemory,
        fences: Fences,
        quarantine: Quarantine,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._compute = compute
        self._settings = settings
        self._fences = fences
        self._quarantine = quarantine
        self._clock = clock
        self._memory = memory
        self._live: dict[str, LiveSource] = {}
        self._packed_traffic: dict[str, bytes] = {}
        self._shared = SharedTraffic(compute, clock=clock) if compute.is_shared else None

    def __getitem__(self, source_id: str) -> LiveSource:
        """Return a source that is open for certain."""
        return self._live[source_id]

    def find(self, source_id: str) -> LiveSource | None:
        """Return a source if it is open, here or by another server."""
        live = self._live.get(source_id)
        if live is None:
            self._registry.look()
            live = self._live.get(source_id)
        return live

    def open(self, entry: SourceEntry) -> None:
        """Open a source, whose table has all that its schema asks for."""
        self._live[entry.row.id] = LiveSource(
            entry,
            self._registry.table_of_id(entry.row.table_id).schema,
            self._compute,
            self._settings,
            memory=self._memory,
            fences=self._fences,
            quarantine=self._quarantine,
            is_paused=entry.row.status == Status.PAUSED,
            packed_traffic=self._packed_traffic.pop(entry.row.id, None),
            clock=self._clock,
        )
        self.show()

    def close(self, source_id: str) -> None:
        """Close a source if it is open; what it took before is carried out."""
        self._live.pop(source_id, None)

    def follow(self) -> None:
        """Open, change and close what other servers did."""
        entries = {
            entry.row.id: entry for entry in self._registry.sources() if entry.row.status in OPEN
        }
        for source_id in {*self._live} - entries.keys():
            self.close(source_id)
        for source_id, entry in entries.items():
            live = self._live.get(source_id)
            if live is None:
                self.open(entry)
            else:
                table = self._registry.table_of_id(entry.row.table_id).schema
                live.follow(entry, table, is_paused=entry.row.status == Status.PAUSED)
        self.show()

    def minutes(self, source_id: str) -> Sequence[Minute]:
        """Return a source's minutes with traffic of the last day, oldest first, at all servers."""
        live = self.find(source_id)
        own = [] if live is None else live.traffic.minutes()
        return own if self._shared is None else self._shared.minutes(source_id, own)

    def recall_traffic(self) -> None:
        """Go on counting traffic where an earlier process ended, of sources that open later."""
        if self._shared is None:
            self._packed_traffic = self._registry.source_traffic()

    def tell_traffic(self) -> None:
        """Let other servers know what was taken here, if there may be any."""
        if self._shared is not None:
            self._shared.tell(self._traffic())

    def keep_traffic(self) -> None:
        """Keep the traffic of every open source for a later process."""
        if self._shared is not None:
            self._shared.tell(self._traffic())
        else:
            traffic = self._traffic().items()
            self._registry.store_source_traffic({id_: each.packed() for id_, each in traffic})

    def forget_traffic(self, source_id: str) -> None:
        """Forget what other servers told of a source that goes."""
        if self._shared is not None:
            self._shared.forget(source_id)

    def _traffic(self) -> dict[str, Traffic]:
        return {source_id: live.traffic for source_id, live in list(self._live.items())}

    def show(self) -> None:
        """Tell the metrics how many there are."""
        running = sum(not live.is_paused for live in list(self._live.values()))
        show_open(tables=len(self._registry.tables()), sources=running)
