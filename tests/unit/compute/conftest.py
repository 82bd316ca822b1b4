"""Owners in this process: everything of a cluster but its network."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bitbrook.compute.cluster import Unreachable
from bitbrook.compute.owner import Owner, OwnerSettings
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Written
from bitbrook.errors import QuotaExceeded
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

LEASE_S = 0.4
PARTITIONS = 4

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
    """Owners as objects with threads. `bundles`: how many it has room for.

    `silent`: owners that take calls and do not answer, as a stopped process does. `mute`: how many
    answers to writes are lost on the way from now on.
    """

    def __init__(self, settings: OwnerSettings, *, bundles: int = 100) -> None:
        self.settings = settings
        self.bundles = bundles
        self.owners: dict[str, Owner] = {}
        self.groups: dict[str, int] = {}
        self.silent: set[str] = set()
        self.mute = 0
        self.calls: list[tuple[str, str]] = []
        self._threads = ThreadPoolExecutor(32)
        self._lock = threading.Lock()

    def reserve(self, group: str, count: int, size_bytes: int, *, timeout_s: float) -> None:
        if group not in self.groups and sum(self.groups.values()) + count > self.bundles:
            raise QuotaExceeded("no room")
        self.groups[group] = count

    def give_back(self, group: str) -> None:
        del self.groups[group]

    def start(self, name: str, group: str, slot: int) -> None:
        assert slot < self.groups[group]
        with self._lock:
            if name not in self.owners:
                self.owners[name] = Owner(name, self.settings)

    def kill(self, name: str) -> None:
        """End an owner; a process that is killed writes nothing more, one that is closed does."""
        owner = self.owners.pop(name, None)
        if owner is not None:
            owner.close()

    def begin(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        owner = self.owners.get(name)
        self.calls.append((name, method))
        if owner is None:
            raise Unreachable(f"owner {name} is not running")
        if name in self.silent:
            return Future()
        return self._threads.submit(getattr(owner, method), *arguments)

    def wait(self, begun: Collection[Future[Any]], timeout_s: float) -> list[Future[Any]]:
        return list(wait(begun, timeout=max(timeout_s, 0.0)).done)

    def outcome(self, name: str, done: Future[Any]) -> Any:
        answer = done.result()
        if self.mute and isinstance(answer, Written):
            self.mute -= 1
            raise Unreachable(f"owner {name} died")
        return answer

    def close(self) -> None:
        for name in list(self.owners):
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
