"""Statements from many threads, statements that take too long, and answers that are too large.

Each thread asks with its own literals while others write; a deadline, a cancelled budget and a
bound on the answer end a statement with an error that says which limit it was.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import Cancelled, LimitExceeded, OutOfRange, TimedOut
from bitbrook.query.pql import run_pql
from bitbrook.query.sql import SqlAnswer, run_sql
from engine_database import EngineDatabase

HEAVY = "select count(*) from t a, t b, t c, t d where a.n + b.n + c.n + d.n = 7"


@pytest.fixture
def database(open_database: Callable[..., Any]) -> EngineDatabase:
    """A table of a thousand records."""
    database: EngineDatabase = open_database(partition_count=2)
    ask(database, "create table t (_id string, n int, label string)")
    values = ", ".join(f"('k{i:04}', {i}, 'l{i % 10}')" for i in range(1000))
    ask(database, f"insert into t values {values}")
    return database


def ask(database: EngineDatabase, statement: str, budget: Budget | None = None) -> SqlAnswer:
    return run_sql(statement, database, budget or Budget())


def rows(answer: SqlAnswer) -> list[list[Any]]:
    return [list(row.values()) for row in answer.table.to_pylist()]


def test_many_threads_ask_and_write(database: EngineDatabase) -> None:
    """Bitmaps, DuckDB and writes at once; every answer is right."""

    def work(number: int) -> None:
        found = ask(database, f"select _id, n * 2 from t where n = {number}")
        assert rows(found) == [[f"k{number:04}", number * 2]]
        counted = ask(
            database, f"select count(*) from t where label = 'l{number % 10}' and n < 1000"
        )
        assert rows(counted) == [[100]]
        ask(database, f"insert into t (_id, n) values ('new{number}', {number + 5000})")
        joined = ask(
            database, f"select a.n from t a join t b on a.n = b.n + 1 where b.n = {number}"
        )
        assert rows(joined) == [[number + 1]]

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(120)))
    assert rows(ask(database, "select count(*) from t")) == [[1120]]


def test_a_statement_ends_at_its_time(database: EngineDatabase) -> None:
    """Also inside DuckDB; the database answers on."""
    with pytest.raises(TimedOut, match="query_timeout_s"):
        ask(database, HEAVY, Budget.starting_now(0.3))
    assert rows(ask(database, "select count(*) from t")) == [[1000]]


def test_a_cancelled_statement_ends(database: EngineDatabase) -> None:
    """Before it begins, too."""
    budget = Budget()
    budget.cancelled.set()
    for statement in (HEAVY, "select count(*) from t", "select 1"):
        with pytest.raises(Cancelled):
            ask(database, statement, budget)


def test_large_answers_are_refused_before_they_are_read(database: EngineDatabase) -> None:
    """With the size, the bound and the mend."""
    budget = Budget(answer_bytes_max=1000)
    with pytest.raises(LimitExceeded, match=r"1,000 records of 2 columns and 1,000 bytes"):
        ask(database, "select _id, n from t", budget)
    assert ask(database, "select _id, n from t limit 10", budget).table.num_rows == 10


def test_show_tables(database: EngineDatabase) -> None:
    """Tables, views and, if asked for, system tables, by name."""
    ask(database, "create view a-view as select n from t")
    names = [row[1] for row in rows(ask(database, "show tables"))]
    assert names == ["a-view", "t"]
    names = [row[1] for row in rows(ask(database, "show tables with system"))]
    service = ["endpoints", "errors", "ingest", "queries", "requests"]
    kept = ["fb_exec_requests", "fb_performance_counters", "fb_table_ddl"]
    assert names == ["a-view", *(f"bitbrook_{name}" for name in service), *kept, "t"]
    columns = [row[1:3] for row in rows(ask(database, "show columns from t"))]
    assert columns == [["_id", "string"], ["n", "int"], ["label", "string"]]


def test_pages_of_many_groups(database: EngineDatabase) -> None:
    """The groups of a page are chosen by one aggregate before the rest is made; ties stay right."""
    ask(database, "create table g (_id id, k string, p decimal(2), at timestamp)")
    records = [(i, f"k{i % 90:02}", i % 7 * 25, i % 11) for i in range(900)]
    values = ", ".join(
        f"({i}, '{key}', {units / 100}, '2024-01-{day + 1:02}')" for i, key, units, day in records
    )
    ask(database, f"insert into g values {values}")
    for aggregate, of in (
        ("sum(p)", lambda group: sum(units for _, _, units, _ in group)),
        ("max(at)", lambda group: max(day for *_, day in group)),
        ("count(distinct at)", lambda group: len({day for *_, day in group})),
        ("avg(p)", lambda group: sum(units for _, _, units, _ in group) / len(group)),
    ):
        groups: dict[str, list[tuple[int, str, int, int]]] = {}
        for record in records:
            groups.setdefault(record[1], []).append(record)
        for direction, sign in (("desc", -1), ("asc", 1)):
            expected = sorted(groups, key=lambda key: (sign * of(groups[key]), key))[2:7]
            query = f"select k, {aggregate} as a from g group by k order by a {direction}, k"
            found = rows(ask(database, f"{query} limit 5 offset 2"))
            assert [key for key, _ in found] == expected, query
            assert found == rows(ask(database, query))[2:7]


def test_no_language_writes_too_long_a_text(database: EngineDatabase) -> None:
    """A varchar's bound holds for PQL as well; a question about a longer text finds nothing."""
    ask(database, "create table v (_id id, c varchar(3))")
    run_pql("[v]Set(1, c='abc')", database, Budget())
    with pytest.raises(OutOfRange, match="at most 3 characters, not of 4"):
        run_pql("[v]Set(1, c='abcd')", database, Budget())
    assert rows(ask(database, "select c from v where c <> 'abcd'")) == [["abc"]]
