"""Every write does to a table what it does to a dictionary, whatever happens in between.

Hypothesis draws schemas' tables (keyed or not, one partition or three) with a field of every kind,
random batches of all operations, checkpoints, clean restarts, restarts after a crash, and fields
dropped and added; after each step the whole table is read out of its shards and compared.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bitbrook.bitmap import mutex_rows
from bitbrook.bitmap.views import view_names
from bitbrook.compute.routing import split_batch
from bitbrook.engine import recovery
from bitbrook.engine.batch import (
    ID_COLUMN,
    TIME_SUFFIX,
    Batch,
    Operation,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.engine.partition import Partition
from bitbrook.engine.table import Table
from bitbrook.engine.writer import Writer
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

FIELDS = (
    FieldSchema("tags", FieldType.SET, is_keyed=True),
    FieldSchema("numbers", FieldType.SET),
    FieldSchema("species", FieldType.MUTEX, is_keyed=True),
    FieldSchema("room", FieldType.MUTEX),
    FieldSchema("active", FieldType.BOOL),
    FieldSchema("amount", FieldType.INT),
    FieldSchema("price", FieldType.DECIMAL, scale=2),
    FieldSchema("seen", FieldType.TIMESTAMP),
    FieldSchema("visits", FieldType.TIME, is_keyed=True, quantum="YMD"),
    FieldSchema("pages", FieldType.TIME, quantum="MDH", has_standard_view=False),
    FieldSchema("spot", FieldType.VECTOR, dimensions=2),
)
IDS = [0, 1, 2, 70_000, 2**20 - 1, 2**20, 3 * 2**20 + 5, 2**40 + 9, 2**64 - 1]
KEYS = ["", "a", "b", "née", "a long record key", "0", "x" * 300]
ROW_KEYS = ["red", "green", "blue", "", "größer", "a row key of more than eight bytes"]
ROW_IDS = [0, 1, 2, 300, 2**32, 2**64 - 1]
TIMES = [0, 1_700_000_000, 1_700_003_600, 1_700_100_000, 1_735_689_600]

Record = dict[str, Any]

coordinates = st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0**127, 2.0**-140]) | st.floats(
    -100, 100, width=32, allow_subnormal=False
)


class NaiveTable:
    """Records as dictionaries. A time field holds {view: rows} with the standard view as ''."""

    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema
        self.records: dict[int | str, Record] = {}

    def apply(self, kind: OperationKind, rows: list[Record]) -> int | None:
        """Apply one operation; the values it changed, None where the count is not promised."""
        if kind is OperationKind.DELETE:
            return sum(self.records.pop(id_, None) is not None for id_ in ids_of(rows))
        if kind is OperationKind.CLEAR_ROW:
            return self._clear_rows(rows)
        if kind is OperationKind.CLEAR:
            return self._clear(rows)
        if kind is OperationKind.REPLACE:
            for id_ in ids_of(rows):
                self.records[id_] = {}
        before = {id_: self.flat(id_) for id_ in ids_of(rows)}
        for row in rows:
            record = self.records.setdefault(row[ID_COLUMN], {})
            for field in self.schema.fields:
                if row.get(field.name) is not None:
                    self._put(record, field, row)
        return sum(len(self.flat(id_) - values) for id_, values in before.items())

    def flat(self, id_: int | str) -> set[tuple[Any, ...]]:
        """The record's values as the changes of an upsert are counted."""
        values: set[tuple[Any, ...]] = set()
        for field in self.schema.fields:
            value = self.records.get(id_, {}).get(field.name)
            if value is None:
                continue
            if field.is_single:
                values.add((field.name, value))
            elif field.type is FieldType.SET:
                values |= {(field.name, row) for row in value}
            else:
                counted = 0 if field.has_standard_view else 10
                values |= {
                    (field.name, view, row)
                    for view, rows in value.items()
                    for row in rows
                    if len(view) == counted
                }
        return values

    def _put(self, record: Record, field: FieldSchema, row: Record) -> None:
        value = row[field.name]
        if field.is_single:
            record[field.name] = value
        elif field.type is FieldType.SET:
            record[field.name] = record.get(field.name, set()) | set(value)
        else:
            views = record.setdefault(field.name, {})
            time_s = row.get(field.name + TIME_SUFFIX)
            names = view_names(field.quantum, time_s) if time_s is not None else []
            for view in [""] * field.has_standard_view + names:
                views[view] = views.get(view, set()) | set(value)

    def _clear(self, rows: list[Record]) -> int | None:
        cleared: int | None = 0
        for row in rows:
            record = self.records.get(row[ID_COLUMN], {})
            for field in self.schema.fields:
                if row.get(field.name) is None:
                    continue
                if field.type is FieldType.TIME:
                    cleared = None
                    for view in record.get(field.name, {}).values():
                        view.difference_update(row[field.name])
                    continue
                gone = self._clear_value(record, field, row[field.name])
                cleared = None if cleared is None else cleared + gone
        return cleared

    def _clear_value(self, record: Record, field: FieldSchema, value: Any) -> int:
        if field.type is FieldType.SET:
            gone = record.get(field.name, set()) & set(value)
            record[field.name] = record.get(field.name, set()) - gone
            return len(gone)
        if record.get(field.name) is None or (field.has_rows and record[field.name] != value):
            return 0
        del record[field.name]
        return 1

    def _clear_rows(self, rows: list[Record]) -> int:
        cleared = 0
        for field in self.schema.fields:
            given = [row[field.name] for row in rows if row.get(field.name) is not None]
            if not field.is_single:
                given = [each for several in given for each in several]
            for record in self.records.values():
                if field.is_single:
                    if record.get(field.name) in given and field.name in record:
                        del record[field.name]
                        cleared += 1
                elif field.type is FieldType.SET:
                    cleared += len(record.get(field.name, set()) & set(given))
                    record[field.name] = record.get(field.name, set()) - set(given)
                else:
                    views = record.get(field.name, {})
                    cleared += len(set(given) & set().union(*views.values()))
                    record[field.name] = {v: rows - set(given) for v, rows in views.items()}
        return cleared

    def contents(self) -> dict[int | str, Record]:
        """The records without empty sets and views, as `contents_of` reads them."""
        return {id_: without_empty(record) for id_, record in self.records.items()}


