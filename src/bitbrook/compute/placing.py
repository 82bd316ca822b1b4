"""A deployment's owners: how many for its memory, where its tables are, and how they move.

Which partition goes to which owner is written in the log's database, and that is all there is to a
move: the owners follow it by themselves, and whoever moves only tells them at once, so that nobody
has to wait for their next look. A move that was broken off is found by the next start and finished.
Another size is another generation of owners beside the present one, which goes when all tables have
left it; if the cluster has no room for both, the deployment stays as it was.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Cluster, call_all
from bitbrook.engine.recovery import partition_name
from bitbrook.errors import PartitionUnavailable
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.ownership import Held, Ownership, OwnerState, Placement
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

RESERVE_TIMEOUT_S = 20.0
BEGIN_TIMEOUT_S = 120.0
PING_TIMEOUT_S = 10.0
MOVE_TIMEOUT_S = 120.0


class OwnerName(NamedTuple):
    """What an owner is called. `attempt`: how many there were in its place before it."""

    deployment: str
    generation: int
    slot: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.deployment}.{self.generation}.{self.slot}.{self.attempt}"

    @property
    def group(self) -> str:
        """The bundles that it lives in one of."""
        return f"{self.deployment}.{self.generation}"

    @property
    def successor(self) -> "OwnerName":
        """What is in its place when it is given up."""
        return self._replace(attempt=self.attempt + 1)

    @classmethod
    def of(cls, name: str) -> "OwnerName":
        """Return the parts of a name."""
        deployment, generation, slot, attempt = name.rsplit(".", 3)
        return cls(deployment, int(generation), int(slot), int(attempt))


class Placing:
    """Places the owners of all deployments, and tables at them."""

    def __init__(self, ownership: Ownership, cluster: Cluster, *, owner_bytes_max: int) -> None:
        self._ownership = ownership
        self._cluster = cluster
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
        for owner in owners:
            self._cluster.kill(str(owner))
        for group in {owner.group for owner in owners}:
            self._cluster.give_back(group)

    def place(self, schema: TableSchema, deployment: str) -> None:
        """Assign a table's partitions to its deployment's owners; those that are assigned stay."""
        wanted = self._wanted(schema.id, schema.partition_count, self._owners(deployment))
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
        """Put another owner in the place of one whose lease ended so long ago, if nobody did."""
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

    def _begin(self, placement: Placement, owner_bytes: int) -> None:
        """Reserve, and start the owners of, a generation."""
        group = f"{placement.deployment}.{placement.generation}"
        names = [
            str(OwnerName(placement.deployment, placement.generation, slot, 0))
            for slot in range(placement.owner_count)
        ]
        self._cluster.reserve(
            group, placement.owner_count, owner_bytes, timeout_s=RESERVE_TIMEOUT_S
        )
        self._ownership.place(placement, names)
        self._start(names)

    def _ensure(self, placement: Placement, owner_bytes: int) -> None:
        """See to it that the owners of a placement run, which Ray may have lost with its head."""
        group = f"{placement.deployment}.{placement.generation}"
        self._cluster.reserve(
            group, placement.owner_count, owner_bytes, timeout_s=RESERVE_TIMEOUT_S
        )
        self._start(list(self._owners(placement.deployment).values()))

    def _start(self, names: Sequence[str]) -> None:
        for name in names:
            owner = OwnerName.of(name)
            self._cluster.start(name, owner.group, owner.slot)
        late, deadline_s = list(names), SYSTEM_CLOCK.monotonic_s() + BEGIN_TIMEOUT_S
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
        owners = self._owners(deployment)
        past = [
            each for each in self._ownership.owners(deployment) if each.name not in owners.values()
        ]
        if not past:
            return
        for table_id in self._ownership.table_ids(deployment):
            self._move(table_id, owners)
        names = [each.name for each in past]
        self._ownership.forget_owners(names)
        for name in names:
            self._cluster.kill(name)
        for group in {OwnerName.of(name).group for name in names}:
            self._cluster.give_back(group)

    def _move(self, table_id: str, owners: dict[int, str]) -> None:
        """Move a table's partitions to where they belong among these owners."""
        present = self._ownership.owners_of(table_id)
        wanted = self._wanted(table_id, len(present), owners)
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

    def _owners(self, deployment: str) -> dict[int, str]:
        """Return the owners of a deployment's present generation, by slot."""
        placement = self._ownership.placement(deployment)
        if placement is None:
            raise PartitionUnavailable(f"deployment {deployment} has no owners; try again")
        found: dict[int, OwnerState] = {}
        for owner in self._ownership.owners(deployment):
            if OwnerName.of(owner.name).generation == placement.generation:
                found[owner.slot] = owner
        return {slot: owner.name for slot, owner in found.items()}

    def _wanted(self, table_id: str, count: int, owners: dict[int, str]) -> dict[int, str]:
        """Return where each partition of a table belongs: tables begin at different owners."""
        names = [owners[slot] for slot in sorted(owners)]
        first = zlib.crc32(table_id.encode())
        return {number: names[(first + number) % len(names)] for number in range(count)}
