"""Owners in this process: everything of a cluster but its network."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.cluster import Bundle, Node, Unreachable
from bitbrook.compute.owner import Owner
from bitbrook.compute.remote import RemoteCompute, RemoteSettings
from bitbrook.compute.replica import Replica
from bitbrook.compute.spreading import spread
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Written
from bitbrook.errors import QuotaExceeded
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.sql import open_engine

LEASE_S = 0.4
PARTITIONS = 4
BUNDLE_BYTES = 1 << 30

SCHEMA = TableSchema(
    "t",
    "things",
    is_keyed=True,
    fields=(
        FieldSchema("number", FieldType.INT, id=1),
        FieldSchema("tag", FieldType.MUTEX, id=2, is_keyed=True),
    ),
    partition_count=PARTITIONS,
)


class ThreadCluster:
    """Owners as objects with threads. `room`: how many bundles each node has room for.

    `silent`: owners that take calls and do not answer, as a stopped process does. `mute`: how many
    answers to writes are lost on the way from now on.
    """

    def __init__(self, settings: OwnerSettings) -> None:
        self.settings = settings
        self.room = {"n1": 100}
        self.reserved: dict[tuple[str, int], Bundle] = {}
        self.homes: dict[str, tuple[str, int]] = {}
        self.owners: dict[str, Owner] = {}
        self.replicas: dict[str, Replica] = {}
        self.silent: set[str] = set()
        self.mute = 0
        self.calls: list[tuple[str, str]] = []
        self._threads = ThreadPoolExecutor(32)
        self._lock = threading.Lock()

    def nodes(self) -> list[Node]:
        held = Counter(bundle.node for bundle in self.bundles())
        return [
            Node(name, count * BUNDLE_BYTES, (count - held[name]) * BUNDLE_BYTES)
            for name, count in self.room.items()
        ]

    def bundles(self) -> list[Bundle]:
        return list(self.reserved.values())

    def nodes_of(self, group: str) -> dict[int, str]:
        return {bundle.slot: bundle.node for bundle in self.bundles() if bundle.group == group}

    def reserve(
        self,
        group: str,
        count: int,
        size_bytes: int,
        *,
        timeout_s: float,
        apart_from: Collection[str] = (),
    ) -> None:
        bundles = self.bundles()
        avoided = {
            slot: {each.node for each in bundles if each.slot == slot and each.group in apart_from}
            for slot in range(count)
            if (group, slot) not in self.reserved
        }
        present = [bundle for bundle in bundles if bundle.group == group]
        chosen = spread(avoided, size_bytes, self.nodes(), present)
        if not all(chosen.values()):
            raise QuotaExceeded("no room")
        for slot, node in chosen.items():
            self.reserved[group, slot] = Bundle(group, slot, node, size_bytes)

    def reserve_at(
        self, group: str, slot: int, node: str, size_bytes: int, *, timeout_s: float
    ) -> None:
        roomy = {each.name for each in self.nodes() if each.free_bytes >= size_bytes}
        if not roomy:
            raise QuotaExceeded("no room")
        chosen = node if node in roomy else min(roomy)
        self.reserved.setdefault((group, slot), Bundle(group, slot, chosen, size_bytes))

    def give_back(self, group: str, slot: int | None = None) -> None:
        for each in list(self.nodes_of(group)) if slot is None else [slot]:
            self.reserved.pop((group, each), None)
            for name in [name for name, home in self.homes.items() if home == (group, each)]:
                self.kill(name)

    def start(self, name: str, group: str, slot: int, *, is_replica: bool = False) -> None:
        assert (group, slot) in self.reserved
        self.homes[name] = group, slot
        with self._lock:
            if is_replica and name not in self.replicas:
                self.replicas[name] = Replica(name, self.settings)
            elif not is_replica and name not in self.owners:
                self.owners[name] = Owner(name, self.settings)

    def kill(self, name: str) -> None:
        """End an owner; a process that is killed writes nothing more, one that is closed does."""
        self.homes.pop(name, None)
        owner = self.owners.pop(name, None) or self.replicas.pop(name, None)
        if owner is not None:
            owner.close()

    def begin(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        owner = self.owners.get(name) or self.replicas.get(name)
        self.calls.append((name, method))
        if owner is None:
            raise Unreachable(f"owner {name} is not running")
        if name in self.silent:
            return Future()
        return self._threads.submit(getattr(owner, method), *arguments)

    def wait(
        self, begun: Collection[Future[Any]], timeout_s: float, *, count: int | None = None
    ) -> list[Future[Any]]:
        until = ALL_COMPLETED if count is None else FIRST_COMPLETED
        return list(wait(begun, timeout=max(timeout_s, 0.0), return_when=until).done)

    def outcome(self, name: str, done: Future[Any]) -> Any:
        answer = done.result()
        if self.mute and isinstance(answer, Written):
            self.mute -= 1
            raise Unreachable(f"owner {name} died")
        return answer

    def close(self) -> None:
        for name in [*self.owners, *self.replicas]:
            self.kill(name)
        self._threads.shutdown()


@pytest.fixture
def owner_settings(tmp_path: Path) -> OwnerSettings:
    """Of owners that share a log and snapshots here, and checkpoint only when told to."""
    return OwnerSettings(
        log_database=f"sqlite:///{tmp_path}/log.db",
        storage=str(tmp_path),
        cache_directory=str(tmp_path / "cache"),
        cache_bytes_max=1 << 30,
        lease_s=LEASE_S,
        upkeep_policy=UpkeepPolicy(log_bytes=1 << 40, checkpoint_age_s=1e9),
    )


@pytest.fixture
def cluster(owner_settings: OwnerSettings) -> Iterator[ThreadCluster]:
    """A cluster without owners yet."""
    cluster = ThreadCluster(owner_settings)
    yield cluster
    cluster.close()


@pytest.fixture
def make_server(
    cluster: ThreadCluster, owner_settings: OwnerSettings, tmp_path: Path
) -> Iterator[Callable[..., RemoteCompute]]:
    """Makes servers of the cluster, with `RemoteSettings` of these names; all are closed."""
    numbers = itertools.count()
    with ExitStack() as closing:
        # A server leaves its cluster, whose owners go on: here they would end.
        closing.callback(cluster.__dict__.pop, "close", None)
        cluster.__dict__["close"] = lambda: None

        def make(**settings: Any) -> RemoteCompute:
            database = open_engine(owner_settings.log_database)
            closing.callback(database.dispose)
            given = {"stalled_s": 30.0, **settings}
            server = RemoteCompute(
                RemoteSettings(BUNDLE_BYTES, PARTITIONS, **given),
                cluster,
                log=Log(database),
                snapshots=open_snapshots(
                    owner_settings.storage, tmp_path / f"cache{next(numbers)}"
                ),
                ownership=Ownership(database),
            )
            closing.callback(server.close)
            return server

        yield make


def keyed_batch(numbers: Sequence[int], *, tag: str = "a") -> Batch:
    """Records `k<number>` with these numbers and a tag."""
    columns = {
        "_id": pa.array([f"k{number}" for number in numbers]),
        "number": pa.array(numbers, pa.int64()),
        "tag": pa.array([tag] * len(numbers)),
    }
    return Batch([Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))])


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    """Makes batches of `SCHEMA`."""
    return keyed_batch


@pytest.fixture
def schema() -> TableSchema:
    """The schema of these batches: string keys, four partitions."""
    return SCHEMA
