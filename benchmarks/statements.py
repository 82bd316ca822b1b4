"""The same statements through `run_sql` and in DuckDB, over the same records, in turns.

What `benchmarks.ssb` and `benchmarks.clickbench` share: a table with its records, a list of
statements, both systems in one process with two threads each, answers compared, medians printed.
"""

import os
import platform
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.page import page
from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import Batch, OperationKind
from bitbrook.errors import TableNotFound
from bitbrook.query.sql import run_sql
from bitbrook.query.sql.statements.batches import operation, stored_column
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

WARM_UP = 2
TURNS = int(os.environ.get("TURNS", "5"))
SCALE = int(float(os.environ.get("SCALE", "5e6")))
CORES = 2
RECORDS_PER_PART = 250_000
ID_COLUMN = "_id"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in our SQL; `duckdb` where rewriting its functions is not enough."""

    name: str
    sql: str
    duckdb: str = ""
    is_ordered: bool = False


_UNITS = {
    "yy": "year", "m": "month", "d": "day", "hh": "hour", "mi": "minute", "s": "second",
    "w": "week", "wd": "dayofweek", "yd": "dayofyear",
}  # fmt: skip
_CUTS = {"yy": "%Y", "m": "%Y-%m", "d": "%Y-%m-%d", "hh": "%Y-%m-%dT%H", "mi": "%Y-%m-%dT%H:%M"}


def for_duckdb(statement: Statement) -> str:
    """Return a statement with our functions of times as DuckDB's."""
    if statement.duckdb:
        return statement.duckdb
    sql = re.sub(
        r"datetimepart\(\s*(\w+),", lambda m: f"date_part('{_UNITS[m[1].lower()]}',", statement.sql
    )
    return re.sub(
        r"date_trunc\(\s*(\w+),\s*(\w+)\)",
        lambda m: f"strftime({m[2]}, '{_CUTS[m[1].lower()]}')",
        sql,
    )


class Ours:
    """A table in an engine of its own. `parts`: its records, `_id` and SQL's types."""

    def __init__(self, schema: TableSchema, directory: Path) -> None:
        self.schema = schema
        self._log = Log(open_engine(f"sqlite:///{directory / 'log.db'}"))
        self._compute = LocalCompute(self._log, LocalSnapshots(directory / "snapshots"))
        self._compute.open_table(schema)

    def load(self, part: pa.Table) -> None:
        """Write records."""
        columns = {
            field.name: stored_column(field, part.column(field.name).combine_chunks())
            for field in self.schema.fields
        }
        ids = part.column(ID_COLUMN).combine_chunks()
        self._compute.write(
            self.schema.id, Batch([operation(OperationKind.UPSERT, self.schema, ids, columns)])
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the answer to a statement."""
        table = run_sql(sql, self, Budget()).table  # type: ignore[arg-type]
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def tables(self) -> list[TableSchema]:
        """Return the one table."""
        return [self.schema]

    def table(self, name: str) -> TableSchema:
        """Return the one table by its name."""
        if name != self.schema.name:
            raise TableNotFound(name)
        return self.schema

    def views(self) -> dict[str, str]:
        """Return no view."""
        return {}

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> AnyPartial:
        """Return the answer of the engine."""
        return self._compute.ask(table.id, question, budget)

    def close(self) -> None:
        """Close the engine."""
        self._compute.close()
        self._log.close()


class Theirs:
    """The same records in DuckDB, in memory, two threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection = duckdb.connect(config={"threads": "2"})

    def load(self, part: pa.Table) -> None:
        """Append records."""
        known = self._connection.execute("SHOW TABLES").fetchall()
        verb = f"INSERT INTO {self._name}" if known else f"CREATE TABLE {self._name} AS"
        self._connection.register("part", part)
        self._connection.execute(f"{verb} SELECT * FROM part")
        self._connection.unregister("part")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the answer to a statement."""
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def differences(statement: Statement, ours: Ours, theirs: Theirs) -> str | None:
    """Return how the answers differ, None if they do not."""
    one = [_plain(row) for row in ours.rows(statement.sql)]
    other = [_plain(row) for row in theirs.rows(for_duckdb(statement))]
    if not statement.is_ordered:
        one, other = sorted(one, key=repr), sorted(other, key=repr)
    if one == other:
        return None
    wrong = next((pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]), None)
    return f"{statement.name}: {len(one)} rows and {len(other)}; first other rows {wrong}"


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row with every number as a Decimal of four places."""
    return tuple(
        Decimal(str(value)).quantize(Decimal("0.0001"))
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        else value
        for value in row
    )


def compare(
    title: str,
    schema: TableSchema,
    parts: Iterator[pa.Table],
    statements: Sequence[Statement],
    *,
    published: Mapping[str, float] | None = None,
) -> None:
    """Load, check every answer, measure in turns and print a table.

    `published`: millions of records a second and core that others tell of statements, to be shown
    beside ours; without it no such columns are printed.
    """
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    ours, theirs = Ours(schema, directory), Theirs(schema.name)
    try:
        for part in parts:
            ours.load(part)
            theirs.load(part)
        found = [_measured(statement, ours, theirs) for statement in statements]
    finally:
        ours.close()
        theirs.close()
        shutil.rmtree(directory, ignore_errors=True)
    with page(re.sub(r"\W+", "-", title).lower()) as line:
        _tell(line, title, statements, found, published)


def _tell(
    line: Callable[[str], None],
    title: str,
    statements: Sequence[Statement],
    found: list[tuple[float, float]],
    published: Mapping[str, float] | None,
) -> None:
    line(f"# {title}, {SCALE:,} records\n")
    line(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()};")
    line("milliseconds, medians; the ratio is DuckDB's time to bitbrook's.\n")
    per_core = published is not None
    more = " M records/s a core | published |" if per_core else ""
    line("| question | bitbrook | duckdb | ratio |" + more)
    line("|---|---:|---:|---:|" + ("---:|---:|" if per_core else ""))
    for statement, (one, other) in zip(statements, found, strict=True):
        shown = f"| {statement.name} | {one:.3g} | {other:.3g} | {other / one:.1f}x |"
        if published is not None:
            rate = SCALE / one / 1000 / CORES
            shown += f" {rate:,.0f} | {published.get(statement.name, '-')} |"
        line(shown)


def _measured(statement: Statement, ours: Ours, theirs: Theirs) -> tuple[float, float]:
    """Return the median milliseconds of both systems, whose answers are the same."""
    fault = differences(statement, ours, theirs)
    assert fault is None, fault
    seconds: tuple[list[float], list[float]] = ([], [])
    asked = ((ours, statement.sql), (theirs, for_duckdb(statement)))
    for turn in range(WARM_UP + TURNS):
        for (system, sql), kept in zip(asked, seconds, strict=True):
            started = time.perf_counter()
            system.rows(sql)
            if turn >= WARM_UP:
                kept.append(time.perf_counter() - started)
    one, other = (statistics.median(each) * 1000 for each in seconds)
    return one, other
