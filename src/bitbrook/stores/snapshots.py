"""Snapshots: immutable blocks, by partition and name, each a sequence of pieces of bytes.

A block is there wholly or not at all and is never changed once written. Opening it reads and checks
its list of pieces alone (`stores/blocks.py`). A piece is checked whenever it is read and comes as
mapped memory: what was never asked for is never read, and what was read may be dropped again. Every
home keeps the same promises; this one is a directory. Knows nothing of what pieces contain.
"""

import errno
import os
import shutil
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from bitbrook.errors import Conflict, Overloaded
from bitbrook.stores.blocks import (
    PORTION_BYTES,
    Block,
    Entry,
    crc32_of,
    damaged,
    read_list,
    write_block,
)
from bitbrook.stores.local_pins import LocalPins
from bitbrook.stores.mapping import map_bytes, read_bytes

__all__ = [
    "MAPPED_BYTES_MIN",
    "PORTION_BYTES",
    "SNAPSHOTS",
    "Block",
    "FilePiece",
    "LocalSnapshots",
    "Piece",
    "Pins",
    "SnapshotStore",
]

SNAPSHOTS = "snapshots"
"""Directory, or beginning of names, of the blocks in a home of snapshots."""

MAPPED_BYTES_MIN = 64 << 10
"""Smaller pieces are copied: a mapping costs one of the 65,530 that a process may have."""


@runtime_checkable
class Piece(Protocol):
    """Bytes of a block that are read when they are asked for."""

    @property
    def size_bytes(self) -> int:
        """How many bytes it has."""
        ...

    def read(self) -> memoryview:
        """Return the bytes, writable, in memory that no other read gives.

        Raises:
            Damaged: they are not what was written, or the block is gone.
            Overloaded: the system lacks memory or descriptors, or the store is out of reach.
        """
        ...


class SnapshotStore(Protocol):
    """A home of blocks. What cannot be reached raises Overloaded, and nothing was changed."""

    def write(self, partition: str, name: str, pieces: Iterable[bytes | memoryview]) -> Block:
        """Store the pieces as one durable block; each is asked for when those before are stored.

        Raises:
            Conflict: there is another block of that name.
        """
        ...

    def read(self, partition: str, block: Block) -> Sequence[Piece]:
        """Return a block's pieces.

        Raises:
            Damaged: the block is missing or its list of pieces is not what was written.
        """
        ...

    def prepare(self, partition: str, blocks: Sequence[Block]) -> None:
        """Learn that these blocks will be read next; what can be done at once is."""
        ...

    def partitions(self) -> set[str]:
        """Return the names of all partitions that may have blocks."""
        ...

    def names(self, partition: str) -> set[str]:
        """Return the names of all blocks of a partition."""
        ...

    def place_of(self, partition: str, name: str) -> str:
        """Return where a block lies, for people."""
        ...

    def delete(self, partition: str, names: Collection[str]) -> None:
        """Remove these blocks; those that are not there are no error.

        Those that somebody reads may stay: whoever removes what nothing names does so again.
        """
        ...

    def drop(self, partition: str) -> None:
        """Remove every block of a partition."""
        ...

    def open_block(self, partition: str, block: Block) -> AbstractContextManager[BinaryIO]:
        """Give a block's own bytes as an open file.

        Raises:
            Damaged: the block is missing.
        """
        ...

    def adopt(self, partition: str, block: Block, body: Iterable[bytes | memoryview]) -> None:
        """Store a block that was written elsewhere from its own bytes; it is durable then."""
        ...

    def pinning(self) -> "AbstractContextManager[Pins]":
        """Give what keeps blocks from going while they are read beside their owner."""
        ...


class Pins(Protocol):
    """Blocks that stay as long as somebody reads them, whatever their owner removes."""

    def pin(self, partition: str, blocks: Sequence[Block]) -> list[str]:
        """Keep these blocks; return the names of those that are not there."""
        ...

    def read(self, partition: str, block: Block) -> Sequence[Piece]:
        """Return the pieces of a block that was pinned, as its store does."""
        ...

    def open_block(self, partition: str, block: Block) -> AbstractContextManager[BinaryIO]:
        """Give the bytes of a block that was pinned, as its store does."""
        ...


