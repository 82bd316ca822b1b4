"""Owners go where there is room: to a node that came back, or joined.

When a node dies Ray starts its owners on other nodes, and leaves them there. Here a node that has
been there for a while, and owners of which none has changed for as long, are looked at: one owner
moves where that spreads its deployment better, then all of it has to be quiet as long again.
Replicas, which hold nothing, follow without such care, once no owner ought to move.

Whoever looks may do so: of several, one succeeds. What somebody began and did not finish is
finished by others, later.
"""

import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Bundle, Cluster, Node
from bitbrook.compute.placing import OwnerName, Placing
from bitbrook.compute.spreading import improvement
from bitbrook.errors import BitbrookError
from bitbrook.stores.ownership import Ownership, OwnerState, Placement
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

LOOKS = 6
"""How often it is looked in the time of quiet."""

PATIENCE_FACTOR = 4
"""What somebody began is left to them for so many times the time of quiet."""

CLOSE_TIMEOUT_S = 5.0
"""A move that takes longer is left to others."""

Key = TypeVar("Key", bound=Hashable)


class Rebalancing:
    """Looks whether owners ought to move. Ended by `close`."""

    def __init__(
        self, ownership: Ownership, cluster: Cluster, placing: Placing, *, quiet_s: float
    ) -> None:
        """Begin. `quiet_s`: for how long nothing must have changed; 0: no owner moves ever."""
        self._ownership = ownership
        self._cluster = cluster
        self._placing = placing
        self._quiet_s = quiet_s
        self._nodes = _Ages[str]()
        self._deployments = _Ages[str]()
        self._pairs = _Ages[tuple[OwnerName, OwnerName]]()
        self._leftovers = _Ages[tuple[str, int]]()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rebalancing", daemon=True)
        if quiet_s:
            self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._is_closing.set()
        if self._quiet_s:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while not self._is_closing.wait(self._quiet_s / LOOKS):
            try:
                self._look()
            except BitbrookError as error:
                LOGGER.warning("owners cannot be rebalanced", reason=error.message)
            except Exception:
                # The edge of this thread: whatever happened may be over at the next look.
                if not self._is_closing.is_set():
                    LOGGER.exception("owners cannot be rebalanced")

    def _look(self) -> None:
        seen = self._see()
        self._nodes.note({node.name: True for node in seen.nodes})
        self._deployments.note(seen.settled())
        self._pairs.note(dict.fromkeys(seen.pairs(), True))
        self._leftovers.note(dict.fromkeys(seen.leftovers(), True))
        patience_s = self._quiet_s * PATIENCE_FACTOR
        for older, newer in self._pairs.as_old_as(patience_s):
            self._placing.settle_move(older, newer)
        self._placing.give_back_leftovers(self._leftovers.as_old_as(patience_s))
        targets = self._nodes.as_old_as(self._quiet_s)
        for deployment in self._deployments.as_old_as(self._quiet_s):
            mine = seen.bundles_of(deployment)
            proposal = improvement(list(mine), seen.nodes, targets, seen.bundles)
            if proposal is not None:
                # Whatever comes of it, the others have their turn before it is tried again.
                self._deployments.forget(deployment)
                self._placing.move(mine[proposal.bundle], proposal, seen=seen.names)
                return
            if self._is_mended(deployment):
                return

    def _is_mended(self, deployment: str) -> bool:
        """Whether a replica of a deployment was begun where it ought to be."""
        try:
            return self._placing.mend_replicas(deployment)
        except BitbrookError:
            self._deployments.forget(deployment)
            raise

    def _see(self) -> "_Seen":
        # In this order: an owner is written before its bundle is reserved.
        nodes, bundles = self._cluster.nodes(), self._cluster.bundles()
        owners = [(OwnerName.of(each.name), each) for each in self._ownership.owners()]
        return _Seen(nodes, bundles, owners, self._ownership.placements())


class _Ages(Generic[Key]):
    """Since when each of some things has been there, and as it is."""

    def __init__(self) -> None:
        self._since: dict[Key, tuple[Hashable, float]] = {}

    def note(self, states: Mapping[Key, Hashable]) -> None:
        """Take note of all that is there now, each with its state."""
        now_s, before = SYSTEM_CLOCK.monotonic_s(), self._since
        self._since = {
            key: before[key] if key in before and before[key][0] == state else (state, now_s)
            for key, state in states.items()
        }

    def forget(self, key: Key) -> None:
        """Count the time of one thing anew."""
        self._since.pop(key, None)

    def as_old_as(self, age_s: float) -> list[Key]:
        """Return what has been there, unchanged, for so long."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        return [key for key, (_, since_s) in self._since.items() if now_s - since_s >= age_s]


class _Seen(NamedTuple):
    """What there is at one moment."""

    nodes: Sequence[Node]
    bundles: Sequence[Bundle]
    owners: Sequence[tuple[OwnerName, OwnerState]]
    placements: Sequence[Placement]

    @property
    def names(self) -> list[str]:
        return [state.name for _, state in self.owners]

    def settled(self) -> dict[str, Hashable]:
        """Return the deployments whose owners all go on, each with what tells of a change."""
        found: dict[str, Hashable] = {}
        for placement in self.placements:
            mine = [each for each in self.owners if each[0].deployment == placement.deployment]
            nodes = {each.bundle: bundle.node for bundle, each in self._bundles(mine).items()}
            if len(nodes) == len(mine) == placement.owner_count and all(
                owner.generation == placement.generation and state.goes_on for owner, state in mine
            ):
                found[placement.deployment] = frozenset(
                    (state.name, state.process, nodes[owner.bundle]) for owner, state in mine
                )
        return found

    def bundles_of(self, deployment: str) -> dict[Bundle, OwnerName]:
        """Return the owners of a deployment by their bundles."""
        return self._bundles([each for each in self.owners if each[0].deployment == deployment])

    def pairs(self) -> list[tuple[OwnerName, OwnerName]]:
        """Return the two owners of each place that is moving, the older first."""
        present = {(each.deployment, each.generation) for each in self.placements}
        by_place: dict[Hashable, list[OwnerName]] = {}
        for owner, _ in self.owners:
            if (owner.deployment, owner.generation) in present:
                by_place.setdefault(owner.place, []).append(owner)
        both = [sorted(owners, key=lambda owner: owner.move) for owners in by_place.values()]
        return [(owners[0], owners[-1]) for owners in both if len(owners) > 1]

    def leftovers(self) -> list[tuple[str, int]]:
        """Return the bundles of places whose owners are all in others."""
        places = {owner.place for owner, _ in self.owners}
        used = {owner.bundle for owner, _ in self.owners}
        return [
            (bundle.group, bundle.slot)
            for bundle in self.bundles
            if (bundle.group, bundle.slot) not in used
            and OwnerName.place_of(bundle.group, bundle.slot) in places
        ]

    def _bundles(self, owners: Sequence[tuple[OwnerName, OwnerState]]) -> dict[Bundle, OwnerName]:
        by_bundle = {owner.bundle: owner for owner, _ in owners}
        return {
            bundle: by_bundle[bundle.group, bundle.slot]
            for bundle in self.bundles
            if (bundle.group, bundle.slot) in by_bundle
        }
