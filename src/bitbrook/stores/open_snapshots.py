"""Which home of snapshots a URL or a path names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bitbrook.stores.block_cache import BlockCache
from bitbrook.stores.object_snapshots import ObjectSnapshots
from bitbrook.stores.object_storage import ObjectStorage
from bitbrook.stores.snapshots import SNAPSHOTS, LocalSnapshots, SnapshotStore

CACHE_BYTES = 32 << 30


def open_snapshots(
    place: str, cache_directory: Path, *, cache_bytes: int = CACHE_BYTES
) -> SnapshotStore:
    """Return the snapshots at a place; they lie in `snapshots` below it.

    `place`: a directory, as a path or a `file://` URL, or the URL of an object storage, of which up
    to `cache_bytes` are kept in `cache_directory`.

    Raises:
        InvalidValue: the storage cannot be used, or the extra for it is missing.
    """
    if "://" not in place:
        return LocalSnapshots(Path(place) / SNAPSHOTS)
    if place.startswith("file://"):
        return LocalSnapshots(Path(unquote(urlsplit(place).path)) / SNAPSHOTS)
    return ObjectSnapshots(ObjectStorage(place), BlockCache(cache_directory, cache_bytes))
