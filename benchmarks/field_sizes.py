"""`python -m benchmarks.field_sizes`: bytes a record, by type of field; what sizing starts from.

A table of one field at a time, records of SCALE with ids from 0 on, values spread evenly and given
to each record, written through the log and checkpointed. What a settled table holds in memory is
what is in its blocks, as far as it was asked for.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from benchmarks.page import page
from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import ID_COLUMN, TIME_SUFFIX, Batch, Operation, OperationKind
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCALE = int(float(os.environ.get("SCALE", "4194304")))
BATCH = 1 << 19
FIRST_S = 1_700_000_000

Columns = dict[str, pa.Array]
Make = Callable[[np.random.Generator, int], Columns]


def integers(low: int, high: int) -> Make:
    return lambda chance, n: {"f": pa.array(chance.integers(low, high, n), pa.int64())}


def one_of(rows: int) -> Make:
    return lambda chance, n: {"f": pa.array(chance.integers(0, rows, n), pa.uint64())}


def some_of(rows: int, each: int) -> Make:
    def make(chance: np.random.Generator, n: int) -> Columns:
        values = pa.array(chance.integers(0, rows, n * each), pa.uint64())
        bounds = pa.array(np.arange(0, n * each + 1, each, dtype=np.int32))
        return {"f": pa.ListArray.from_arrays(bounds, values)}

    return make


def timed(chance: np.random.Generator, n: int) -> Columns:
    times = FIRST_S + chance.integers(0, 90, n) * 86_400
    return {**some_of(1_000, 1)(chance, n), "f" + TIME_SUFFIX: pa.array(times, pa.int64())}


def booleans(chance: np.random.Generator, n: int) -> Columns:
    return {"f": pa.array(chance.random(n) < 0.5)}


def vectors(chance: np.random.Generator, n: int) -> Columns:
    flat = pa.array(chance.random(n * 64, dtype=np.float32))
    return {"f": pa.FixedSizeListArray.from_arrays(flat, 64)}


CASES: dict[str, tuple[FieldSchema | None, Make]] = {
    "the record itself": (None, lambda _chance, _n: {}),
    "bool": (FieldSchema("f", FieldType.BOOL), booleans),
    "mutex (string or id), 10 rows": (FieldSchema("f", FieldType.MUTEX), one_of(10)),
    "mutex, 250 rows": (FieldSchema("f", FieldType.MUTEX), one_of(250)),
    "mutex, 1,000 rows": (FieldSchema("f", FieldType.MUTEX), one_of(1_000)),
    "mutex, 10,000 rows": (FieldSchema("f", FieldType.MUTEX), one_of(10_000)),
    "set, 3 of 50 rows": (FieldSchema("f", FieldType.SET), some_of(50, 3)),
    "set, 3 of 10,000 rows": (FieldSchema("f", FieldType.SET), some_of(10_000, 3)),
    "time (YMD, 90 days), 1 of 1,000 rows": (
        FieldSchema("f", FieldType.TIME, quantum="YMD"),
        timed,
    ),
    "int, 0 to 255": (FieldSchema("f", FieldType.INT), integers(0, 256)),
    "int, 20 M values": (FieldSchema("f", FieldType.INT), integers(0, 20_000_000)),
    "int, 20 bits": (FieldSchema("f", FieldType.INT), integers(0, 1 << 20)),
    "int, 40 bits": (FieldSchema("f", FieldType.INT), integers(0, 1 << 40)),
    "decimal, 2 places, to 10,000": (
        FieldSchema("f", FieldType.DECIMAL, scale=2),
        integers(0, 1_000_000),
    ),
    "timestamp, a year of seconds": (
        FieldSchema("f", FieldType.TIMESTAMP),
        integers(FIRST_S, FIRST_S + 365 * 86_400),
    ),
    "vector, 64 dimensions": (FieldSchema("f", FieldType.VECTOR, dimensions=64), vectors),
}

PUBLISHED = {"int, 20 M values": 3.0, "mutex, 1,000 rows": 2.1}
"""What FeatureBase told of its own sizes."""


def stored_bytes(field: FieldSchema | None, make: Make, *, is_keyed: bool = False) -> float:
    """Return the bytes a record of a table of one field in its blocks."""
    with tempfile.TemporaryDirectory() as name:
        log = Log(open_engine(f"sqlite:///{name}/log.db"))
        fields = () if field is None else (replace(field, id=1),)
        with LocalCompute(log, LocalSnapshots(Path(name) / "snapshots")) as compute:
            compute.open_table(TableSchema("t", "t", is_keyed=is_keyed, fields=fields))
            chance = np.random.default_rng(1)
            for first in range(0, SCALE, BATCH):
                count = min(BATCH, SCALE - first)
                ids = np.arange(first, first + count)
                shown = [f"record {i:014d}" for i in ids] if is_keyed else ids
                columns = {ID_COLUMN: pa.array(shown, pa.string() if is_keyed else pa.uint64())}
                records = pa.RecordBatch.from_pydict(columns | make(chance, count))
                compute.write("t", Batch([Operation(OperationKind.UPSERT, records)]))
            compute.checkpoint()
            assert compute.ask("t", CountRecords(), Budget()).count == SCALE
            return compute.statistics("t").stored_bytes / SCALE


def main() -> None:
    """Print a line for each field."""
    with page("field-sizes") as line:
        _run(line)


def _run(line: Callable[[str], None]) -> None:
    line(
        f"# Bytes a record: {SCALE:,} records\n\n| field | bitbrook | published |\n|---|---:|---:|"
    )
    base = stored_bytes(*CASES["the record itself"])
    for name, (field, make) in CASES.items():
        size = stored_bytes(field, make) - (0 if field is None else base)
        line(f"| {name} | {size:.2f} | {PUBLISHED.get(name, '-')} |")
    keyed = stored_bytes(None, lambda _chance, _n: {}, is_keyed=True) - base
    line(f"| a record key of 21 characters | {keyed:.2f} | - |")


if __name__ == "__main__":
    main()
