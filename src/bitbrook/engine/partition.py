"""A partition: some of a table's records, with all that is needed to understand them.

A partition applies batches in the order of its log, one after another, and its state is a function
of that order alone: record keys get positions and rows get codes as they come, whatever runs beside
it. It knows nothing of locks (the table holds them), of the log or of disks.
"""

from bitbrook.engine.batch import Batch
from bitbrook.engine.dictionary import RowDictionary
from bitbrook.engine.field import FieldShard
from bitbrook.engine.keys import RecordKeys
from bitbrook.engine.retention import expired_views
from bitbrook.engine.shard import Shard
from bitbrook.engine.upsert import Upsert
from bitbrook.schema.field_types import FieldType, TableSchema


class Partition:
    """The shards, dictionaries and record keys of one partition.

    `applied_sequence` is the last batch of the partition's log that everything here contains.
    """

    def __init__(self, schema: TableSchema, number: int) -> None:
        self.schema = schema
        self.number = number
        self.shards: dict[int, Shard] = {}
        self.dictionaries: dict[int, RowDictionary] = {}
        self.keys = RecordKeys() if schema.is_keyed else None
        self.applied_sequence = 0
        self.alter(schema)

    @property
    def loaded_sequence(self) -> int:
        """The last batch of which anything here, as read from a snapshot, contains anything."""
        return max(
            (
                sequence
                for shard in self.shards.values()
                for sequence in (
                    shard.loaded_sequence,
                    *(field.last_loaded_sequence for field in shard.fields.values()),
                )
            ),
            default=0,
        )

    def alter(self, schema: TableSchema) -> None:
        """Take over a new schema: what dropped fields held goes, added fields are empty."""
        self.schema = schema
        kept = {field.id for field in schema.fields}
        for gone in self.dictionaries.keys() - kept:
            del self.dictionaries[gone]
        for field in schema.fields:
            if field.has_rows and field.type is not FieldType.BOOL:
                self.dictionaries.setdefault(field.id, RowDictionary(is_keyed=field.is_keyed))
        for shard in self.shards.values():
            for gone in shard.fields.keys() - kept:
                del shard.fields[gone]

    def expired_views(self, now_s: float) -> list[tuple[FieldShard, str]]:
        """Return the views whose time to live is over at `now_s`, with what holds them."""
        return [
            (shard.fields[field.id], view)
            for field in self.schema.fields
            if field.ttl_s
            for shard in self.shards.values()
            if field.id in shard.fields
            for view in expired_views(shard.fields[field.id].views, field.ttl_s, now_s)
        ]

    def expire_views(self, now_s: float) -> None:
        """Drop these views."""
        for field_shard, view in self.expired_views(now_s):
            del field_shard.views[view]

    def apply(self, sequence: int, batch: Batch, *, first: int | None = None) -> list[int]:
        """Apply the next batch; return how many values each of its operations changed.

        DELETE counts records. REPLACE counts the values it leaves, not those it empties first.
        `first`: the batch stands for all from `first` to `sequence`, as a replay gathers them.
        """
        assert (sequence if first is None else first) == self.applied_sequence + 1, (
            f"batch {sequence} does not follow batch {self.applied_sequence}"
        )
        upsert = Upsert(self.schema, self.shards, self.dictionaries, self.keys, sequence)
        changed = [upsert.apply(operation) for operation in batch.operations]
        self.applied_sequence = sequence
        return changed
