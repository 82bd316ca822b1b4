"""Checkpoints: what changed in a partition goes into its snapshot, and its log is trimmed.

Only shards that changed are written, and of dictionaries and record keys only what came since. The
read lock is held for one field of one shard at a time. Order carries the proof: the sequence S is
read first, then shards are written (each containing at least S), then the dictionaries (containing
every code that the shards use), then one transaction publishes the manifest and trims the log up to
S. A crash before that leaves the former snapshot and the whole log. The former blocks go only
afterwards, when no untouched part lies in them any more (where owners may be followed, one
checkpoint later: whoever reads beside moves, too); blocks that no manifest names are removed by the
next checkpoint or start.
"""

import secrets
from collections.abc import Iterable, Sequence

from bitbrook.engine.keys_block import Keys, encode_keys
from bitbrook.engine.manifest import KeysBlock, Manifest, ShardBlock, encode_manifest
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import Shard
from bitbrook.engine.shard_block import Reading, ShardPieces, move_untouched
from bitbrook.errors import BitbrookError, Overloaded
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import Block, Piece, SnapshotStore


def checkpoint_partition(
    partition: Partition,
    manifest: Manifest,
    *,
    reading: Reading,
    log: Log,
    snapshots: SnapshotStore,
) -> Manifest:
    """Bring a partition's snapshot up to now; return its new manifest (the old one if it fits).

    `reading` gives the read lock that keeps batches from being applied. One checkpoint of a
    partition runs at a time; `delete_unnamed` is due once the new manifest has been taken over.

    Raises:
        Overloaded: the snapshot cannot be written; the former one and the log stay as they are.
        Damaged: a part that nobody touched is not what was written.
    """
    with reading():
        sequence = partition.applied_sequence
        dirty = [shard for shard in partition.shards.values() if shard.is_dirty]
    if sequence == manifest.sequence:
        return manifest
    blocks = _BlockWriter(manifest.partition, snapshots)
    try:
        written = [_write_shard(partition, shard, reading, blocks) for shard in dirty]
        shards = {shard.number: stored for shard, (stored, _) in zip(dirty, written, strict=True)}
        with reading():
            tails = _Tails(partition, manifest)
        dictionaries = {
            field_id: tail.write(blocks, f"rows-{field_id}")
            for field_id, tail in tails.dictionaries.items()
        }
        keys = tails.keys.write(blocks, "keys") if tails.keys else []
    except OSError as error:
        blocks.undo()
        raise Overloaded(
            f"the checkpoint of {manifest.partition} cannot be written ({error}); the log keeps "
            "growing until it can; free disk space or mend the directory"
        ) from error
    except BitbrookError:
        blocks.undo()
        raise
    successor = Manifest(
        partition=manifest.partition,
        sequence=sequence,
        shards=manifest.shards | shards,
        dictionaries=dictionaries,
        keys=keys,
    )
    log.publish(manifest.partition, encode_manifest(successor), through=sequence)
    for shard, (stored, pieces) in zip(dirty, written, strict=True):
        shard.stored_sequence = stored.sequence
        move_untouched(shard, pieces)
    return successor


def delete_unnamed(manifest: Manifest, snapshots: SnapshotStore) -> None:
    """Remove the partition's blocks that its current manifest does not name."""
    named = {block.name for block in manifest.blocks}
    snapshots.delete(manifest.partition, snapshots.names(manifest.partition) - named)


def delete_former(before: Manifest, now: Manifest, snapshots: SnapshotStore) -> None:
    """Remove the blocks of a partition that its manifest named before and names no more."""
    named = {block.name for block in now.blocks}
    gone = [block.name for block in before.blocks if block.name not in named]
    snapshots.delete(now.partition, gone)


class _BlockWriter:
    """Writes blocks under names that were never used before."""

    def __init__(self, partition: str, snapshots: SnapshotStore) -> None:
        self._partition = partition
        self._snapshots = snapshots
        self._suffix = secrets.token_hex(4)
        self._names: list[str] = []

    def write(self, name: str, pieces: Iterable[bytes | memoryview]) -> Block:
        unique = f"{name}-{self._suffix}"
        self._names.append(unique)
        return self._snapshots.write(self._partition, unique, pieces)

    def read(self, block: Block) -> Sequence[Piece]:
        return self._snapshots.read(self._partition, block)

    def undo(self) -> None:
        self._snapshots.delete(self._partition, self._names)


def _write_shard(
    partition: Partition, shard: Shard, reading: Reading, blocks: _BlockWriter
) -> tuple[ShardBlock, Sequence[Piece]]:
    """Write a shard's block; return it, and its pieces as they were read back."""
    pieces = ShardPieces(partition, shard, reading)
    block = blocks.write(f"shard-{shard.number}", pieces)
    return ShardBlock(block, pieces.sequence), blocks.read(block)


class _Tail:
    """What came to some keys since the blocks that a manifest has of them."""

    def __init__(self, keys: Keys, blocks: list[KeysBlock]) -> None:
        self._kept = list(blocks)
        self._stop = len(keys)
        first = blocks[-1].first + blocks[-1].count if blocks else 0
        # Small blocks at the end are written again as part of the new one, so that their number
        # grows with the logarithm of what they hold, and so does what is written of each key.
        if first < self._stop:
            while self._kept and self._kept[-1].count <= self._stop - first:
                first = self._kept.pop().first
        self._first = first
        self._octets, self._bounds = keys.tail(first)

    def write(self, blocks: _BlockWriter, name: str) -> list[KeysBlock]:
        if self._first == self._stop:
            return self._kept
        block = blocks.write(f"{name}-{self._first}", encode_keys(self._octets, self._bounds))
        return [*self._kept, KeysBlock(block, self._first, self._stop - self._first)]


class _Tails:
    """The tails of all of a partition's dictionaries and of its record keys, at one moment."""

    def __init__(self, partition: Partition, manifest: Manifest) -> None:
        self.dictionaries = {
            field_id: _Tail(dictionary, manifest.dictionaries.get(field_id, []))
            for field_id, dictionary in partition.dictionaries.items()
        }
        self.keys = None if partition.keys is None else _Tail(partition.keys, manifest.keys)
