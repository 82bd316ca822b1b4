"""A table parted anew: its records read from the partitions that it has and written into others.

Records go through the engine like any others, a portion of a shard at a time, so that keys, rows
and shards come to lie where the new partitions want them. The views of a time field are written at
the time that names them, finer ones first; what a coarser view holds beyond the finer ones, which
have outlived their time, brings these back at the beginning of its period, where they have outlived
it too, and they go at once.

Invariant: every question has the same answer before and after.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyroaring import BitMap

from bitbrook.bitmap.rows import Rows
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.routing import split_batch
from bitbrook.engine.batch import (
    ID_COLUMN,
    TIME_SUFFIX,
    Batch,
    Operation,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.field import FieldShard
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard import Shard
from bitbrook.engine.table import Table
from bitbrook.engine.writer import Writer
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import SnapshotStore

RECORDS_PER_BATCH = 1 << 16

Positions = npt.NDArray[np.uint32]
Members = tuple[Positions, npt.NDArray[np.uint32]]
"""Positions in ascending order, and a row's code with each."""


def rewrite_table(
    partitions: Sequence[Partition], schema: TableSchema, *, log: Log, snapshots: SnapshotStore
) -> None:
    """Write the records of `partitions` into the partitions of `schema`, new ones of a table.

    Raises:
        Damaged: a part of a block is not what was written.
        Overloaded: the log or the disk refuses.
    """
    writer = Writer(log)
    try:
        table = Table.open(schema, log=log, snapshots=snapshots, writer=writer)
        for partition in partitions:
            for shard in partition.shards.values():
                for records in _shard_records(partition, shard):
                    batch = Batch([Operation(OperationKind.UPSERT, records)])
                    table.submit(split_batch(batch, schema)).result()
        table.expire_views(SYSTEM_CLOCK.now_s())
        table.close()
    finally:
        writer.close()


def _shard_records(partition: Partition, shard: Shard) -> Iterator[pa.RecordBatch]:
    """Give everything that a shard holds, as records to upsert."""
    source = _ShardSource(partition, shard)
    exists = np.array(shard.exists.to_array(), dtype=np.uint32)
    members = {
        field.id: _members(shard.fields[field.id].rows)
        for field in partition.schema.fields
        if not field.is_single and field.id in shard.fields
    }
    for start in range(0, len(exists), RECORDS_PER_BATCH):
        positions = exists[start : start + RECORDS_PER_BATCH]
        columns = {ID_COLUMN: source.ids(positions)}
        for field in partition.schema.fields:
            if field.id not in shard.fields:
                continue
            if field.is_single:
                columns[field.name] = source.singles(field, shard.fields[field.id], positions)
            else:
                columns[field.name] = source.lists(field, members[field.id], positions)
        yield pa.RecordBatch.from_pydict(columns)
    for field in partition.schema.fields:
        if field.type is FieldType.TIME and field.id in shard.fields:
            yield from _view_records(source, field, shard.fields[field.id])


def _view_records(
    source: "_ShardSource", field: FieldSchema, field_shard: FieldShard
) -> Iterator[pa.RecordBatch]:
    """Give what the views of a time field hold, the finest first, each bit once."""
    covered: dict[str, dict[int, BitMap]] = {}
    for view in sorted(field_shard.views, key=lambda name: (-len(name), name)):
        rows = field_shard.views[view]
        beyond = _beyond(rows, [held for name, held in covered.items() if name.startswith(view)])
        covered = {name: held for name, held in covered.items() if not name.startswith(view)}
        covered[view] = {code: _row(rows, code) for code in rows.codes().tolist()}
        held_positions, codes = _ordered(beyond)
        time_s = _period_start_s(view)
        for chosen in _portions(held_positions):
            positions = np.unique(held_positions[chosen])
            yield pa.RecordBatch.from_pydict(
                {
                    ID_COLUMN: source.ids(positions),
                    field.name: source.lists(
                        field, (held_positions[chosen], codes[chosen]), positions
                    ),
                    field.name + TIME_SUFFIX: pa.array(np.full(len(positions), time_s)),
                }
            )