class FilePiece:
    """A piece of a block in a file."""

    __slots__ = ("_entry", "_path", "size_bytes")

    def __init__(self, path: Path, entry: Entry) -> None:
        self.size_bytes = entry.size_bytes
        self._path = path
        self._entry = entry

    def read(self) -> memoryview:
        """Return the bytes, writable, in memory that no other read gives.

        Raises:
            Damaged: they are not what was written, or the block is gone.
            Overloaded: the system lacks memory or descriptors.
        """
        entry = self._entry
        with _opened(self._path) as file:
            if self.size_bytes < MAPPED_BYTES_MIN:
                body = read_bytes(file.fileno(), entry.start, entry.stop - entry.start)
                self._check(zlib.crc32(body))
                return body[: self.size_bytes]
            self._check(crc32_of(file.fileno(), entry))
            return map_bytes(file.fileno(), entry.start, self.size_bytes)

    def _check(self, crc32: int) -> None:
        if crc32 != self._entry.crc32:
            raise damaged(str(self._path), "does not match its checksum")


class LocalSnapshots:
    """Blocks as files, a directory a partition."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, partition: str, name: str, pieces: Iterable[bytes | memoryview]) -> Block:
        """Store the pieces as one durable block; each is asked for when those before are stored.

        Raises:
            Conflict: there is another block of that name.
        """
        with self._making(partition, name) as file:
            return write_block(file, name, pieces)

    def read(self, partition: str, block: Block) -> Sequence[FilePiece]:
        """Return a block's pieces.

        Raises:
            Damaged: the block is missing or its list of pieces is not what was written.
        """
        path = self._directory / partition / block.name
        with _opened(path) as file:
            return [FilePiece(path, entry) for entry in read_list(file, block, str(path))]

    def prepare(self, partition: str, blocks: Sequence[Block]) -> None:
        """Do nothing: files are at hand."""

    def partitions(self) -> set[str]:
        """Return the names of all partitions that may have blocks."""
        return {path.name for path in self._directory.glob("*") if path.is_dir()}

    def names(self, partition: str) -> set[str]:
        """Return the names of all blocks of a partition, unfinished ones included."""
        directory = self._directory / partition
        return {path.name for path in directory.iterdir()} if directory.exists() else set()

    def place_of(self, partition: str, name: str) -> str:
        """Return where a block lies, for people."""
        return str(self._directory / partition / name)

    def delete(self, partition: str, names: Collection[str]) -> None:
        """Remove these blocks; those that are not there are no error."""
        for name in names:
            (self._directory / partition / name).unlink(missing_ok=True)

    def drop(self, partition: str) -> None:
        """Remove every block of a partition."""
        shutil.rmtree(self._directory / partition, ignore_errors=True)

    @contextmanager
    def open_block(self, partition: str, block: Block) -> Iterator[BinaryIO]:
        """Give a block's own bytes as an open file.

        Raises:
            Damaged: the block is missing, or the disk does not give it.
        """
        with _opened(self._directory / partition / block.name) as file:
            yield file

    def adopt(self, partition: str, block: Block, body: Iterable[bytes | memoryview]) -> None:
        """Store a block that was written elsewhere from its own bytes; it is durable then."""
        with self._making(partition, block.name) as file:
            for portion in body:
                file.write(portion)

    @contextmanager
    def pinning(self) -> Iterator[Pins]:
        """Give what keeps blocks from going while they are read beside their owner."""
        with LocalPins(self._directory) as pins:
            yield _Pinned(pins)

    @contextmanager
    def _making(self, partition: str, name: str) -> Iterator[BinaryIO]:
        """Give an empty file that is a durable block when the block of code ends well."""
        directory = self._directory / partition
        is_new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        if is_new:
            _sync_directory(self._directory)
        if (directory / name).exists():
            raise Conflict(f"{directory / name} is there already")
        unfinished = directory / f"{name}.unfinished"
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(directory / name)
        _sync_directory(directory)


class _Pinned:
    """Blocks behind links of their own."""

    def __init__(self, pins: LocalPins) -> None:
        self._pins = pins
        self._links = LocalSnapshots(pins.directory)

    def pin(self, partition: str, blocks: Sequence[Block]) -> list[str]:
        return self._pins.link(partition, [block.name for block in blocks])

    def read(self, partition: str, block: Block) -> Sequence[Piece]:
        return self._links.read(partition, block)

    def open_block(self, partition: str, block: Block) -> AbstractContextManager[BinaryIO]:
        return self._links.open_block(partition, block)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Give a file of a block, and tell its absence and its disk's faults apart from the rest."""
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise damaged(str(path), "is missing") from None
    except OSError as error:
        if error.errno == errno.EIO:
            raise damaged(str(path), f"cannot be read ({error})") from error
        raise Overloaded(f"{path} cannot be read now ({error}); try again") from error


def _sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
