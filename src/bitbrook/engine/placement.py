"""Which partition owns a shard of integer record ids.

Depends on the shard's number and the partition count alone; changing it would strand what is
stored.
"""

import numpy as np
import numpy.typing as npt


def partitions_of_shards(
    shard_numbers: npt.NDArray[np.uint64], partition_count: int
) -> npt.NDArray[np.uint64]:
    """Return the partition number (uint64[n]) that owns each shard (uint64[n])."""
    return spread(shard_numbers) % np.uint64(partition_count)


def spread(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return each number spread over 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
