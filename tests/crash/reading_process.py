"""A process that opens the table of `test_larger_than_memory` and answers questions about it.

It prints the answers and by how much the memory grew that only it has (anonymous memory, which the
kernel cannot drop), as JSON. Usage: reading_process.py DIRECTORY ROWS_BYTES_MAX
"""

import json
import sys
from pathlib import Path

import msgspec

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import HasRow, InRange, Intersect, Records
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    GroupKey,
    GroupRecords,
    Measure,
    MeasureKind,
    NumberTotals,
    RowCounts,
)
from bitbrook.bitmap.thawed import LEDGER
from bitbrook.compute.local import LocalCompute
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema(
    "wide",
    "wide",
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("price", FieldType.INT, id=2),
        FieldSchema("kind", FieldType.MUTEX, id=3),
        FieldSchema("tags", FieldType.SET, id=4),
    ),
)
EMPTY = "empty"
KINDS = 40
TAGS = 200
POINTS = (0, 123_456, 2_000_001, 3_999_999)
LOW, HIGH = 1_000_000, 1 << 39


def open_compute(directory: Path) -> tuple[LocalCompute, Log]:
    """The engine over a directory, with the table open."""
    log = Log(open_engine(f"sqlite:///{directory}/log.db"))
    compute = LocalCompute(log, LocalSnapshots(directory / "snapshots"))
    compute.open_table(SCHEMA)
    return compute, log


def main() -> None:
    """Answer every question twice, the second time in the other order."""
    directory, LEDGER.bytes_max = Path(sys.argv[1]), int(sys.argv[2])
    compute, log = open_compute(directory)
    # What a process needs to answer at all is not the table's.
    compute.open_table(msgspec.structs.replace(SCHEMA, id=EMPTY))
    for ask in ASKED.values():
        ask(compute, EMPTY)
    before = anonymous_bytes()
    first = {name: ask(compute, SCHEMA.id) for name, ask in ASKED.items()}
    again = {name: ASKED[name](compute, SCHEMA.id) for name in reversed(ASKED)}
    assert first == again
    statistics = compute.statistics(SCHEMA.id)
    grown = anonymous_bytes() - before
    told = {"answers": first, "grown": grown, "stored": statistics.stored_bytes}
    sys.stdout.write(json.dumps(told))
    compute.close()
    log.close()


def _count(compute: LocalCompute, table_id: str) -> object:
    chosen = Intersect((HasRow("kind", (1, 2)), HasRow("tags", (7,)), InRange("price", 10, 900)))
    return compute.ask(table_id, CountRecords(chosen), Budget()).count


def _sum(compute: LocalCompute, table_id: str) -> object:
    totals = compute.ask(table_id, NumberTotals("amount", InRange("amount", LOW, HIGH)), Budget())
    return [totals.count, int(totals.total)]


def _groups(compute: LocalCompute, table_id: str) -> object:
    question = GroupRecords((GroupKey("kind"),), measures=(Measure(MeasureKind.SUM, "price"),))
    groups = compute.ask(table_id, question, Budget())
    sums = [int(each) for each in groups.measures[0]]
    return sorted(zip(groups.keys[0].tolist(), groups.counts.tolist(), sums, strict=True))


def _tags(compute: LocalCompute, table_id: str) -> object:
    partial = compute.ask(table_id, RowCounts("tags", HasRow("kind", (3,))), Budget())
    return sorted(zip(partial.rows.tolist(), partial.counts.tolist(), strict=True))


def _points(compute: LocalCompute, table_id: str) -> object:
    question = ExtractRecords(("amount", "price", "kind", "tags"), Records(POINTS))
    records = compute.ask(table_id, question, Budget()).records.to_pylist()
    return [[sorted(v) if isinstance(v, list) else v for v in each.values()] for each in records]


ASKED = {"count": _count, "sum": _sum, "groups": _groups, "tags": _tags, "points": _points}


def anonymous_bytes() -> int:
    """Return the memory that only this process has."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("Linux tells the anonymous memory")


if __name__ == "__main__":
    main()