def without_empty(record: Record) -> Record:
    """The record without fields and views that hold nothing."""
    kept = {}
    for name, value in record.items():
        left = {v: rows for v, rows in value.items() if rows} if isinstance(value, dict) else value
        is_empty = isinstance(left, set | dict) and not left
        if left is not None and not is_empty:
            kept[name] = left
    return kept


def ids_of(rows: list[Record]) -> list[int | str]:
    """The different record ids of the rows."""
    return list(dict.fromkeys(row[ID_COLUMN] for row in rows))


def contents_of(schema: TableSchema, partition: Partition) -> dict[int | str, Record]:
    """Everything a partition holds, read from its shards; checks on the way that forms agree."""
    records: dict[int | str, Record] = {}
    for shard in partition.shards.values():
        positions = np.array(shard.exists.to_array(), dtype=np.uint32)
        numbers = positions.astype(np.int64) + (shard.number << 20) if schema.is_keyed else None
        if numbers is not None and partition.keys is not None:
            ids = partition.keys.keys_at(numbers).tolist()
        else:
            ids = [position + (shard.number << 20) for position in positions.tolist()]
        id_at = dict(zip(positions.tolist(), ids, strict=True))
        for id_ in ids:
            assert id_ not in records
            records[id_] = {}
        for field in schema.fields:
            field_shard = shard.fields.get(field.id)
            if field_shard is None:
                continue
            dictionary = partition.dictionaries.get(field.id)
            views = {}
            if field_shard.rows is not None:
                views[""] = rows_at_positions(field_shard.rows, dictionary)
            for view, rows in field_shard.views.items():
                views[view] = rows_at_positions(rows, dictionary)
            if field_shard.vectors is not None:
                lines, is_present = field_shard.vectors.get(positions)
                assert field_shard.vectors.present_bitmap() <= shard.exists
                assert field_shard.vectors.count == is_present.sum()
                for index in np.flatnonzero(is_present).tolist():
                    record = records[id_at[int(positions[index])]]
                    record[field.name] = tuple(lines[index].tolist())
            elif field_shard.values is not None:
                stored, is_present = field_shard.values.get(positions)
                assert field_shard.values.present_bitmap() <= shard.exists
                for position, number, present in zip(
                    positions.tolist(), stored.tolist(), is_present.tolist(), strict=True
                ):
                    if not present:
                        assert position not in views.get("", {})
                        continue
                    value = number
                    if field.has_rows:
                        (row,) = views[""][position]
                        known = dictionary.rows_at(np.array([number])) if dictionary else [number]
                        assert row == known[0]
                        value = bool(row) if field.type is FieldType.BOOL else row
                    records[id_at[position]][field.name] = value
            elif field.type is FieldType.SET:
                for position, rows_there in views[""].items():
                    records[id_at[position]][field.name] = rows_there
            else:
                for view, by_position in views.items():
                    for position, rows_there in by_position.items():
                        record = records[id_at[position]].setdefault(field.name, {})
                        record[view] = rows_there
    return records