def _beyond(rows: Rows, finer: list[dict[int, BitMap]]) -> list[tuple[int, BitMap]]:
    """Return what rows hold beyond what finer views of the same period do."""
    beyond = []
    for code in rows.codes().tolist():
        held = _row(rows, code)
        for each in finer:
            if code in each:
                held = held - each[code]
        if held:
            beyond.append((code, held))
    return beyond


class _ShardSource:
    """Columns of a batch, from what one shard of a partition holds."""

    def __init__(self, partition: Partition, shard: Shard) -> None:
        self._partition = partition
        self._first = shard.number << SHARD_BITS
        self._rows: dict[int, pa.Array] = {}

    def ids(self, positions: Positions) -> pa.Array:
        numbers = positions.astype(np.uint64) + np.uint64(self._first)
        keys = self._partition.keys
        ids = numbers if keys is None else keys.keys_at(numbers.astype(np.int64))
        return pa.array(ids, type=id_type(self._partition.schema))

    def singles(
        self, field: FieldSchema, field_shard: FieldShard, positions: Positions
    ) -> pa.Array:
        """Return the one value, or null, of each position."""
        if field_shard.vectors is not None:
            vectors, is_present = field_shard.vectors.get(positions)
            lines = pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.reshape(-1)), field.dimensions
            )
            places = pa.array(np.arange(len(positions)), mask=~is_present)
            return lines.take(places).cast(column_type(field))
        assert field_shard.values is not None, "what is no vector is a value"
        numbers, is_present = field_shard.values.get(positions)
        if field.type is FieldType.BOOL:
            return pa.array(numbers.astype(bool), mask=~is_present)
        if field.has_rows:
            return self._meanings(field).take(pa.array(numbers.astype(np.int64), mask=~is_present))
        return pa.array(numbers.astype(np.int64), mask=~is_present)

    def lists(self, field: FieldSchema, members: Members, positions: Positions) -> pa.Array:
        """Return the rows of each position as a list, null where there are none."""
        held, codes = members
        starts = np.searchsorted(held, positions, side="left")
        stops = np.searchsorted(held, positions, side="right")
        sizes = stops - starts
        first = int(starts[0]) if len(starts) else 0
        chosen = codes[first : int(stops[-1]) if len(stops) else 0]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        assert offsets[-1] == len(chosen), "only records that exist have rows"
        return pa.ListArray.from_arrays(
            pa.array(offsets),
            self._meanings(field).take(pa.array(chosen.astype(np.int64))),
            mask=pa.array(sizes == 0),
        )

    def _meanings(self, field: FieldSchema) -> pa.Array:
        """Return the rows that a field's codes mean, by code."""
        if field.id not in self._rows:
            dictionary = self._partition.dictionaries[field.id]
            rows = dictionary.rows_at(np.arange(len(dictionary)))
            row_type = pa.string() if field.is_keyed else pa.uint64()
            self._rows[field.id] = pa.array(rows, type=row_type)
        return self._rows[field.id]


def _members(rows: Rows | None) -> Members:
    """Return every position and row of a field, by position."""
    if rows is None:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    return _ordered([(code, _row(rows, code)) for code in rows.codes().tolist()])


def _row(rows: Rows, code: int) -> BitMap:
    found = rows.row(code)
    return BitMap() if found is None else found


def _ordered(held: list[tuple[int, BitMap]]) -> Members:
    positions = [np.array(bitmap.to_array(), dtype=np.uint32) for _, bitmap in held]
    sizes = [len(each) for each in positions]
    codes = np.repeat(np.array([code for code, _ in held], dtype=np.uint32), sizes)
    all_positions = np.concatenate([np.zeros(0, np.uint32), *positions])
    order = np.argsort(all_positions, kind="stable")
    return all_positions[order], codes[order]


def _portions(positions: Positions) -> Iterator[slice]:
    """Give the places of positions, in order, a batch's records at a time and none parted."""
    start = 0
    while start < len(positions):
        stop = min(start + RECORDS_PER_BATCH, len(positions))
        stop = int(np.searchsorted(positions, positions[stop - 1], side="right"))
        yield slice(start, stop)
        start = stop


def _period_start_s(view: str) -> int:
    """Return the Unix second at which the period of a view begins."""
    parts = (int(view[:4]), int(view[4:6] or 1), int(view[6:8] or 1), int(view[8:] or 0))
    return int(datetime(*parts, tzinfo=UTC).timestamp())
