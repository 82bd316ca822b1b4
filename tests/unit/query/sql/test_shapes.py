"""A query of a known shape means what its own text says, literals and places included.

Every query is answered twice: on a thread that knows its shape from another query, and on a fresh
one that parses it; answers and refusals, with their places, must be the same.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError
from bitbrook.query.results.sql_json import encode_json
from bitbrook.query.sql import run_sql
from bitbrook.query.sql.dialect.shapes import find_tree


class Empty:
    """A database without tables."""

    def table(self, name: str) -> Any:
        raise BitbrookError(name)

    def views(self) -> dict[str, str]:
        return {}


def outcome(statement: str) -> str:
    try:
        return encode_json(run_sql(statement, Empty(), Budget()), 0).decode()  # type: ignore[arg-type]
    except BitbrookError as error:
        return error.message


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("select 1", "select 12345"),
        ("select 1 + 2, 'a'", "select 1000 + 20, 'it''s longer'"),
        ("select 1.5 * 2", "select 10.25 * 2"),
        ("select 'a' || 'b', 1", "select '' || 'bcd', 1"),
        ("select 7 / 2, 1 / 1", "select 70000 / 2, 1 / 0"),
        ("select upper('a'), 1 + 1", "select upper('abc'), 1 + 1.5"),
        ("select substring('abc', 1)", "select substring('abcdef', 9)"),
        ("select 1 in (1, 2)", "select 1 in (100, 200)"),
        ("select cast('1' as int), 2", "select cast('zzz' as int), 2"),
        ("select 5 as a order by 1", "select 5 as a order by 2"),
        ("select 1 limit 1", "select 1 limit 0"),
        ("select top 1 5", "select top 2 5"),
        ("select datetimepart('YY', '2024-01-01')", "select datetimepart('QQ', '2024-01-01')"),
        ("select [1, 2], ['a']", "select [10, 2], ['zz']"),
        ("select 1\n  , 2 + nope", "select 1000\n  , 2000 + nope"),
        ("select 'a', nope", "select 'abcdef', nope"),
        ("select 1 + true", "select 1 + 5"),
        ("select -1, 3-2", "select -1, 30-2"),
        ("select 'a', \"b\"", "select 'abc', \"b\""),
        ("select 1 -- one", "select 2 -- two"),
        ("select 'a' 'b'", "select 'abc' 'b'"),
        ("select 1e3, .5, 2.", "select 1e4, .5, 3."),
    ],
)
def test_a_known_shape_changes_nothing(first: str, then: str) -> None:
    """Told apart by thread: trees are known to the thread that parsed them."""

    def known() -> tuple[str, str, str]:
        return outcome(first), outcome(then), outcome(first)

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        before, answered, again = one.submit(known).result()
        assert answered == other.submit(outcome, then).result()
        assert before == again


def test_shapes_are_found_again() -> None:
    """The tree is that of the first query, with the literals of the second."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(outcome, "select 1 + 1, 'x'").result()
        tree = thread.submit(find_tree, "select 25 + 1, 'longer'").result()
        assert tree is not None
        assert tree.sql() == "SELECT 25 + 1, 'longer'"
        assert thread.submit(find_tree, "select 25 + 1, 5").result() is None
