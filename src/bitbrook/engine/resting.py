"""Shards that nobody writes to any more go back to their blocks.

What a shard was written to lies in memory that the kernel cannot take back, with room to grow. Once
a shard was left alone from one checkpoint to the next, its parts are let go: whoever asks for one
has it mapped from the block. A shard is let go once after its last write, so that one that is
written to now and then is not read again and again.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from bitbrook.engine.manifest import Manifest
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import Shard
from bitbrook.engine.shard_block import store_parts
from bitbrook.stores.snapshots import Piece, SnapshotStore


def rest_idle(
    partition: Partition,
    manifest: Manifest,
    snapshots: SnapshotStore,
    *,
    since: int,
    reading: Callable[[], AbstractContextManager[object]],
    writing: Callable[[], AbstractContextManager[object]],
) -> None:
    """Let the shards go back to the manifest's blocks that were left alone since a batch.

    `reading`, `writing`: lock what the partition is part of.
    """
    with reading():
        idle = idle_shards(partition, since=since)
    pieces = [
        snapshots.read(manifest.partition, manifest.shards[shard.number].block) for shard in idle
    ]
    with writing():
        gone = [rest(shard, each) for shard, each in zip(idle, pieces, strict=True)]
    # Freed here, where nobody waits for it.
    gone.clear()


def idle_shards(partition: Partition, *, since: int) -> list[Shard]:
    """Return the shards to be let go: in their blocks as they are, no batch after `since`."""
    return [
        shard
        for shard in partition.shards.values()
        if not shard.is_dirty
        and shard.applied_sequence <= since
        and shard.applied_sequence != shard.rested_sequence
    ]


def rest(shard: Shard, pieces: Sequence[Piece]) -> list[object]:
    """Let a shard's parts lie in its block; return what it let go of, to be freed unlocked."""
    if shard.is_dirty:
        return []
    shard.rested_sequence = shard.applied_sequence
    return store_parts(shard, pieces)
