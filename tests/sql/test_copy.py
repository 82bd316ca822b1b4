"""COPY takes a table of many pages along whole, and leaves no table behind where it fails.

Records lie in all the ways that pages could trip over: ids far apart, keys over several partitions,
stretches that were deleted, members with times; and the client leaves at every step of the way.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import Cancelled
from bitbrook.query.sql import run_sql
from bitbrook.query.sql.statements.copying import FIRST_PAGE_RECORDS
from engine_database import EngineDatabase

COUNT = 5 * FIRST_PAGE_RECORDS


@pytest.fixture(params=[1, 3])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineDatabase]:
    database = EngineDatabase(tmp_path, partition_count=request.param)
    yield database
    database.close()


def ask(
    database: EngineDatabase, statement: str, budget: Budget | None = None
) -> list[list[object]]:
    table = run_sql(statement, database, budget or Budget()).table
    return [list(row.values()) for row in table.to_pylist()]


def fill(database: EngineDatabase, kind: str, ids: list[object]) -> None:
    ask(database, f"create table t (_id {kind}, n int, s string, q idsetq timequantum 'YM')")
    rows = "\n".join(f"{each},{index},s{index % 7},{index % 5}" for index, each in enumerate(ids))
    ask(
        database,
        f"bulk insert into t (_id, n, s, q) map (0 {kind}, 1 int, 2 string, 3 idset) "
        f"from x'{rows}' with format 'CSV' input 'INLINE'",
    )
    shown = "'k1'" if kind == "string" else str(ids[1])
    ask(database, f"insert into t (_id, q) values ({shown}, {{'2024-05-06', [77]}})")


def check_same(database: EngineDatabase) -> None:
    everything = "select * from {} order by n, _id"
    assert ask(database, everything.format("u")) == ask(database, everything.format("t"))
    dated = "select n from {} where rangeq(q, '2024-05-01', '2024-06-01')"
    assert ask(database, dated.format("u")) == ask(database, dated.format("t")) == [[1]]


def test_ids_far_apart(database: EngineDatabase) -> None:
    """Single ids up to the last that there may be, and thousands beside each other."""
    ids = [0, 5, *range(1 << 20, (1 << 20) + COUNT), 1 << 40, (1 << 64) - 1]
    fill(database, "id", list(ids))
    ask(database, "copy t to u")
    assert ask(database, "select count(*) from u") == [[len(ids)]]
    check_same(database)


def test_keys_with_gaps(database: EngineDatabase) -> None:
    """Whole pages of keys are gone from the middle."""
    fill(database, "string", [f"k{index}" for index in range(COUNT)])
    ask(database, f"delete from t where n between {COUNT // 5} and {COUNT - 50}")
    ask(database, "copy t to u")
    assert ask(database, "select count(*) from u") == [[COUNT // 5 + 49]]
    check_same(database)


@pytest.mark.parametrize("kind", ["id", "string"])
def test_nothing_to_copy(database: EngineDatabase, kind: str) -> None:
    ask(database, f"create table t (_id {kind}, n int, q idsetq timequantum 'Y')")
    ask(database, "copy t to u")
    assert ask(database, "select count(*) from u") == [[0]]


class Leaving(threading.Event):
    """Is set once it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def test_a_copy_that_fails_leaves_no_table(database: EngineDatabase) -> None:
    """The client leaves before each page, within it and after it; the source stays as it was."""
    fill(database, "id", list(range(COUNT)))
    failed, looks = 0, 0
    while True:
        looks += 3
        try:
            ask(database, "copy t to u", Budget(cancelled=Leaving(looks)))
        except Cancelled:
            failed += 1
            assert [table.name for table in database.tables()] == ["t"]
            continue
        break
    assert failed > 3
    assert ask(database, "select count(*), sum(n) from t") == [[COUNT, COUNT * (COUNT - 1) // 2]]
    check_same(database)
