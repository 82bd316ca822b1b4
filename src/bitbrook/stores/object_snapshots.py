"""Snapshots in an object storage: `<url>/snapshots/<partition>/<block>`, one object a block.

An object is made if no other has its name, and never changed. Opening a block fetches its list of
pieces; a piece is fetched by its range when it is first asked for, into a cache of this machine's
disk from where it is mapped. So a table may be larger than memory and than that disk, and what was
asked for before is as near as a local file. What cannot be reached is told as such (503): nothing
was changed, and what is in the cache goes on being read. Knows nothing of what pieces contain.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bitbrook.errors import BitbrookError, NotFound, Overloaded
from bitbrook.stores.block_cache import BlockCache
from bitbrook.stores.blocks import (
    HEADER,
    Block,
    Entry,
    damaged,
    decode_list,
    list_start_of,
    write_block,
)
from bitbrook.stores.object_pins import ObjectPins, is_pinned
from bitbrook.stores.object_storage import ObjectStorage
from bitbrook.stores.snapshots import SNAPSHOTS, Pins
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

TAIL_BYTES = 64 << 10
"""The end of a block that is fetched when it is opened: its list, and the last, small piece."""

OPENED_AT_ONCE = 16


class ObjectPiece:
    """A piece of a block in an object storage."""

    __slots__ = ("_block", "_entry", "_partition", "_store", "size_bytes")

    def __init__(
        self, store: "ObjectSnapshots", partition: str, block: Block, entry: Entry
    ) -> None:
        self.size_bytes = entry.size_bytes
        self._store = store
        self._partition = partition
        self._block = block
        self._entry = entry

    def read(self) -> memoryview:
        """Return the bytes, writable, in memory that no other read gives.

        Raises:
            Damaged: they are not what was written, or the block is gone.
            Overloaded: the storage is out of reach.
        """
        return self._store.read_piece(self._partition, self._block, self._entry)


class ObjectSnapshots:
    """Blocks as objects, and what was read of them in a cache."""

    def __init__(self, storage: ObjectStorage, cache: BlockCache) -> None:
        self._storage = storage
        self._cache = cache

    @property
    def cache(self) -> BlockCache:
        """What was read of them and is kept."""
        return self._cache

    def write(self, partition: str, name: str, pieces: Iterable[bytes | memoryview]) -> Block:
        """Store the pieces as one durable block; each is asked for when those before are stored.

        Raises:
            Conflict: there is another block of that name.
            Overloaded: the storage is out of reach.
        """
        with self._cache.making(partition, name) as file:
            block = write_block(file, name, pieces)
            self._storage.create(_key(partition, name), Path(file.name))
        return block

    def read(self, partition: str, block: Block) -> Sequence[ObjectPiece]:
        """Return a block's pieces.

        Raises:
            Damaged: the block is missing or its list of pieces is not what was written.
            Overloaded: the storage is out of reach.
        """
        entries = self._cache.entries(partition, block)
        if entries is None:
            with self._telling_damage(partition, block):
                entries = self._fetch_entries(partition, block)
        return [ObjectPiece(self, partition, block, entry) for entry in entries]

    def read_piece(self, partition: str, block: Block, entry: Entry) -> memoryview:
        """Return the bytes of a piece; see `ObjectPiece.read`."""

        def fetch(start: int, stop: int) -> Iterator[memoryview]:
            return self._storage.portions(_key(partition, block.name), start, stop)

        with self._telling_damage(partition, block):
            body = self._cache.piece(partition, block, entry, fetch)
        if body is None:
            raise damaged(self.place_of(partition, block.name), "does not match its checksum")
        return body

    def prepare(self, partition: str, blocks: Sequence[Block]) -> None:
        """Fetch the lists of blocks that will be read next, many at a time."""
        unknown = [each for each in blocks if self._cache.entries(partition, each) is None]
        if len(unknown) < 2:
            return
        with ThreadPoolExecutor(OPENED_AT_ONCE, "snapshots") as pool:
            for each in [pool.submit(self.read, partition, block) for block in unknown]:
                each.result()

    def partitions(self) -> set[str]:
        """Return the names of all partitions that have blocks."""
        return self._storage.folders(SNAPSHOTS)

    def names(self, partition: str) -> set[str]:
        """Return the names of all blocks of a partition."""
        return {name.rpartition("/")[2] for name in self._storage.names(_key(partition))}

    def place_of(self, partition: str, name: str) -> str:
        """Return where a block lies, for people."""
        return f"{self._storage.place}/{_key(partition, name)}"

    def delete(self, partition: str, names: Collection[str]) -> None:
        """Remove these blocks, unless somebody reads blocks or the storage is out of reach.

        Whoever removes what nothing names does so again.
        """
        if not names:
            return
        try:
            if not is_pinned(self._storage):
                self._storage.delete([_key(partition, name) for name in names])
                self._cache.forget(partition, names)
        except Overloaded as error:
            LOGGER.warning("blocks that nothing names stay for now", reason=error.message)

    def drop(self, partition: str) -> None:
        """Remove every block of a partition.

        Raises:
            Overloaded: the storage is out of reach.
        """
        self._storage.delete(self._storage.names(_key(partition)))
        self._cache.forget(partition)

    @contextmanager
    def open_block(self, partition: str, block: Block) -> Iterator[BinaryIO]:
        """Give a block's own bytes as an open file, fetched anew.

        Raises:
            Damaged: the block is missing.
            Overloaded: the storage is out of reach, or this disk is full.
        """
        with self._cache.aside() as file:
            with self._telling_damage(partition, block):
                for portion in self._storage.read(_key(partition, block.name)):
                    file.write(portion)
            file.seek(0)
            yield file

    def adopt(self, partition: str, block: Block, body: Iterable[bytes | memoryview]) -> None:
        """Store a block that was written elsewhere from its own bytes; it is durable then."""
        with self._cache.making(partition, block.name) as file:
            for portion in body:
                file.write(portion)
            file.flush()
            self._storage.create(_key(partition, block.name), Path(file.name))

    @contextmanager
    def pinning(self) -> Iterator[Pins]:
        """Give what keeps blocks from going while they are read beside their owner."""
        with ObjectPins(self._storage):
            yield _Pinned(self)

    def _fetch_entries(self, partition: str, block: Block) -> list[Entry]:
        name, place = _key(partition, block.name), self.place_of(partition, block.name)
        # One byte more than there should be: it is not there.
        stop = block.size_bytes + 1
        tail_start = max(HEADER.size, block.size_bytes - TAIL_BYTES)
        if tail_start == HEADER.size:
            (whole,) = self._storage.ranges(name, [0], [stop])
            header, tail = whole[:tail_start], whole[tail_start:]
        else:
            header, tail = self._storage.ranges(name, [0, tail_start], [HEADER.size, stop])
        list_start = list_start_of(header, block, tail_start + len(tail), place)
        if list_start < tail_start:
            listed = b"".join(self._storage.portions(name, list_start, block.size_bytes))
        else:
            listed = bytes(tail[list_start - tail_start :])
        entries = decode_list(header, listed, block, place)
        parts = [(0, header), (tail_start, tail), (list_start, memoryview(listed))]
        self._cache.keep(partition, block, parts)
        return entries

    @contextmanager
    def _telling_damage(self, partition: str, block: Block) -> Iterator[None]:
        """Tell a block that is missing or of another length from a storage out of reach."""
        place = self.place_of(partition, block.name)
        try:
            yield
        except NotFound:
            raise damaged(place, "is missing") from None
        except Overloaded as error:
            # A range that an object does not have is refused like anything else. Its size is asked
            # for then alone: a storage out of reach would be waited for twice.
            if "range" not in str(error.__cause__).lower():
                raise
            try:
                size_bytes = self._storage.size_bytes(_key(partition, block.name))
            except BitbrookError:
                size_bytes = block.size_bytes
            if size_bytes != block.size_bytes:
                raise damaged(
                    place, f"has {size_bytes} bytes instead of {block.size_bytes}"
                ) from None
            raise


class _Pinned:
    """Blocks that nobody removes."""

    def __init__(self, store: ObjectSnapshots) -> None:
        self._store = store
        self.read = store.read
        self.open_block = store.open_block

    def pin(self, partition: str, blocks: Sequence[Block]) -> list[str]:
        there = self._store.names(partition)
        return [block.name for block in blocks if block.name not in there]


def _key(*parts: str) -> str:
    return "/".join((SNAPSHOTS, *parts))
