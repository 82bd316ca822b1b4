"""What bitmaps answer is what DuckDB answers over the same records.

Random conditions and aggregations run through `run_sql`, which asks bitmaps, and over a DuckDB
table of the same records that the test fills itself and asks in DuckDB's own SQL. Values sit on the
edges: nulls, negative numbers, decimals with more digits than the column has, both shards.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from generated_sql import CONDITIONS, LEAVES

AGGREGATES = st.lists(
    st.sampled_from(
        [
            "count(*)",
            "count(n)",
            "count(label)",
            "count(distinct n)",
            "count(distinct label)",
            "min(n)",
            "max(n)",
            "min(p)",
            "max(p)",
            "min(since)",
            "max(since)",
            "sum(n)",
            "sum(p)",
        ]
    ),
    min_size=1,
    max_size=4,
    unique=True,
).map(", ".join)
KEYS = st.lists(
    st.sampled_from(["n", "p", "label", "kind", "ok", "since"]), min_size=1, max_size=2, unique=True
).map(", ".join)


def test_conditions(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """The same records, in the order of their ids."""

    @given(CONDITIONS)
    @settings(max_examples=150)
    def check(condition: str) -> None:
        ours, theirs = answers(f"select _id, n, p, label, tags from t where {condition}")
        assert ours == sorted(theirs), condition

    check()


def test_totals(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """Aggregates over the records of a condition."""

    @given(AGGREGATES, CONDITIONS)
    @settings(max_examples=100)
    def check(aggregates: str, condition: str) -> None:
        ours, theirs = answers(f"select {aggregates} from t where {condition}")
        assert ours == theirs, condition

    check()


def test_groups(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """Groups, the null group among them, with their aggregates."""

    @given(KEYS, AGGREGATES, CONDITIONS)
    @settings(max_examples=100)
    def check(keys: str, aggregates: str, condition: str) -> None:
        query = f"select {keys}, {aggregates} from t where {condition} group by {keys}"
        ours, theirs = answers(query)
        assert sorted(ours, key=repr) == sorted(theirs, key=repr), query

    check()


EXPRESSIONS = st.lists(
    st.sampled_from(
        [
            "datetimepart(yy, since)",
            "datetimepart(m, since)",
            "datetimepart(wd, since)",
            "date_trunc(d, since)",
            "upper(label)",
            "n + 1",
            "case when ok then kind else null end",
            "label",
            "since",
        ]
    ),
    min_size=0,
    max_size=3,
    unique=True,
)
SUMS = st.lists(
    st.sampled_from(
        [
            "count(*)",
            "count(n)",
            "sum(n - p)",
            "sum(2 * n + 1)",
            "sum(-n)",
            "sum(n * n)",
            "sum(p * n)",
            "sum(p * datetimepart(yy, since))",
            "sum(n * case when ok then 1 else 0 end)",
            "min(p)",
            "max(since)",
            "sum(p)",
        ]
    ),
    min_size=1,
    max_size=4,
    unique=True,
)
LEFT_OVER = st.sampled_from(
    ["true", "datetimepart(m, since) = 1", "datetimepart(wd, since) > 2", "lower(label) = 'b'"]
)


def test_groups_by_expressions(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """Sums of expressions, rolled up from groups that are finer, under conditions of any kind."""

    def comparable(rows: list[Any]) -> list[Any]:
        return sorted(
            (
                [Decimal(v).normalize() if isinstance(v, int | Decimal) else v for v in row]
                for row in rows
            ),
            key=repr,
        )

    @given(EXPRESSIONS, SUMS, CONDITIONS, LEFT_OVER)
    @settings(max_examples=200)
    def check(keys: list[str], sums: list[str], condition: str, left: str) -> None:
        query = f"select {', '.join(keys + sums)} from t where {condition} and {left}"
        if keys:
            query += f" group by {', '.join(keys)}"
        ours, theirs = answers(query)
        assert comparable(ours) == comparable(theirs), query

    check()


def test_orders_and_limits(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """The same page of the same order, nulls last, ties by id."""
    columns = st.sampled_from(["n", "p", "label", "kind", "since", "_id"])
    directions = st.sampled_from(["", " desc"])

    @given(columns, directions, st.integers(0, 9), st.integers(0, 9), LEAVES)
    @settings(max_examples=100)
    def check(column: str, direction: str, limit: int, offset: int, condition: str) -> None:
        order = f"{column}{direction} nulls last" + ("" if column == "_id" else ", _id")
        query = f"select _id, {column} from t where {condition} order by {order}"
        ours, theirs = answers(f"{query} limit {limit} offset {offset}")
        assert ours == theirs, query

    check()


def test_joins(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """Conditions on either side: the keys of few records go to the bitmaps of the other table."""
    kinds = st.sampled_from(
        [f"{kind} join" for kind in ("inner", "left", "right", "full", "semi", "anti")]
    )
    columns = st.sampled_from(["n", "label", "kind", "since", "_id", "p"])
    narrow = st.one_of(
        LEAVES, st.sampled_from(["_id = 7", "n = 3", "label = 'zz'", "_id in (0, 64)"])
    )
    names = re.compile(r"\b(n|p|label|kind|ok|since|tags|_id)\b")

    @given(kinds, columns, narrow, narrow, st.booleans())
    @settings(max_examples=150)
    def check(kind: str, column: str, one: str, other: str, is_in_where: bool) -> None:
        left, right = names.sub(r"a.\1", one), names.sub(r"b.\1", other)
        selected = "a._id, a.n" if kind in {"semi join", "anti join"} else "a._id, b._id"
        on = f"a.{column} = b.{column}"
        query = f"select {selected} from t a {kind} t b on {on} and {right} where {left}"
        if is_in_where and kind not in {"semi join", "anti join"}:
            query = f"select {selected} from t a {kind} t b on {on} where {left} and {right}"
        ours, theirs = answers(query)
        assert sorted(ours, key=repr) == sorted(theirs, key=repr), query

    check()
