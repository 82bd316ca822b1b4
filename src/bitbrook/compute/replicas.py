"""How many replicas each owner has, what they are called, and where they run.

A replica is named after its owner's place and not after the owner, so that it stays when the owner
is given up or moves. Each copy of a generation of owners has bundles of its own, one for each slot,
on another node than that of the slot's owner where there is one with room. Nothing is written down
of them: whoever knows an owner's name and how many replicas there should be knows theirs, and one
that is not there is not asked. So they may go and come at any moment.
"""

from collections.abc import Collection

from bitbrook.compute.cluster import Cluster
from bitbrook.errors import BitbrookError
from bitbrook.settings import READ_REPLICAS_MAX
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

RESERVE_TIMEOUT_S = 20.0


def slot_of(name: str) -> str:
    """Return how the names of a slot's owners and replicas begin, by one of them."""
    return name.rpartition(".")[0] + "."


def names_of_replicas(owner: str, count: int) -> list[str]:
    """Return what so many replicas of an owner are called."""
    return [f"{slot_of(owner)}r{copy}" for copy in range(1, count + 1)]


class Replicas:
    """The replicas of all owners, so many of each.

    `generation`: how the names of a generation's slots begin, and what its first bundles are
    called. `owners`: what the bundles of its owners are called now.
    """

    def __init__(self, cluster: Cluster, count: int) -> None:
        self._cluster = cluster
        self._count = count

    def reserve(
        self, generation: str, owner_count: int, owner_bytes: int, *, owners: Collection[str]
    ) -> None:
        """Reserve what the replicas of a generation take; what is there stays.

        Raises:
            QuotaExceeded: the cluster has not that much; no more is reserved than before.
        """
        groups = _groups_of(generation, self._count)
        there = [group for group in groups if self._cluster.nodes_of(group)]
        for at, group in enumerate(groups):
            try:
                self._cluster.reserve(
                    group,
                    owner_count,
                    owner_bytes,
                    timeout_s=RESERVE_TIMEOUT_S,
                    apart_from=(*owners, *groups[:at]),
                )
            except BitbrookError:
                for each in groups[:at]:
                    if each not in there:
                        self._cluster.give_back(each)
                raise

    def start(self, generation: str, owner_count: int) -> None:
        """Start the replicas of a generation; those that are there go on."""
        for copy, group in enumerate(_groups_of(generation, self._count), 1):
            for slot in range(owner_count):
                self._cluster.start(_name_of(generation, slot, copy), group, slot, is_replica=True)

    def ensure(
        self, generation: str, owner_count: int, owner_bytes: int, *, owners: Collection[str]
    ) -> None:
        """Have as many replicas of a generation as there should be, and no more.

        Without room for them the owners go on alone.
        """
        self.end(generation, beyond=self._count)
        try:
            self.reserve(generation, owner_count, owner_bytes, owners=owners)
            self.start(generation, owner_count)
        except BitbrookError as error:
            LOGGER.warning("owners have no replicas", owners=generation, reason=error.message)

    def end(self, generation: str, *, beyond: int = 0) -> None:
        """End the replicas of a generation, all or beyond a number, and what they reserved."""
        for copy, group in enumerate(_groups_of(generation, READ_REPLICAS_MAX), 1):
            slots = self._cluster.nodes_of(group) if copy > beyond else {}
            for slot in slots:
                self._cluster.kill(_name_of(generation, slot, copy))
            if slots:
                self._cluster.give_back(group)

    def mend(self, generation: str, *, owners: Collection[str]) -> bool:
        """Add a replica that is missing, or move one off its owner's node, if another has room.

        Returns whether there was one. It reads nothing but what is stored: it may begin anew.
        """
        if not self._count:
            return False
        bundles, nodes = self._cluster.bundles(), self._cluster.nodes()
        groups = _groups_of(generation, self._count)
        for copy, group in enumerate(groups, 1):
            family = {*owners, *groups} - {group}
            here = {bundle.slot: bundle.node for bundle in bundles if bundle.group == group}
            for owner in (bundle for bundle in bundles if bundle.group in owners):
                slot, size_bytes = owner.slot, owner.size_bytes
                taken = {
                    each.node for each in bundles if each.group in family and each.slot == slot
                }
                if slot in here and here[slot] not in taken - {""}:
                    continue
                roomy = [node.name for node in nodes if node.free_bytes >= size_bytes]
                better = [node for node in roomy if node not in taken]
                chosen = better if slot in here else better or roomy
                if chosen:
                    self._begin(generation, slot, copy, node=chosen[0], size_bytes=size_bytes)
                    return True
        return False

    def _begin(self, generation: str, slot: int, copy: int, *, node: str, size_bytes: int) -> None:
        """Have a replica on a node, and nowhere else."""
        group, name = f"{generation}.r{copy}", _name_of(generation, slot, copy)
        LOGGER.info("a replica begins elsewhere", replica=name, node=node)
        self._cluster.kill(name)
        self._cluster.give_back(group, slot)
        self._cluster.reserve_at(group, slot, node, size_bytes, timeout_s=RESERVE_TIMEOUT_S)
        self._cluster.start(name, group, slot, is_replica=True)


def _groups_of(generation: str, count: int) -> list[str]:
    """Return what the bundles of so many copies of a generation are called."""
    return [f"{generation}.r{copy}" for copy in range(1, count + 1)]


def _name_of(generation: str, slot: int, copy: int) -> str:
    return f"{generation}.{slot}.r{copy}"
