"""Every question answers what dictionaries say, whatever the expressions and the records are.

Hypothesis draws tables with a field of every kind (keyed or not, in one partition or three, records
on both sides of shard borders and at the end of the id range, some deleted again) and asks random
questions about random expressions. Each table is asked several ways: the engine's thresholds, which
choose between sparse and dense, rows and entries, are turned to their extremes.
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.naive import NaiveReader, plain
from tests.model.test_table_writes import (
    FIELDS,
    IDS,
    KEYS,
    ROW_IDS,
    ROW_KEYS,
    TIMES,
    NaiveTable,
    _as_dict,
    _with_time_columns,
    batch_of,
    coordinates,
    value_strategy,
)

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasRow,
    HasRowLike,
    HasValue,
    InNumbers,
    InRange,
    Intersect,
    InValues,
    Metric,
    Not,
    Nothing,
    Records,
    Shift,
    Union,
    WithinDistance,
    Xor,
)
from bitbrook.algebra.questions import (
    CountRecords,
    DistanceOrder,
    ExtractRecords,
    ExtractTimes,
    GroupKey,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    Order,
    Period,
    Question,
    RecordIds,
    RowCounts,
    ValueCounts,
)
from bitbrook.bitmap import selection
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import ID_COLUMN, OperationKind
from bitbrook.engine.evaluate import counts, cubes, group_keys, groups, ranges, totals
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCHEMA_FIELDS = tuple(
    FieldSchema(**{**_as_dict(field), "id": number}) for number, field in enumerate(FIELDS, 1)
)
ROW_FIELDS = [field.name for field in FIELDS if field.has_rows]
KEYED_FIELDS = [field.name for field in FIELDS if field.is_keyed]
NUMBER_FIELDS = [field.name for field in FIELDS if field.is_number]
VALUE_FIELDS = [field.name for field in FIELDS if field.has_values]
TIME_FIELDS = [field.name for field in FIELDS if field.type is FieldType.TIME]
VECTOR_FIELDS = [field.name for field in FIELDS if field.is_vector]
ALL_FIELDS = [field.name for field in FIELDS]
COUNTED_FIELDS = [field.name for field in FIELDS if not field.is_vector]
PATTERNS = ["%", "", "r%", "%e%", "gr__n", "%ö%", "red"]

numbers = st.sampled_from([0, 1, -1, 200, -40_000, INT64_MIN, INT64_MAX]) | st.integers(-300, 300)
spots = st.tuples(coordinates, coordinates)
billionths = st.sampled_from([-(10**9), 0, 10**9 // 2, 10**9, 2 * 10**9, 10**12])
moments = st.none() | st.sampled_from([*TIMES, 1_690_000_000, 1_800_000_000])


def rows_of(name: str) -> st.SearchStrategy[Any]:
    field = next(field for field in FIELDS if field.name == name)
    if field.type is FieldType.BOOL:
        return st.booleans()
    return st.sampled_from([*ROW_KEYS, "never met"] if field.is_keyed else [*ROW_IDS, 77])


def some_rows(name: str, min_size: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(rows_of(name), min_size=min_size, max_size=3, unique=True).map(tuple)


@st.composite
def has_row(draw: st.DrawFn) -> HasRow:
    name = draw(st.sampled_from(ROW_FIELDS))
    is_time = next(field for field in FIELDS if field.name == name).type is FieldType.TIME
    period = (draw(moments), draw(moments)) if is_time else (None, None)
    return HasRow(name, draw(some_rows(name)), *period)


def leaves(schema: TableSchema) -> st.SearchStrategy[Expression]:
    ids = st.lists(st.sampled_from([*KEYS, "never"] if schema.is_keyed else [*IDS, 5]), max_size=3)
    bounds = st.sampled_from([*IDS, 5])
    id_ranges = [] if schema.is_keyed else [st.builds(InNumbers, bounds, st.none() | bounds)]
    return st.one_of(
        *id_ranges,
        st.just(All()),
        st.just(Nothing()),
        has_row(),
        has_row(),
        st.builds(HasRowLike, st.sampled_from(KEYED_FIELDS), st.sampled_from(PATTERNS)),
        st.builds(
            InRange, st.sampled_from(NUMBER_FIELDS), st.none() | numbers, st.none() | numbers
        ),
        st.builds(
            InValues, st.sampled_from(NUMBER_FIELDS), st.lists(numbers, max_size=12).map(tuple)
        ),
        st.builds(HasValue, st.sampled_from(ALL_FIELDS)),
        st.builds(
            WithinDistance,
            st.sampled_from(VECTOR_FIELDS),
            st.sampled_from(Metric),
            spots,
            st.none() | billionths,
            st.none() | billionths,
        ),
        st.builds(Records, ids.map(tuple)),
    )


def expressions(schema: TableSchema) -> st.SearchStrategy[Expression]:
    def over(operands: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(operands, min_size=1, max_size=3).map(tuple)
        shifts = [st.builds(Shift, operands, st.sampled_from([0, 1, -1, 2**20, 70_000, 2**63]))]
        return st.one_of(
            st.builds(Union, st.lists(operands, max_size=3).map(tuple)),
            st.builds(Intersect, several),
            st.builds(Intersect, several),
            st.builds(Difference, several),
            st.builds(Xor, st.lists(operands, max_size=3).map(tuple)),
            st.builds(Not, operands),
            *([] if schema.is_keyed else shifts),
        )

    return st.recursive(leaves(schema), over, max_leaves=5)


@st.composite
def row_counts(draw: st.DrawFn, filters: st.SearchStrategy[Expression]) -> RowCounts:
    name = draw(st.sampled_from(ROW_FIELDS))
    field = next(field for field in FIELDS if field.name == name)
    is_time = field.type is FieldType.TIME
    return RowCounts(
        name,
        draw(st.just(All()) | filters),
        rows=draw(st.none() | some_rows(name)),
        like=draw(st.none() | st.sampled_from(PATTERNS)) if field.is_keyed else None,
        from_s=draw(moments) if is_time else None,
        to_s=draw(moments) if is_time else None,
    )


@st.composite
def group_key(draw: st.DrawFn, name: str) -> GroupKey:
    values: Any = st.lists(numbers, max_size=4).map(tuple)
    chosen = values if name in NUMBER_FIELDS else some_rows(name)
    is_time = next(f for f in FIELDS if f.name == name).type is FieldType.TIMESTAMP
    period = draw(st.none() | st.sampled_from(Period)) if is_time else None
    return GroupKey(name, draw(st.none() | st.none() | chosen), draw(st.booleans()), period)


measures = (
    st.builds(
        Measure,
        st.sampled_from([MeasureKind.SUM, MeasureKind.SUM, MeasureKind.MIN, MeasureKind.MAX]),
        st.sampled_from(NUMBER_FIELDS),
    )
    | st.builds(
        Measure,
        st.sampled_from([MeasureKind.COUNT_VALUES, MeasureKind.COUNT_DISTINCT]),
        st.sampled_from(COUNTED_FIELDS),
    )
    | st.builds(Measure, st.just(MeasureKind.COUNT_VALUES), st.sampled_from(VECTOR_FIELDS))
)


@st.composite
def group_records(draw: st.DrawFn, filters: st.SearchStrategy[Expression]) -> GroupRecords:
    names = draw(st.lists(st.sampled_from(COUNTED_FIELDS), min_size=1, max_size=3, unique=True))
    keys = tuple(draw(group_key(name)) for name in names)
    return GroupRecords(keys, draw(filters), draw(st.lists(measures, max_size=2).map(tuple)))


def questions(schema: TableSchema) -> st.SearchStrategy[Question]:
    filters = expressions(schema)
    flags = st.booleans()
    distances = st.builds(
        DistanceOrder, st.sampled_from(VECTOR_FIELDS), st.sampled_from(Metric), spots, flags, flags
    )
    orders = st.none() | st.builds(Order, st.sampled_from(VALUE_FIELDS), flags, flags) | distances
    page = (orders, st.none() | st.integers(0, 4), st.integers(0, 3))
    fields = st.lists(st.sampled_from(ALL_FIELDS), max_size=4, unique=True).map(tuple)
    return st.one_of(
        st.builds(CountRecords, filters),
        st.builds(NumberTotals, st.sampled_from(NUMBER_FIELDS), filters, flags, flags),
        st.builds(ValueCounts, st.sampled_from(NUMBER_FIELDS), filters),
        row_counts(filters),
        group_records(filters),
        group_records(filters),
        st.builds(RecordIds, filters, *page),
        st.builds(ExtractRecords, fields, filters, *page),
        st.builds(ExtractTimes, st.sampled_from(TIME_FIELDS), filters),
    )


@st.composite
def upserts(draw: st.DrawFn, schema: TableSchema) -> list[dict[str, Any]]:
    optional = {field.name: st.none() | value_strategy(field) for field in schema.fields}
    for field in schema.fields:
        if field.type is FieldType.TIME:
            optional[field.name + "@time"] = st.none() | st.sampled_from(TIMES)
    ids = {ID_COLUMN: st.sampled_from(KEYS if schema.is_keyed else IDS)}
    record = st.fixed_dictionaries(ids, optional=optional).map(_with_time_columns)
    return draw(st.lists(record, min_size=1, max_size=10))


@contextmanager
def thresholds(**values: int) -> Iterator[None]:
    """The engine chooses between its ways of answering as if these were its measurements."""
    homes = (selection, totals, group_keys, groups, counts, ranges, cubes)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            home = next(home for home in homes if hasattr(home, name))
            patch.setattr(home, name, value)
        yield


WAYS: list[dict[str, int]] = [
    {},
    {"SPARSE_COUNT_MAX": -1},
    {"SPARSE_COUNT_MAX": -1, "BITMAP_ADD_MAX": -1, "ROW_NS": 0, "CONTAINER_NS": 0},
    {"SPARSE_COUNT_MAX": -1, "SCANS_MAX": 0, "SPAN_MAX": 0},
    {"SPARSE_COUNT_MAX": -1, "INTERSECTED_ROWS_MAX": 0, "COMPARED_GROUPS_MAX": 0},
    {"DENSE_GROUPS_MAX": 0, "DENSE_SPAN_MAX": 0},
    {"PAID": 0},
]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def compute() -> Iterator[LocalCompute]:
    """A place for tables."""
    directory = Path(tempfile.mkdtemp(prefix="bitbrook-questions-"))
    log = Log(open_engine(f"sqlite:///{directory}/log.db"))
    with LocalCompute(log, LocalSnapshots(directory / "snapshots")) as local:
        yield local
    log.close()
    shutil.rmtree(directory)


@pytest.mark.parametrize("is_keyed", [False, True])
@pytest.mark.parametrize("partition_count", [1, 3])
def test_random_questions(compute: LocalCompute, is_keyed: bool, partition_count: int) -> None:
    """Each question, each way, gives what the naive reader gives."""
    template = TableSchema(
        "t", "things", is_keyed=is_keyed, fields=SCHEMA_FIELDS, partition_count=partition_count
    )

    @settings(max_examples=60)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        rows = data.draw(upserts(template))
        gone = data.draw(st.lists(st.sampled_from([row[ID_COLUMN] for row in rows]), max_size=2))
        asked = data.draw(st.lists(questions(template), min_size=1, max_size=6))
        schema = TableSchema(
            f"t{next(_numbers)}",
            "things",
            is_keyed=is_keyed,
            fields=SCHEMA_FIELDS,
            partition_count=partition_count,
        )
        model = NaiveTable(schema)
        operations = [(OperationKind.UPSERT, rows)]
        if gone:
            operations.append((OperationKind.DELETE, [{ID_COLUMN: id_} for id_ in gone]))
        compute.open_table(schema)
        try:
            for kind, records in operations:
                model.apply(kind, records)
            compute.write(schema.id, batch_of(schema, operations))
            reader = NaiveReader(schema, model.records, {row[ID_COLUMN] for row in rows})
            for question in asked:
                expected = reader.answer(question)
                for way in WAYS:
                    with thresholds(**way):
                        partial = compute.ask(schema.id, question, Budget())
                    assert plain(question, partial, schema) == expected, (question, way)
        finally:
            compute.drop_table(schema.id)

    check()
