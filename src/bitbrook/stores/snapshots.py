"""Snapshots: immutable blocks of bytes, by partition and name.

A block is there wholly or not at all, is never changed once written, and carries its CRC-32, which
every read checks twice: against the block itself and against what the caller's manifest expects, so
that neither a flipped bit nor another block under the right name is taken for what was written.
(zlib's CRC-32 runs at 3.7 GB/s here, faster than the disk.) Knows nothing of what blocks contain.

A block in a directory: the magic `bitbrook`, then as little-endian integers format (4 bytes),
CRC-32 of the body (4) and length of the body (8), then the body.
"""

import os
import shutil
import struct
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from bitbrook.errors import Damaged

MAGIC = b"bitbrook"
FORMAT_VERSION = 1
HEADER = struct.Struct("<8sIIQ")


class Block(msgspec.Struct, frozen=True):
    """What a manifest keeps of a block: enough to find it and to know it again."""

    name: str
    size_bytes: int
    crc32: int


class SnapshotStore(Protocol):
    """A home of blocks."""

    def write(self, partition: str, name: str, body: Sequence[bytes | memoryview]) -> Block:
        """Store the parts of `body` end to end as one durable block."""
        ...

    def read(self, partition: str, block: Block) -> memoryview:
        """Return a block's body, writable.

        Raises:
            Damaged: the block is missing or is not what was written.
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


class LocalSnapshots:
    """Blocks as files, a directory a partition."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, partition: str, name: str, body: Sequence[bytes | memoryview]) -> Block:
        """Store the parts of `body` end to end as one durable block."""
        crc32, size_bytes = 0, 0
        for part in body:
            crc32 = zlib.crc32(part, crc32)
            size_bytes += len(part)
        directory = self._directory / partition
        is_new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        if is_new:
            _sync_directory(self._directory)
        unfinished = directory / f"{name}.unfinished"
        with unfinished.open("wb") as file:
            file.write(HEADER.pack(MAGIC, FORMAT_VERSION, crc32, size_bytes))
            file.writelines(body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(directory / name)
        _sync_directory(directory)
        return Block(name, size_bytes, crc32)

    def read(self, partition: str, block: Block) -> memoryview:
        """Return a block's body, writable.

        Raises:
            Damaged: the block is missing or is not what was written.
        """
        path = self._directory / partition / block.name
        try:
            with path.open("rb") as file:
                header = file.read(HEADER.size)
                # One byte more than there should be would show a block that is too long.
                body = bytearray(block.size_bytes + 1)
                size_bytes = file.readinto(body)
        except FileNotFoundError:
            raise _damaged(path, "is missing") from None
        if len(header) < HEADER.size:
            raise _damaged(path, "is cut off")
        magic, version, crc32, length = HEADER.unpack(header)
        if magic != MAGIC:
            raise _damaged(path, "is not a block of a snapshot")
        if version != FORMAT_VERSION:
            raise _damaged(path, f"has format {version} and this is {FORMAT_VERSION}")
        if not size_bytes == length == block.size_bytes:
            raise _damaged(path, f"has {size_bytes} bytes instead of {block.size_bytes}")
        view = memoryview(body)[:size_bytes]
        if not zlib.crc32(view) == crc32 == block.crc32:
            raise _damaged(path, "does not match its checksum")
        return view

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


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(f"{path}: {what}; restore the data directory from a backup")


def _sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
