"""Recovery: a partition as its snapshot and its log left it.

The manifest names the blocks, the log has every batch beyond the manifest's sequence, and batches
are applied by the code that applied them first, small ones together. Keys and rows are read whole;
of a shard only the list of what its block holds, so that it takes no longer to open a large table
than a small one: parts are read when a question or a batch first touches them. What is stored must
fit together without a gap: sequences follow each other, dictionaries continue each other, and no
shard contains a batch that the log has lost. Where it does not fit nothing is guessed; the error
names the place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from bitbrook.engine.batch import Batch, Operation, OperationKind, decode_batch
from bitbrook.engine.keys_block import Keys, decode_keys
from bitbrook.engine.manifest import KeysBlock, Manifest, decode_manifest
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard_block import open_shard
from bitbrook.errors import Damaged
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log, LogEntry, LogExtent
from bitbrook.stores.snapshots import SnapshotStore

RUN_RECORDS_MAX = 1 << 18
"""Records that are applied together: 68 MB of batches of 1,000 scattered records, of ten shards and
a set of 10,000 rows, took 4.3 s of processor time where runs of 65,536 took 6.1. More take memory.
"""

REMEDY = "restore the data directory from a backup"


@dataclass(slots=True)
class Recovered:
    """A partition, its current manifest, and the bytes of log that were replayed."""

    partition: Partition
    manifest: Manifest
    log_bytes: int


def recover_table(
    schema: TableSchema,
    *,
    log: Log,
    snapshots: SnapshotStore,
    numbers: Sequence[int] | None = None,
) -> list[Recovered]:
    """Return every partition of a table, by number; new and empty where nothing is stored.

    `numbers`: which partitions, ascending; by default all.

    Raises:
        Damaged: what is stored is not what was written; the message names the place.
    """
    if numbers is None:
        numbers = range(schema.partition_count)
    names = [partition_name(schema.id, number) for number in numbers]
    manifests = log.manifests(names)
    extents = log.extents(names)
    return [
        _recover_partition(
            schema,
            number,
            manifest=decode_manifest(manifests[name], name) if name in manifests else None,
            extent=extents.get(name),
            log=log,
            snapshots=snapshots,
        )
        for number, name in zip(numbers, names, strict=True)
    ]


def partition_name(table_id: str, number: int) -> str:
    """Return what a partition is called in the stores."""
    return f"{table_id}.{number}"


def _recover_partition(
    schema: TableSchema,
    number: int,
    *,
    manifest: Manifest | None,
    extent: LogExtent | None,
    log: Log,
    snapshots: SnapshotStore,
) -> Recovered:
    name = partition_name(schema.id, number)
    if manifest is None:
        if extent is None and snapshots.names(name):
            raise Damaged(f"partition {name} has a snapshot but no manifest; {REMEDY}")
        manifest = Manifest(name)
    if extent is not None and extent.first != manifest.sequence + 1:
        raise Damaged(
            f"the log of partition {name} begins with batch {extent.first} instead of "
            f"{manifest.sequence + 1}; {REMEDY}"
        )
    partition = Partition(schema, number)
    _load_snapshot(partition, manifest, snapshots)
    if extent is not None:
        entries = log.read(name, after=partition.applied_sequence)
        replay(partition, name, entries, contained=partition.loaded_sequence)
    last_contained = partition.loaded_sequence
    if last_contained > partition.applied_sequence:
        raise Damaged(
            f"the log of partition {name} ends with batch {partition.applied_sequence}, but its "
            f"snapshot was taken after batch {last_contained}; {REMEDY}"
        )
    return Recovered(partition, manifest, extent.size_bytes if extent else 0)


def _load_snapshot(partition: Partition, manifest: Manifest, snapshots: SnapshotStore) -> None:
    snapshots.prepare(manifest.partition, manifest.blocks)
    for field_id, dictionary in partition.dictionaries.items():
        blocks = manifest.dictionaries.get(field_id, [])
        _load_keys(dictionary, blocks, manifest.partition, snapshots)
    if partition.keys is not None:
        _load_keys(partition.keys, manifest.keys, manifest.partition, snapshots)
    for number, stored in manifest.shards.items():
        pieces = snapshots.read(manifest.partition, stored.block)
        partition.shards[number] = open_shard(pieces, stored.sequence, partition.schema)
    partition.applied_sequence = manifest.sequence


def _load_keys(
    keys: Keys, blocks: list[KeysBlock], partition_name: str, snapshots: SnapshotStore
) -> None:
    for stored in blocks:
        assert stored.first == len(keys), "blocks of keys continue each other"
        decode_keys(snapshots.read(partition_name, stored.block), keys)


def replay(partition: Partition, name: str, entries: Iterable[LogEntry], *, contained: int) -> None:
    """Apply the next entries of a partition's log, those together that may be.

    `contained`: the last batch of which the snapshot that it was read from has anything.

    Raises:
        Damaged: one is missing, or cannot be applied.
    """
    run = _Run(partition, name, contained)
    for entry in entries:
        if entry.sequence != run.last + 1:
            raise Damaged(
                f"the log of partition {name} lacks batch {run.last + 1}: {entry.sequence} follows "
                f"{run.last}; {REMEDY}"
            )
        where = f"batch {entry.sequence} in the log of partition {name}"
        run.add(entry.sequence, decode_batch(entry.body, partition.schema, where=where))
    run.apply()


class _Run:
    """Batches of a log that follow each other and are applied together, when that is the same.

    Small upserts of the same fields, none of which a shard contains already, leave what one upsert
    of all their records leaves, and that takes a fraction of the time.
    """

    def __init__(self, partition: Partition, name: str, contained: int) -> None:
        self.last = partition.applied_sequence
        self._partition = partition
        self._name = name
        self._contained = contained
        self._operations: list[Operation] = []
        self._records_count = 0

    def add(self, sequence: int, batch: Batch) -> None:
        """Take the next batch, and apply those before it if it cannot go with them."""
        if not self._may_join(batch):
            self.apply()
        self.last = sequence
        self._operations += batch.operations
        self._records_count += batch.record_count
        is_upsert = [operation.kind for operation in batch.operations] == [OperationKind.UPSERT]
        if not is_upsert or sequence <= self._contained:
            self.apply()

    def apply(self) -> None:
        """Apply what was taken."""
        first = self._partition.applied_sequence + 1
        if first > self.last:
            return
        operations = self._operations
        if first < self.last:
            gathered = pa.concat_batches([operation.records for operation in operations])
            operations = [Operation(OperationKind.UPSERT, gathered)]
        try:
            self._partition.apply(self.last, Batch(operations), first=first)
        except Damaged:
            raise
        except Exception as error:
            raise Damaged(
                f"batches {first} to {self.last} in the log of partition {self._name} cannot be "
                f"applied ({error!r}); {REMEDY}"
            ) from error
        self._operations, self._records_count = [], 0

    def _may_join(self, batch: Batch) -> bool:
        if not self._operations:
            return True
        return (
            self._records_count + batch.record_count <= RUN_RECORDS_MAX
            and [operation.kind for operation in batch.operations] == [OperationKind.UPSERT]
            and batch.operations[0].records.schema == self._operations[0].records.schema
        )