def rows_at_positions(rows: Any, dictionary: Any) -> dict[int, set[Any]]:
    """Position -> rows, of one Rows."""
    found: dict[int, set[Any]] = defaultdict(set)
    codes, _ = rows.counts()
    for code in codes.tolist():
        row = dictionary.rows_at(np.array([code])).tolist()[0] if dictionary else code
        for position in rows.row(code):
            found[position].add(row)
    return dict(found)


def batch_of(schema: TableSchema, operations: list[tuple[OperationKind, list[Record]]]) -> Batch:
    """The operations as they are logged."""
    return Batch([Operation(kind, records_of(schema, kind, rows)) for kind, rows in operations])


def records_of(schema: TableSchema, kind: OperationKind, rows: list[Record]) -> pa.RecordBatch:
    """The rows as columns; a field that no row has gets no column."""
    columns = {}
    if kind is not OperationKind.CLEAR_ROW:
        columns[ID_COLUMN] = pa.array([row[ID_COLUMN] for row in rows], type=id_type(schema))
    for field in schema.fields:
        if any(field.name in row for row in rows):
            values = [row.get(field.name) for row in rows]
            columns[field.name] = pa.array(values, type=column_type(field))
            if any(field.name + TIME_SUFFIX in row for row in rows):
                times = [row.get(field.name + TIME_SUFFIX) for row in rows]
                columns[field.name + TIME_SUFFIX] = pa.array(times, type=pa.int64())
    return pa.RecordBatch.from_pydict(columns)


def value_strategy(field: FieldSchema) -> st.SearchStrategy[Any]:
    """Values of a field as they stand in a batch."""
    rows = st.sampled_from(ROW_KEYS if field.is_keyed else ROW_IDS)
    match field.type:
        case FieldType.SET | FieldType.TIME:
            return st.lists(rows, max_size=3)
        case FieldType.MUTEX:
            return rows
        case FieldType.BOOL:
            return st.booleans()
        case FieldType.VECTOR:
            return st.tuples(coordinates, coordinates)
        case _:
            extremes = st.sampled_from([0, 1, -1, 200, -40_000, INT64_MIN, INT64_MAX])
            return extremes | st.integers(-300, 300)


