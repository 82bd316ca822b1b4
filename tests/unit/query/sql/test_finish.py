"""DuckDB inside the server reaches nothing outside itself, and ends when its statement must.

Whatever SQL got to a connection would find files, network, extensions, settings and this process's
variables out of reach; a query over its time, cancelled, or short of memory is really stopped, and
the pool goes on.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import (
    BitbrookError,
    Cancelled,
    InvalidStatement,
    LimitExceeded,
    OutOfRange,
    TimedOut,
)
from bitbrook.query.sql.finish import Finisher, open_locked

ENDLESS = (
    "SELECT count(*) AS c0 FROM range(10000000) a, range(10000000) b "
    "WHERE (a.range * b.range) % 7 = 3"
)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '{path}/out.csv'",
        "EXPORT DATABASE '{path}/out'",
        "ATTACH '{path}/other.db' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_parquet('http://127.0.0.1:1/x')",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET threads = 64",
        "RESET lock_configuration",
        "PRAGMA enable_profiling",
        "SELECT * FROM held",
    ],
)
def test_nothing_outside_is_reached(sql: str, tmp_path: Path) -> None:
    """Each way out is refused by the connection itself."""
    held = pa.table({"secret": [1]})
    connection = open_locked(64 << 20)
    with pytest.raises(duckdb.Error):
        connection.execute(sql.format(path=tmp_path)).fetchall()
    connection.close()
    assert list(tmp_path.iterdir()) == []
    assert held.num_rows == 1


def test_tables_are_known_for_one_query_only() -> None:
    """What one query registers is gone for the next on the same connection."""
    finisher = Finisher()
    table = pa.table({"x": [1, 2]})
    answer = finisher.finish("SELECT sum(x) AS c0 FROM scan1", {"scan1": table}, Budget())
    assert answer.column(0).to_pylist() == [3]
    with pytest.raises(InvalidStatement):
        finisher.finish("SELECT sum(x) AS c0 FROM scan1", {}, Budget())
    finisher.close()


def test_a_query_over_its_time_is_stopped() -> None:
    """The deadline ends the work, and the pool answers the next query."""
    finisher = Finisher()
    with pytest.raises(TimedOut):
        finisher.finish(ENDLESS, {}, Budget.starting_now(0.2))
    assert finisher.finish("SELECT 1 AS c0", {}, Budget()).num_rows == 1
    finisher.close()


def test_a_cancelled_query_is_stopped() -> None:
    """A client that goes away ends its query."""
    finisher, budget = Finisher(), Budget()
    timer = threading.Timer(0.2, budget.cancelled.set)
    timer.start()
    with pytest.raises(Cancelled):
        finisher.finish(ENDLESS, {}, budget)
    timer.join()
    finisher.close()


def test_memory_is_bounded() -> None:
    """A query that needs more than its memory is refused, not the server killed."""
    finisher = Finisher(memory_bytes_max=32 << 20)
    sql = "SELECT list(range || 'xxxxxxxxxxxxxxxxxxxxxxxxxxxx') AS c0 FROM range(20000000)"
    with pytest.raises(LimitExceeded):
        finisher.finish(sql, {}, Budget())
    finisher.close()


@pytest.mark.parametrize(
    ("sql", "kind", "message"),
    [
        ("SELECT error('[3:4] of our own') AS c0", InvalidStatement, "[3:4] of our own"),
        ("SELECT CAST(9223372036854775807 AS BIGINT) + 1 AS c0", OutOfRange, "out of range"),
        ("SELECT CAST('x' AS BIGINT) AS c0", OutOfRange, "out of range"),
        ("SELECT nonsense AS c0", InvalidStatement, "cannot be evaluated"),
        ("SELECT (SELECT * FROM range(2)) AS c0", InvalidStatement, "single row expected"),
    ],
)
def test_failures_are_told_in_our_words(sql: str, kind: type[BitbrookError], message: str) -> None:
    """No error shows DuckDB's SQL."""
    finisher = Finisher()
    with pytest.raises(kind) as caught:
        finisher.finish(sql, {}, Budget())
    assert message in caught.value.message
    assert "LINE" not in caught.value.message
    finisher.close()


def test_many_threads_share_the_pool() -> None:
    """Each query sees its own tables, whichever connection it gets."""
    finisher = Finisher()

    def ask(number: int) -> int:
        table = pa.table({"x": [number] * 10})
        answer = finisher.finish("SELECT sum(x) AS c0 FROM scan1", {"scan1": table}, Budget())
        return int(answer.column(0)[0].as_py())

    with ThreadPoolExecutor(8) as workers:
        assert list(workers.map(ask, range(60))) == [number * 10 for number in range(60)]
    finisher.close()
