"""A deployment's owners: how many for its memory, where its tables are, and how they move.

Which partition goes to which owner is written in the log's database, and that is all there is to a
move: the owners follow it by themselves, and whoever moves only tells them at once, so that nobody
has to wait for their next look. A move that was broken off is found by whoever looks next and
finished, or undone.

Another size is another generation of owners beside the present one, which goes when all tables have
left it; if the cluster has no room for both, the deployment stays as it was. Another node for one
owner is another owner of the same place, in a bundle of its own, which takes over what the first
one has.
"""

import time
import zlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Cluster, call_all
from bitbrook.compute.replicas import Replicas
from bitbrook.compute.spreading import Proposal, spread
from bitbrook.engine.recovery import partition_name
from bitbrook.errors import BitbrookError, PartitionUnavailable
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.owner_moves import OwnerMoves
from bitbrook.stores.ownership import Held, Ownership, Placement
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

RESERVE_TIMEOUT_S = 20.0
BEGIN_TIMEOUT_S = 120.0
PING_TIMEOUT_S = 10.0
MOVE_TIMEOUT_S = 120.0
LOOK_AGAIN_S = 0.5


class OwnerName(NamedTuple):
    """What an owner is called: the place that it has, and who it is there.

    `attempt`: how many there were in its bundle before it. `move`: how many bundles the place had
    before; it is left out while it had none.
    """

    deployment: str
    generation: int
    slot: int
    attempt: int
    move: int = 0

    def __str__(self) -> str:
        last = f"{self.attempt}-{self.move}" if self.move else f"{self.attempt}"
        return f"{self.deployment}.{self.generation}.{self.slot}.{last}"

    @property
    def group(self) -> str:
        """The bundles that it lives in one of, that of its slot."""
        return f"{self.generation_group}.{self.move}" if self.move else self.generation_group

    @property
    def generation_group(self) -> str:
        """The bundles that its generation began in."""
        return f"{self.deployment}.{self.generation}"

    @property
    def place(self) -> tuple[str, int, int]:
        """What it has in common with those before and after it."""
        return self.deployment, self.generation, self.slot

    @property
    def bundle(self) -> tuple[str, int]:
        """The group and slot of its bundle."""
        return self.group, self.slot

    @property
    def successor(self) -> "OwnerName":
        """What is in its bundle when it is given up."""
        return self._replace(attempt=self.attempt + 1)

    @property
    def elsewhere(self) -> "OwnerName":
        """What has its place when that moves to another bundle."""
        return self._replace(attempt=0, move=self.move + 1)

    @classmethod
    def of(cls, name: str) -> "OwnerName":
        """Return the parts of a name."""
        deployment, generation, slot, last = name.rsplit(".", 3)
        attempt, _, move = last.partition("-")
        return cls(deployment, int(generation), int(slot), int(attempt), int(move or 0))

    @staticmethod
    def place_of(group: str, slot: int) -> tuple[str, int, int] | None:
        """Return the place that a bundle is for, None if it is not for an owner's."""
        deployment, *numbers = group.split(".")
        if len(numbers) not in {1, 2} or not all(map(str.isdecimal, numbers)):
            return None
        return deployment, int(numbers[0]), slot


