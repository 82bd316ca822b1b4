"""Shards that nobody writes to any more go back to their blocks.

What a shard was written to lies in memory that the kernel cannot take back, with room to grow. Once
a shard was left alone from one checkpoint to the next, its parts are let go: whoever asks for one
has it mapped from the block. A shard is let go once after its last write, so that one that is
written to now and then is not read again and again. Knows nothing of locks: the table has locked.
"""

from collections.abc import Sequence

from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import Shard
from bitbrook.engine.shard_block import store_parts
from bitbrook.stores.snapshots import Piece


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
