"""What a process that has partitions keeps of them to be quick, and how that fares."""

from typing import Protocol

from bitbrook.bitmap import row_words, thawed
from bitbrook.engine.evaluate import cubes
from bitbrook.stores.object_snapshots import ObjectSnapshots
from bitbrook.stores.snapshots import SnapshotStore


class Cache(Protocol):
    """A cache that can tell how it fares. `hits` and `misses`: since the process began."""

    @property
    def hits(self) -> int: ...  # noqa: D102 - said above
    @property
    def misses(self) -> int: ...  # noqa: D102 - said above
    @property
    def held_bytes(self) -> int: ...  # noqa: D102 - what it takes
    @property
    def bytes_max(self) -> int: ...  # noqa: D102 - what it may


def caches_of(snapshots: SnapshotStore) -> dict[str, Cache]:
    """Return the caches of a process that reads its partitions from there, by what they keep."""
    caches: dict[str, Cache] = {
        "cubes": cubes.LEDGER,
        "row_words": row_words.LEDGER,
        "thawed_rows": thawed.LEDGER,
    }
    if isinstance(snapshots, ObjectSnapshots):
        caches["storage_blocks"] = snapshots.cache
    return caches
