"""The homes that blocks may have, each with a way to look anew and to change bytes."""

from collections.abc import Callable
from pathlib import Path

from bitbrook.stores.block_cache import BlockCache
from bitbrook.stores.object_snapshots import ObjectSnapshots
from bitbrook.stores.object_storage import ObjectStorage
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.snapshots import LocalSnapshots, SnapshotStore
from s3_process import BUCKET

CACHE_BYTES = 64 << 20


class DirectoryHome:
    """A directory of this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "home"

    def open(self) -> SnapshotStore:
        store = open_snapshots(f"file://{self._directory}", self._directory)
        assert isinstance(store, LocalSnapshots)
        return store

    def change(self, name: str, change: Callable[[bytes], bytes | None]) -> None:
        """Change, or remove, the bytes of block `name` of partition `t.0`."""
        _change_file(self._directory / "snapshots" / "t.0" / name, change)


class FilesHome:
    """A directory as an object storage."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opened = 0

    def open(self) -> ObjectSnapshots:
        """The same blocks, with nothing in the cache."""
        self._opened += 1
        cache = BlockCache(self._directory / f"cache{self._opened}", CACHE_BYTES)
        return ObjectSnapshots(ObjectStorage(f"file://{self._directory}/home"), cache)

    def change(self, name: str, change: Callable[[bytes], bytes | None]) -> None:
        _change_file(self._directory / "home" / "snapshots" / "t.0" / name, change)


class S3Home:
    """A bucket's part."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._prefix = f"{BUCKET}/{directory.name}"
        self._opened = 0

    @property
    def url(self) -> str:
        return f"s3://{self._prefix}"

    def open(self) -> ObjectSnapshots:
        self._opened += 1
        cache = self._directory / f"cache{self._opened}"
        store = open_snapshots(self.url, cache, cache_bytes=CACHE_BYTES)
        assert isinstance(store, ObjectSnapshots)
        return store

    def change(self, name: str, change: Callable[[bytes], bytes | None]) -> None:
        storage, place = ObjectStorage(self.url), f"snapshots/t.0/{name}"
        changed = change(b"".join(storage.read(place)))
        if changed is None:
            storage.delete([place])
        else:
            storage.put(place, changed)


Home = DirectoryHome | FilesHome | S3Home


def _change_file(path: Path, change: Callable[[bytes], bytes | None]) -> None:
    changed = change(path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