class TableMachine(RuleBasedStateMachine):
    """A table beside a dictionary."""

    @initialize(is_keyed=st.booleans(), partition_count=st.sampled_from([1, 3]))
    def open(self, *, is_keyed: bool, partition_count: int) -> None:
        fields = tuple(
            FieldSchema(**{**_as_dict(field), "id": number})
            for number, field in enumerate(FIELDS, 1)
        )
        # So small that a handful of records brings about what takes thousands otherwise.
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(mutex_rows, "MOVES_MAX", 12)
        self.patch.setattr(mutex_rows, "MOVES_PER_ROUND", 8)
        self.patch.setattr(mutex_rows, "ROWS_ASKED_MAX", 2)
        self.patch.setattr(recovery, "RUN_RECORDS_MAX", 12)
        self.schema = TableSchema(
            "t1", "things", is_keyed=is_keyed, fields=fields, partition_count=partition_count
        )
        self.next_field_id = len(fields) + 1
        self.model = NaiveTable(self.schema)
        self.directory = Path(tempfile.mkdtemp(prefix="bitbrook-model-"))
        self._start()

    def _start(self) -> None:
        self.log = Log(open_engine(f"sqlite:///{self.directory}/log.db"))
        self.writer = Writer(self.log)
        self.table = Table.open(
            self.schema,
            log=self.log,
            snapshots=LocalSnapshots(self.directory / "snapshots"),
            writer=self.writer,
        )

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        self._write(data.draw(st.lists(self._operation(), min_size=1, max_size=3)))

    def _write(self, operations: list[tuple[OperationKind, list[Record]]]) -> None:
        parts = split_batch(batch_of(self.schema, operations), self.schema)
        changed = self.table.submit(parts).result(timeout=30).counts
        expected = [self.model.apply(kind, rows) for kind, rows in operations]
        for count, expected_count in zip(changed, expected, strict=False):
            assert expected_count is None or count == expected_count

    @rule()
    def checkpoint(self) -> None:
        self.table.checkpoint()

    @rule(data=st.data())
    def checkpoint_while_writing(self, data: st.DataObject) -> None:
        """Every time the checkpoint lets go of the lock, another batch gets in."""
        batches = data.draw(
            st.lists(st.lists(self._operation(), min_size=1, max_size=2), min_size=1, max_size=8)
        )
        reading = self.table._reading

        @contextmanager
        def reading_then_writing() -> Iterator[None]:
            with reading():
                yield
            if batches:
                self._write(batches.pop())

        self.table._reading = reading_then_writing  # type: ignore[method-assign]
        self.table.checkpoint()
        self.table._reading = reading  # type: ignore[method-assign]

    @rule()
    def restart(self) -> None:
        self.table.close()
        self._stop()
        self._start()

    @rule()
    def crash(self) -> None:
        self._stop()
        self._start()

    @rule(data=st.data())
    def replace_field(self, data: st.DataObject) -> None:
        dropped = data.draw(st.sampled_from(self.schema.fields))
        fields = tuple(field for field in self.schema.fields if field is not dropped)
        again = FieldSchema(**{**_as_dict(dropped), "id": self.next_field_id})
        self.next_field_id += 1
        self.schema = TableSchema(
            self.schema.id,
            self.schema.name,
            is_keyed=self.schema.is_keyed,
            fields=(*fields, again),
            partition_count=self.schema.partition_count,
        )
        self.table.alter(self.schema)
        self.model.schema = self.schema
        for record in self.model.records.values():
            record.pop(dropped.name, None)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        found: dict[int | str, Record] = {}
        for partition in self.table._partitions:
            found |= contents_of(self.schema, partition)
        assert found == self.model.contents()
        assert self.table.statistics().record_count == len(found)

    def teardown(self) -> None:
        if hasattr(self, "table"):
            self._stop()
            shutil.rmtree(self.directory)
            self.patch.undo()

    def _stop(self) -> None:
        """End the threads and release the log, as the end of a process does."""
        self.writer.close()
        self.log.close()

    def _operation(self) -> st.SearchStrategy[tuple[OperationKind, list[Record]]]:
        return st.sampled_from(OperationKind).flatmap(
            lambda kind: st.tuples(st.just(kind), st.lists(self._row(kind), min_size=1, max_size=6))
        )

    def _row(self, kind: OperationKind) -> st.SearchStrategy[Record]:
        ids = {ID_COLUMN: st.sampled_from(KEYS if self.schema.is_keyed else IDS)}
        if kind is OperationKind.DELETE:
            return st.fixed_dictionaries(ids)
        fields = [
            f for f in self.schema.fields if kind is not OperationKind.CLEAR_ROW or f.has_rows
        ]
        optional = {field.name: st.none() | value_strategy(field) for field in fields}
        if kind in {OperationKind.UPSERT, OperationKind.REPLACE}:
            for field in fields:
                if field.type is FieldType.TIME:
                    optional[field.name + TIME_SUFFIX] = st.none() | st.sampled_from(TIMES)
        if kind is OperationKind.CLEAR_ROW:
            ids = {}
        return st.fixed_dictionaries(ids, optional=optional).map(_with_time_columns)


def _with_time_columns(row: Record) -> Record:
    """The row without times of fields that it does not give: such columns do not occur."""
    return {
        name: value
        for name, value in row.items()
        if not name.endswith(TIME_SUFFIX) or name.removesuffix(TIME_SUFFIX) in row
    }


def _as_dict(field: FieldSchema) -> dict[str, Any]:
    return {name: getattr(field, name) for name in field.__struct_fields__}


TestTable = TableMachine.TestCase
TestTable.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_views_are_named_as_the_model_names_them() -> None:
    """The model borrows the names of views; this pins them."""
    moment = int(datetime(2024, 5, 6, 7, tzinfo=UTC).timestamp())
    assert view_names("YMDH", moment) == ["2024", "202405", "20240506", "2024050607"]