class Placing:
    """Places the owners of all deployments, and tables at them."""

    def __init__(
        self,
        ownership: Ownership,
        cluster: Cluster,
        *,
        owner_bytes_max: int,
        read_replicas: int = 0,
    ) -> None:
        self._ownership = ownership
        self._moves = OwnerMoves(ownership)
        self._cluster = cluster
        self._replicas = Replicas(cluster, read_replicas)
        self._owner_bytes_max = owner_bytes_max

    def reserve(self, deployment: str, memory_bytes: int) -> None:
        """Let a deployment have the owners for so much memory, and its tables be at them.

        Raises:
            QuotaExceeded: the cluster has not that much; it has what it had before.
        """
        count = max(1, -(-memory_bytes // self._owner_bytes_max))
        owner_bytes = -(-memory_bytes // count)
        known = self._ownership.placement(deployment)
        if known is not None and known.owner_count == count:
            self._ensure(known, owner_bytes)
        else:
            generation = 1 if known is None else known.generation + 1
            self._begin(Placement(deployment, generation, count), owner_bytes)
        self._settle(deployment)

    def release(self, deployment: str) -> None:
        """End a deployment's owners and give back what was reserved."""
        owners = [OwnerName.of(owner.name) for owner in self._ownership.owners(deployment)]
        self._ownership.forget_deployment(deployment)
        self._end_groups(owners)

    def place(self, schema: TableSchema, deployment: str) -> None:
        """Assign a table's partitions to its deployment's owners; those that are assigned stay.

        Raises:
            Overloaded: an owner was replaced meanwhile.
        """
        owners = self._owners(self._placement(deployment))
        wanted = _wanted(schema.id, schema.partition_count, owners)
        self._ownership.assign(
            {
                Held(partition_name(schema.id, number), schema.id, number): owner
                for number, owner in wanted.items()
            }
        )

    def tell(self, table_id: str, *, timeout_s: float = MOVE_TIMEOUT_S) -> None:
        """Have the owners of a table look now what has become of it."""
        names = sorted(set(self._ownership.owners_of(table_id).values()))
        call_all(self._cluster, names, "reconcile", table_id, timeout_s=timeout_s)

    def replace(self, name: str, *, over_for_s: float) -> str | None:
        """Put another owner in the bundle of one whose lease ended so long ago, if nobody did."""
        successor = OwnerName.of(name).successor
        if not self._ownership.replace_owner(name, str(successor), over_for_s=over_for_s):
            return None
        LOGGER.warning("an owner is given up", owner=name, successor=str(successor))
        self._cluster.start(str(successor), successor.group, successor.slot)
        self._cluster.kill(name)
        return str(successor)

    def start_again(self, name: str) -> None:
        """Start an owner that Ray does not know any more; nothing happens if it does."""
        owner = OwnerName.of(name)
        self._cluster.start(name, owner.group, owner.slot)

    def move(self, owner: OwnerName, proposal: Proposal, *, seen: Collection[str]) -> bool:
        """Let an owner of the same place on another node take over; return whether one has.

        Nothing happens unless the owners of all deployments are still those `seen`. What the place
        has is answered for meanwhile, but for the moment in which a table is closed here and opened
        there.
        """
        placement, newer = self._ownership.placement(owner.deployment), owner.elsewhere
        if placement is None or placement.generation != owner.generation:
            return False
        if not self._moves.begin(placement, str(newer), newer.slot, seen=seen):
            return False
        LOGGER.info("an owner moves", owner=str(owner), successor=str(newer), node=proposal.node)
        try:
            self._cluster.reserve_at(
                *newer.bundle,
                proposal.node,
                proposal.bundle.size_bytes,
                timeout_s=RESERVE_TIMEOUT_S,
            )
            if self._node_of(newer) == proposal.node:
                self._start([newer])
        except BitbrookError as error:
            LOGGER.warning("an owner does not move", owner=str(owner), reason=error.message)
        return self.settle_move(owner, newer)

    def settle_move(self, older: OwnerName, newer: OwnerName) -> bool:
        """Let one of two owners of one place have all of it; return whether the newer has.

        That is the newer, unless it does not go on and the older does. Nothing happens if neither
        does, or either was replaced: then whoever looks next sees another two.
        """
        owners = {each.name: each for each in self._ownership.owners(older.deployment)}
        if str(newer) not in owners:
            # The deployment was placed anew, or released: what was begun since goes too.
            if newer.bundle not in {OwnerName.of(name).bundle for name in owners}:
                self._end(newer)
            return False
        is_newer = owners[str(newer)].goes_on
        stays, goes = (newer, older) if is_newer else (older, newer)
        if str(older) not in owners or not owners[str(stays)].goes_on:
            return False
        if not self._hand_over(goes, stays):
            return False
        LOGGER.info("an owner has moved" if is_newer else "a move is undone", owner=str(stays))
        self._end(goes)
        return is_newer

    def mend_replicas(self, deployment: str) -> bool:
        """Add a missing replica, or move one off its owner's node; return whether there was one."""
        owners = [OwnerName.of(name) for name in self._owners(self._placement(deployment))]
        groups = {owner.group for owner in owners}
        return self._replicas.mend(owners[0].generation_group, owners=groups)

    def give_back_leftovers(self, bundles: Collection[tuple[str, int]]) -> None:
        """Give back bundles, by group and slot, that nobody has a use for."""
        for group, slot in bundles:
            LOGGER.warning("a bundle was left over", group=group, slot=slot)
            self._cluster.give_back(group, slot)

    def _begin(self, placement: Placement, owner_bytes: int) -> None:
        """Reserve, and start the owners of, a generation."""
        owners = [
            OwnerName(placement.deployment, placement.generation, slot, 0)
            for slot in range(placement.owner_count)
        ]
        group, count = owners[0].generation_group, placement.owner_count
        self._cluster.reserve(group, count, owner_bytes, timeout_s=RESERVE_TIMEOUT_S)
        try:
            self._replicas.reserve(group, count, owner_bytes, owners=[group])
        except BitbrookError:
            self._cluster.give_back(group)
            raise
        self._ownership.place(placement, [str(owner) for owner in owners])
        self._start(owners)
        self._replicas.start(group, count)

    def _ensure(self, placement: Placement, owner_bytes: int) -> None:
        """See to it that the owners of a placement run, which Ray may have lost with its head."""
        owners = [OwnerName.of(name) for name in self._owners(placement)]
        there = {(bundle.group, bundle.slot): bundle for bundle in self._cluster.bundles()}
        missing = {owner.slot: owner for owner in owners if owner.bundle not in there}
        if missing:
            present = [there[owner.bundle] for owner in owners if owner.bundle in there]
            avoided = dict.fromkeys(missing, frozenset[str]())
            nodes = spread(avoided, owner_bytes, self._cluster.nodes(), present)
            for slot, owner in missing.items():
                self._cluster.reserve_at(
                    *owner.bundle, nodes[slot], owner_bytes, timeout_s=RESERVE_TIMEOUT_S
                )
        self._start(owners)
        groups = {owner.group for owner in owners}
        group = owners[0].generation_group
        self._replicas.ensure(group, placement.owner_count, owner_bytes, owners=groups)

    def _start(self, owners: Sequence[OwnerName]) -> None:
        """Start owners in their bundles, and wait until they have begun."""
        for owner in owners:
            self._cluster.start(str(owner), *owner.bundle)
        late = [str(owner) for owner in owners]
        deadline_s = SYSTEM_CLOCK.monotonic_s() + BEGIN_TIMEOUT_S
        while late and SYSTEM_CLOCK.monotonic_s() < deadline_s:
            begun = call_all(self._cluster, late, "ping", timeout_s=PING_TIMEOUT_S)
            late = [name for name in late if not begun.get(name)]
        if late:
            raise PartitionUnavailable(
                f"owners {', '.join(late)} have not begun within {BEGIN_TIMEOUT_S:g} s; see what "
                "their nodes log, and try again"
            )

    def _settle(self, deployment: str) -> None:
        """Move what is not at the owners of the present generation, and end those before it."""
        placement = self._placement(deployment)
        names = [OwnerName.of(owner.name) for owner in self._ownership.owners(deployment)]
        past = [name for name in names if name.generation != placement.generation]
        if not past:
            return
        owners = self._owners(placement)
        for table_id in self._ownership.table_ids(deployment):
            self._move_table(table_id, owners)
        self._ownership.forget_owners([str(name) for name in past])
        self._end_groups(past)

    def _move_table(self, table_id: str, owners: Sequence[str]) -> None:
        """Move a table's partitions to where they belong among these owners."""
        present = self._ownership.owners_of(table_id)
        wanted = _wanted(table_id, len(present), owners)
        moved = {number: owner for number, owner in wanted.items() if present[number] != owner}
        if not moved:
            return
        before = sorted({present[number] for number in moved})
        # Written now, the last part that is written while nobody is answered is small.
        call_all(self._cluster, before, "checkpoint", timeout_s=MOVE_TIMEOUT_S)
        self._ownership.reassign(
            {partition_name(table_id, number): owner for number, owner in moved.items()}
        )
        for names in (before, sorted(set(moved.values()))):
            call_all(self._cluster, names, "reconcile", table_id, timeout_s=MOVE_TIMEOUT_S)

    def _hand_over(self, goes: OwnerName, stays: OwnerName) -> bool:
        """Move all that one owner has to another and forget it; return whether that is done."""
        if self._ownership.assigned(str(goes)):
            # As in `_move_table`.
            call_all(self._cluster, [str(goes)], "checkpoint", timeout_s=MOVE_TIMEOUT_S)
        deadline_s = SYSTEM_CLOCK.monotonic_s() + MOVE_TIMEOUT_S
        while True:
            for table_id in sorted({held.table_id for held in self._ownership.assigned(str(goes))}):
                if not self._moves.hand_over(table_id, str(goes), str(stays)):
                    return False
                for name in (str(goes), str(stays)):
                    call_all(self._cluster, [name], "reconcile", table_id, timeout_s=MOVE_TIMEOUT_S)
            if self._moves.forget_idle(str(goes)):
                return True
            names = {owner.name for owner in self._ownership.owners(goes.deployment)}
            if str(goes) not in names or SYSTEM_CLOCK.monotonic_s() >= deadline_s:
                return False
            # A table may have been made meanwhile, or not be closed yet.
            time.sleep(LOOK_AGAIN_S)

    def _end(self, owner: OwnerName) -> None:
        """End an owner, and give back its bundle."""
        self._cluster.kill(str(owner))
        self._cluster.give_back(*owner.bundle)

    def _end_groups(self, owners: Collection[OwnerName]) -> None:
        """End the owners of whole generations, and give back all that is reserved for these."""
        for generation in sorted({owner.generation_group for owner in owners}):
            self._replicas.end(generation)
        for owner in owners:
            self._cluster.kill(str(owner))
        for group in sorted({owner.group for owner in owners}):
            self._cluster.give_back(group)

    def _placement(self, deployment: str) -> Placement:
        placement = self._ownership.placement(deployment)
        if placement is None:
            raise PartitionUnavailable(f"deployment {deployment} has no owners; try again")
        return placement

    def _owners(self, placement: Placement) -> list[str]:
        """Return a placement's owners, by slot; of two in one place, the older."""
        found: dict[int, OwnerName] = {}
        for each in self._ownership.owners(placement.deployment):
            owner = OwnerName.of(each.name)
            if owner.generation == placement.generation:
                known = found.get(owner.slot, owner)
                found[owner.slot] = min(known, owner, key=lambda name: name.move)
        return [str(found[slot]) for slot in sorted(found)]

    def _node_of(self, owner: OwnerName) -> str:
        """Return the node of an owner's bundle, "" if it has none."""
        return self._cluster.nodes_of(owner.group).get(owner.slot, "")


def _wanted(table_id: str, count: int, owners: Sequence[str]) -> dict[int, str]:
    """Return where each partition of a table belongs: tables begin at different owners."""
    first = zlib.crc32(table_id.encode())
    return {number: owners[(first + number) % len(owners)] for number in range(count)}
