"""Snapshots: immutable blocks, by partition and name, each a sequence of pieces of bytes.

A block is there wholly or not at all and is never changed once written. Opening it reads and checks
its list of pieces alone, against itself and against what the caller's manifest expects, so that
neither a flipped bit nor another block under the right name is taken for what was written. A piece
is checked against its CRC-32 whenever it is read (zlib's runs at 3.7 GB/s here, faster than the
disk) and comes as mapped memory: what was never asked for is never read, and what was read may be
dropped again. Knows nothing of what pieces contain.

A block in a directory: 64 bytes of header, the pieces, and of each piece (20 bytes) its start, its
size and its CRC-32. The header: the magic `bitbrook`, then as little-endian integers the format (4
bytes), CRC-32 of the rest of the header and of the list (4), start of the list (8), how many pieces
(8), zeros. Pieces begin at multiples of 64 bytes; the zeros between belong to the piece before.
"""

import errno
import os
import shutil
import struct
import zlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from bitbrook.errors import Damaged, Overloaded
from bitbrook.stores.mapping import map_bytes, read_bytes

MAGIC = b"bitbrook"
FORMAT_VERSION = 2
ALIGNMENT = 64
HEADER = struct.Struct("<8sIIQQ32x")
CHECKED_FROM = 16
ENTRY = struct.Struct("<QQI")
PORTION_BYTES = 1 << 20
MAPPED_BYTES_MIN = 64 << 10
"""Smaller pieces are copied: a mapping costs one of the 65,530 that a process may have."""


class Block(msgspec.Struct, frozen=True):
    """What a manifest keeps of a block: enough to find it and to know it again.

    `size_bytes` of the whole block; `crc32` of its list of pieces, which has theirs.
    """

    name: str
    size_bytes: int
    crc32: int


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
            Overloaded: the system lacks memory or descriptors.
        """
        ...


class SnapshotStore(Protocol):
    """A home of blocks."""

    def write(self, partition: str, name: str, pieces: Iterable[bytes | memoryview]) -> Block:
        """Store the pieces as one durable block; each is asked for when those before are stored."""
        ...

    def read(self, partition: str, block: Block) -> Sequence[Piece]:
        """Return a block's pieces.

        Raises:
            Damaged: the block is missing or its list of pieces is not what was written.
        """
        ...

    def names(self, partition: str) -> set[str]:
        """Return the names of all blocks of a partition."""
        ...

    def delete(self, partition: str, names: Collection[str]) -> None:
        """Remove these blocks; those that are not there are no error."""
        ...

    def drop(self, partition: str) -> None:
        """Remove every block of a partition."""
        ...


class FilePiece:
    """A piece of a block in a file."""

    __slots__ = ("_crc32", "_path", "_start", "size_bytes")

    def __init__(self, path: Path, start: int, size_bytes: int, crc32: int) -> None:
        self.size_bytes = size_bytes
        self._path = path
        self._start = start
        self._crc32 = crc32

    def read(self) -> memoryview:
        """Return the bytes, writable, in memory that no other read gives.

        Raises:
            Damaged: they are not what was written, or the block is gone.
            Overloaded: the system lacks memory or descriptors.
        """
        stop = self._start + _aligned(self.size_bytes)
        try:
            with self._path.open("rb") as file:
                if self.size_bytes < MAPPED_BYTES_MIN:
                    body = read_bytes(file.fileno(), self._start, stop - self._start)
                    self._check(zlib.crc32(body))
                    return body[: self.size_bytes]
                # By reading, not through the mapping: what the disk cannot give, or the file does
                # not have, is an error here and would kill the process there.
                crc32, start = 0, self._start
                while portion := read_bytes(file.fileno(), start, min(PORTION_BYTES, stop - start)):
                    crc32, start = zlib.crc32(portion, crc32), start + len(portion)
                self._check(crc32)
                return map_bytes(file.fileno(), self._start, self.size_bytes)
        except FileNotFoundError:
            raise _damaged(self._path, "is missing") from None
        except OSError as error:
            if error.errno == errno.EIO:
                raise _damaged(self._path, f"cannot be read ({error})") from error
            raise Overloaded(f"{self._path} cannot be read now ({error}); try again") from error

    def _check(self, crc32: int) -> None:
        if crc32 != self._crc32:
            raise _damaged(self._path, "does not match its checksum")


class LocalSnapshots:
    """Blocks as files, a directory a partition."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, partition: str, name: str, pieces: Iterable[bytes | memoryview]) -> Block:
        """Store the pieces as one durable block; each is asked for when those before are stored."""
        directory = self._directory / partition
        is_new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        if is_new:
            _sync_directory(self._directory)
        unfinished = directory / f"{name}.unfinished"
        entries, start = [], HEADER.size
        with unfinished.open("wb") as file:
            file.write(bytes(HEADER.size))
            for piece in pieces:
                padding = bytes(_aligned(len(piece)) - len(piece))
                file.write(piece)
                file.write(padding)
                entries.append(ENTRY.pack(start, len(piece), _crc32(piece, padding)))
                start += len(piece) + len(padding)
            listed = b"".join(entries)
            file.write(listed)
            unchecked = HEADER.pack(MAGIC, FORMAT_VERSION, 0, start, len(entries))
            crc32 = _crc32(unchecked[CHECKED_FROM:], listed)
            file.seek(0)
            file.write(HEADER.pack(MAGIC, FORMAT_VERSION, crc32, start, len(entries)))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(directory / name)
        _sync_directory(directory)
        return Block(name, start + len(listed), crc32)

    def read(self, partition: str, block: Block) -> Sequence[FilePiece]:
        """Return a block's pieces.

        Raises:
            Damaged: the block is missing or its list of pieces is not what was written.
        """
        path = self._directory / partition / block.name
        try:
            with path.open("rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                header = file.read(HEADER.size)
                if len(header) < HEADER.size:
                    raise _damaged(path, "is cut off")
                magic, version, crc32, list_start, count = HEADER.unpack(header)
                if magic != MAGIC:
                    raise _damaged(path, "is not a block of a snapshot")
                if version != FORMAT_VERSION:
                    raise _damaged(path, f"has format {version} and this is {FORMAT_VERSION}")
                if not size_bytes == list_start + count * ENTRY.size == block.size_bytes:
                    raise _damaged(path, f"has {size_bytes} bytes instead of {block.size_bytes}")
                file.seek(list_start)
                listed = file.read()
        except FileNotFoundError:
            raise _damaged(path, "is missing") from None
        if not _crc32(header[CHECKED_FROM:], listed) == crc32 == block.crc32:
            raise _damaged(path, "does not match its checksum")
        return [FilePiece(path, *entry) for entry in ENTRY.iter_unpack(listed)]

    def names(self, partition: str) -> set[str]:
        """Return the names of all blocks of a partition, unfinished ones included."""
        directory = self._directory / partition
        return {path.name for path in directory.iterdir()} if directory.exists() else set()

    def delete(self, partition: str, names: Collection[str]) -> None:
        """Remove these blocks; those that are not there are no error."""
        for name in names:
            (self._directory / partition / name).unlink(missing_ok=True)

    def drop(self, partition: str) -> None:
        """Remove every block of a partition."""
        shutil.rmtree(self._directory / partition, ignore_errors=True)


def _aligned(size_bytes: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def _crc32(first: bytes | memoryview, second: bytes) -> int:
    """Return the checksum of both, end to end."""
    return zlib.crc32(second, zlib.crc32(first))


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(f"{path}: {what}; restore the data directory from a backup")


def _sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
