"""A table answers in a fraction of its size of memory that the kernel cannot take back.

Four million records are written by one process and asked about by another, which measures its own
anonymous memory: counts, sums, groups, rows under a filter and single records, each twice. The
answers are compared with numpy's over the records that were generated.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.engine.batch import Batch, Operation, OperationKind
from crash import reading_process
from crash.reading_process import HIGH, KINDS, LOW, POINTS, SCHEMA, TAGS

RECORDS = 4_000_000
BATCH = 500_000
ROWS_BYTES_MAX = 4 << 20
SHARE = 3
"""The process may take a third of the table's size."""


def columns_of(first: int) -> dict[str, Any]:
    """The records of the ids from `first` on, as arrays."""
    random = np.random.default_rng(first)
    return {
        "_id": np.arange(first, first + BATCH, dtype=np.uint64),
        "amount": random.integers(0, 1 << 40, BATCH),
        "price": random.integers(-1_000, 1 << 20, BATCH),
        "kind": random.integers(0, KINDS, BATCH).astype(np.uint64),
        "tags": random.integers(0, TAGS, (BATCH, 2)).astype(np.uint64),
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wide")
    compute, log = reading_process.open_compute(directory)
    for first in range(0, RECORDS, BATCH):
        columns = columns_of(first)
        bounds = np.arange(0, 2 * BATCH + 1, 2, dtype=np.int32)
        tags = pa.ListArray.from_arrays(pa.array(bounds), pa.array(columns.pop("tags").ravel()))
        arrays = {name: pa.array(each) for name, each in columns.items()} | {"tags": tags}
        operation = Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(arrays))
        compute.write(SCHEMA.id, Batch([operation]))
    compute.close()
    log.close()
    return directory


def expected_answers() -> dict[str, Any]:
    """What numpy finds in the generated records."""
    parts = [columns_of(first) for first in range(0, RECORDS, BATCH)]
    ids, amount, price, kind, tags = (
        np.concatenate([part[name] for part in parts])
        for name in ("_id", "amount", "price", "kind", "tags")
    )
    is_chosen = np.isin(kind, [1, 2]) & (tags == 7).any(axis=1) & (price >= 10) & (price <= 900)
    is_in = (amount >= LOW) & (amount <= HIGH)
    distinct = np.where(tags[:, 0] == tags[:, 1], TAGS, tags[:, 1])
    of_kind = np.concatenate([tags[kind == 3, 0], distinct[kind == 3]]).astype(np.int64)
    tag_counts = np.bincount(of_kind, minlength=TAGS + 1)[:TAGS]
    groups = [(k, int((kind == k).sum()), int(price[kind == k].sum())) for k in range(KINDS)]
    return {
        "count": int(is_chosen.sum()),
        "sum": [int(is_in.sum()), int(amount[is_in].sum())],
        "groups": [list(group) for group in groups],
        "tags": [[tag, count] for tag, count in enumerate(tag_counts.tolist()) if count],
        "points": [
            [*(int(each[point]) for each in (ids, amount, price, kind)), sorted({*tags[point]})]
            for point in POINTS
        ],
    }


def test_questions_take_a_fraction_of_the_table(directory: Path) -> None:
    reading = [sys.executable, reading_process.__file__, str(directory), str(ROWS_BYTES_MAX)]
    run = subprocess.run(reading, check=True, capture_output=True, text=True, timeout=120)
    told = json.loads(run.stdout)
    assert told["answers"] == expected_answers()
    assert told["stored"] > 15 * RECORDS
    assert told["grown"] < told["stored"] / SHARE, told["grown"]
