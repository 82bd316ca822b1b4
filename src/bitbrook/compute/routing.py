"""Which partition a record belongs to, and a batch cut accordingly.

The choice depends on the record id and the partition count alone, so that any process, at any time,
finds the partition that holds a record. Integer ids go by shard, so that neighbours stay together
and a shard has one owner; string keys go by the key. Changing either hash would strand what is
stored.
"""

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.engine.batch import ID_COLUMN, Batch, Operation, OperationKind
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.placement import partitions_of_shards, spread
from bitbrook.schema.field_types import TableSchema


def split_batch(batch: Batch, schema: TableSchema) -> dict[int, Batch]:
    """Return the parts of a batch by partition number; partitions without a part are left out.

    Operations keep their order in each part. CLEAR_ROW, which names no record, goes to all.
    """
    if schema.partition_count == 1:
        return {0: batch}
    parts: dict[int, Batch] = {}
    for index, operation in enumerate(batch.operations):
        for number, part in _split_operation(operation, schema.partition_count).items():
            # Every part lists every operation, so that change counts add up position by position.
            known = parts.setdefault(number, Batch([]))
            known.operations += [
                Operation(earlier.kind, earlier.records.slice(0, 0))
                for earlier in batch.operations[len(known.operations) : index]
            ]
            known.operations.append(part)
    for part_batch in parts.values():
        part_batch.operations += [
            Operation(later.kind, later.records.slice(0, 0))
            for later in batch.operations[len(part_batch.operations) :]
        ]
    return parts


def _split_operation(operation: Operation, partition_count: int) -> dict[int, Operation]:
    if operation.kind is OperationKind.CLEAR_ROW:
        return dict.fromkeys(range(partition_count), operation)
    partitions = partitions_of(operation.records.column(ID_COLUMN), partition_count)
    parts = {}
    for number in np.unique(partitions).tolist():
        chosen = np.flatnonzero(partitions == number)
        parts[number] = Operation(operation.kind, operation.records.take(pa.array(chosen)))
    return parts


def partitions_of(ids: pa.Array, partition_count: int) -> npt.NDArray[np.uint64]:
    """Return the partition number (uint64) of each record id (uint64) or record key (string)."""
    if pa.types.is_string(ids.type):
        return _hash_keys(ids) % np.uint64(partition_count)
    shards = ids.to_numpy(zero_copy_only=False) >> np.uint64(SHARD_BITS)
    return partitions_of_shards(shards, partition_count)


def _hash_keys(keys: pa.Array) -> npt.NDArray[np.uint64]:
    """Return the mixed 64-bit FNV-1a hash of each key's UTF-8 bytes."""
    _, offsets, content = keys.buffers()
    if len(keys) == 0 or offsets is None:
        return np.zeros(0, dtype=np.uint64)
    bounds = np.frombuffer(offsets, dtype=np.int32)[keys.offset : keys.offset + len(keys) + 1]
    octets = np.frombuffer(content, dtype=np.uint8) if content else np.zeros(0, dtype=np.uint8)
    return spread(_fnv1a(bounds, octets))


@numba.njit(
    "uint64[:](Array(int32, 1, 'C', readonly=True), Array(uint8, 1, 'C', readonly=True))",
    nogil=True,
    cache=True,
)
def _fnv1a(bounds: npt.NDArray[np.int32], octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    hashes = np.empty(len(bounds) - 1, dtype=np.uint64)
    for i in range(len(hashes)):
        state = np.uint64(0xCBF29CE484222325)
        for j in range(bounds[i], bounds[i + 1]):
            state = (state ^ np.uint64(octets[j])) * np.uint64(0x100000001B3)
        hashes[i] = state
    return hashes
