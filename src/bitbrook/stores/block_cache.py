"""Blocks of an object storage on this machine's disk, as far as they were asked for.

A block's file has its full length from the start, with holes where nothing was fetched yet. Whether
a piece is there its checksum says, which is looked at with every read anyway: so nothing else is
kept of it, what a killed process left is as good as new, and bytes that changed on this disk are
fetched again. When the bound is reached, blocks go that were not asked for for longest; who has
mapped one of their pieces keeps it. Knows nothing of where blocks come from.
"""

import errno
import os
import tempfile
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bitbrook.errors import Damaged
from bitbrook.stores.blocks import Block, Entry, crc32_of, read_list
from bitbrook.stores.mapping import map_bytes, read_bytes
from bitbrook.stores.snapshots import MAPPED_BYTES_MIN
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

SECTOR_BYTES = 512
"""What the system counts a file's room in."""

Fetch = Callable[[int, int], Iterable[memoryview]]
"""Gives a block's bytes from one place to another."""


class BlockCache:
    """Files of blocks, a directory a partition, of `bytes_max` together.

    `hits`: how many pieces were asked for that were here.
    """

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self._directory = directory
        self.bytes_max = bytes_max
        self.hits = 0
        self._asked = 0
        self._lock = threading.Lock()
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        # Of other processes, in directories of their own below this one, nothing.
        found = [(path.stat(), path) for path in directory.glob("*/*") if path.is_file()]
        for status, path in sorted(found, key=lambda each: each[0].st_mtime):
            self._sizes[path] = status.st_blocks * SECTOR_BYTES
        self._bytes = sum(self._sizes.values())

    @property
    def held_bytes(self) -> int:
        """Bytes of the disk that the files take."""
        return self._bytes

    @property
    def misses(self) -> int:
        """How many pieces were asked for that had to be fetched."""
        return self._asked - self.hits

    def entries(self, partition: str, block: Block) -> list[Entry] | None:
        """Return where a block's pieces lie, None if its list is not here."""
        path = self._path(partition, block)
        try:
            with path.open("rb") as file:
                return read_list(file, block, str(path))
        except (OSError, Damaged):
            return None

    def keep(self, partition: str, block: Block, parts: Sequence[tuple[int, memoryview]]) -> None:
        """Put parts of a block, each with its place, where they will be looked for."""
        with suppress(OSError), self._opened(partition, block) as descriptor:
            for start, part in parts:
                _write(descriptor, part, start)

    def piece(self, partition: str, block: Block, entry: Entry, fetch: Fetch) -> memoryview | None:
        """Return a piece's bytes, writable, in memory that no other read gives.

        They are fetched if they are not here. None if what is fetched is not what was written.
        """
        self._asked += 1
        for _ in range(2):
            try:
                with self._opened(partition, block) as descriptor:
                    if _holds(descriptor, entry):
                        self.hits += 1
                    elif not self._fill(descriptor, entry, fetch):
                        return None
                    if entry.size_bytes < MAPPED_BYTES_MIN:
                        body = read_bytes(descriptor, entry.start, entry.size_bytes)
                    else:
                        body = map_bytes(descriptor, entry.start, entry.size_bytes)
                    return body if len(body) == entry.size_bytes else None
            except OSError as error:
                LOGGER.warning("the cache of blocks cannot be used", reason=str(error))
                if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    break
                # The disk is fuller than the bound foresaw.
                self._make_room(self.bytes_max, self._path(partition, block))
        return _in_memory(entry, fetch)

    @contextmanager
    def making(self, partition: str, name: str) -> Iterator[BinaryIO]:
        """Give an empty file that is a whole block here when the block of code ends well."""
        directory = self._directory / partition
        directory.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=directory)
        os.close(descriptor)
        try:
            with Path(unfinished).open("w+b") as file:
                yield file
                file.flush()
                path = directory / name
                Path(unfinished).rename(path)
                self._used(path, file.fileno())
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
        self._make_room(0, path)

    @contextmanager
    def aside(self) -> Iterator[BinaryIO]:
        """Give an empty file that goes when the block of code ends."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._directory) as file:
            yield file

    def forget(self, partition: str, names: Iterable[str] | None = None) -> None:
        """Let go of some blocks of a partition, or of all."""
        directory = self._directory / partition
        paths = directory.glob("*") if names is None else (directory / name for name in names)
        with self._lock:
            for path in list(paths):
                self._remove(path)
        with suppress(OSError):
            directory.rmdir()

    def _path(self, partition: str, block: Block) -> Path:
        return self._directory / partition / block.name

    @contextmanager
    def _opened(self, partition: str, block: Block) -> Iterator[int]:
        """Give the file of a block, which is made if need be, and take note of its use."""
        path = self._path(partition, block)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Never shortened: a piece of it may be mapped.
            if os.fstat(descriptor).st_size < block.size_bytes:
                os.ftruncate(descriptor, block.size_bytes)
            yield descriptor
            self._used(path, descriptor)
        finally:
            os.close(descriptor)
        self._make_room(0, path)

    def _fill(self, descriptor: int, entry: Entry, fetch: Fetch) -> bool:
        """Fetch a piece into its place; return whether it is what was written."""
        crc32, place = 0, entry.start
        for portion in fetch(entry.start, entry.stop):
            _write(descriptor, portion, place)
            crc32, place = zlib.crc32(portion, crc32), place + len(portion)
        return place == entry.stop and crc32 == entry.crc32

    def _used(self, path: Path, descriptor: int) -> None:
        size_bytes = os.fstat(descriptor).st_blocks * SECTOR_BYTES
        with self._lock:
            self._bytes += size_bytes - self._sizes.get(path, 0)
            self._sizes[path] = size_bytes
            self._sizes.move_to_end(path)

    def _make_room(self, size_bytes: int, kept: Path) -> None:
        """Remove what was not used for longest until so many bytes more are below the bound."""
        with self._lock:
            if self._bytes + size_bytes <= self.bytes_max:
                return
            for path in list(self._sizes):
                if path != kept:
                    self._remove(path)
                if self._bytes + size_bytes <= self.bytes_max:
                    return

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._bytes -= self._sizes.pop(path, 0)


def _holds(descriptor: int, entry: Entry) -> bool:
    """Return whether a piece is in a file, as it was written."""
    if entry.stop == entry.start:
        return True
    try:
        if os.lseek(descriptor, entry.start, os.SEEK_DATA) >= entry.stop:
            return False
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    return crc32_of(descriptor, entry) == entry.crc32


def _in_memory(entry: Entry, fetch: Fetch) -> memoryview | None:
    """Return a piece's bytes without the disk, None if they are not what was written."""
    body = bytearray()
    for portion in fetch(entry.start, entry.stop):
        body += portion
    if len(body) != entry.stop - entry.start or zlib.crc32(body) != entry.crc32:
        return None
    return memoryview(body)[: entry.size_bytes]


def _write(descriptor: int, part: memoryview, start: int) -> None:
    """Write all of a part at a place."""
    written = 0
    while written < len(part):
        written += os.pwrite(descriptor, part[written:], start + written)
