"""Records by id or key: in which shard each is, and at which position."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.word_kernels import SHARD_WIDTH
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.evaluate.reading import Reading
from bitbrook.engine.placement import partitions_of_shards

ShardNumbers = frozenset[int]


def positions_by_shard(
    ids: Iterable[int | str], reading: Reading
) -> dict[int, npt.NDArray[np.uint32]]:
    """Return the positions of records by the number of their shard, in this partition's shards."""
    partition = reading.partition
    if partition.keys is None:
        numbers = np.array(list(ids), dtype=np.uint64)
    else:
        found = partition.keys.find_positions(list(cast("Iterable[str]", ids)))
        numbers = found[found >= 0].astype(np.uint64)
    numbers.sort()
    shard_numbers = numbers >> np.uint64(SHARD_BITS)
    positions = (numbers & np.uint64(SHARD_WIDTH - 1)).astype(np.uint32)
    distinct, starts = np.unique(shard_numbers, return_index=True)
    parts = dict(zip(distinct.tolist(), np.split(positions, starts[1:]), strict=False))
    return {number: parts[number] for number in owned(parts, reading)}


def owned(shard_numbers: Iterable[int], reading: Reading) -> ShardNumbers:
    """Return those of the shards that belong to the partition, written to or not."""
    schema = reading.partition.schema
    if schema.is_keyed or schema.partition_count == 1:
        return frozenset(shard_numbers)
    numbers = np.array(list(shard_numbers), dtype=np.uint64)
    owners = partitions_of_shards(numbers, schema.partition_count)
    return frozenset(numbers[owners == reading.partition.number].tolist())
