"""What bitmaps answer is what DuckDB answers over the same records.

Random conditions and aggregations run through `run_sql`, which asks bitmaps, and over a DuckDB
table of the same records that the test fills itself and asks in DuckDB's own SQL. Values sit on the
edges: nulls, negative numbers, decimals with more digits than the column has, both shards.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitbrook.algebra.budget import Budget
from bitbrook.query.sql import run_sql
from engine_database import EngineDatabase

IDS = [0, 1, 2, 3, 7, 63, 64, 65, 1000, 2**20 - 1, 2**20, 2**20 + 5, 2**21 + 1]
LABELS = ["a", "b", "ab", "B", ""]
COLUMNS = ("n", "p", "label", "kind", "ok", "since", "tags")
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def _record(number: int) -> dict[str, Any]:
    """A record whose values follow from its number; about every fifth value is missing."""
    turn = [
        (number * step + shift) % 11 for step, shift in ((3, 1), (5, 2), (7, 3), (2, 5), (9, 4))
    ]
    return {
        "n": None if turn[0] > 8 else turn[0] - 4,
        "p": None if turn[1] > 8 else Decimal(turn[1] - 4) / 4,
        "label": None if turn[2] > 8 else LABELS[turn[2] % 5],
        "kind": None if turn[3] > 8 else turn[3] % 4,
        "ok": None if turn[4] > 8 else turn[4] % 2 == 0,
        "since": None if turn[1] > 8 else EPOCH + timedelta(days=turn[0]),
        "tags": [LABELS[i] for i in range(4) if turn[i] % 3 == 0] or None,
    }


RECORDS = {record_id: _record(index) for index, record_id in enumerate(IDS)}


def _literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}'"
        case datetime():
            return f"'{value:%Y-%m-%dT%H:%M:%SZ}'"
        case list():
            return "[" + ", ".join(f"'{each}'" for each in sorted(value)) + "]"
        case _:
            return str(value)


@pytest.fixture(params=[1, 3])
def answers(
    request: pytest.FixtureRequest, open_database: Callable[..., Any]
) -> Callable[[str], tuple[list[Any], list[Any]]]:
    """Gives the rows of a query from both databases."""
    database: EngineDatabase = open_database(partition_count=request.param)
    plain = duckdb.connect()
    run_sql(
        "create table t (_id id, n int, p decimal(2), label string, kind id, ok bool,"
        " since timestamp, tags stringset)",
        database,
        Budget(),
    )
    plain.execute(
        "create table t (_id ubigint, n bigint, p decimal(19,2), label varchar, kind ubigint,"
        " ok boolean, since timestamp, tags varchar[])"
    )
    for record_id, record in RECORDS.items():
        values = ", ".join(_literal(record[column]) for column in COLUMNS)
        run_sql(f"insert into t values ({record_id}, {values})", database, Budget())
        plain.execute(f"insert into t values ({record_id}, {values})")

    def ask(query: str) -> tuple[list[Any], list[Any]]:
        table = run_sql(query, database, Budget()).table
        ours = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        for ours_word, theirs in (
            ("setcontainsany(", "list_has_any("),
            ("setcontains(", "list_contains("),
            ("datetimepart(yy,", "date_part('year',"),
            ("datetimepart(m,", "date_part('month',"),
            ("datetimepart(wd,", "date_part('dayofweek',"),
            ("date_trunc(d, since)", "strftime(since, '%Y-%m-%d')"),
        ):
            query = query.replace(ours_word, theirs)
        return ours, plain.execute(query).fetchall()

    return ask


NUMBERS = st.sampled_from(["-4", "0", "3", "0.5", "-1.005", "2.999", "1e3", "99999999999999999"])
TIMES = st.sampled_from(
    ["'2024-01-03T00:00:00Z'", "'2024-01-05'", "'2024-01-02T23:59:59.5Z'", "'1999-01-01'"]
)
TEXTS = st.sampled_from(["'a'", "'ab'", "'B'", "''", "'zz'"])
ORDERINGS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
EQUALITIES = st.sampled_from(["=", "<>"])


def _comparison(columns: list[str], operators: Any, values: Any) -> Any:
    return st.tuples(st.sampled_from(columns), operators, values).map(" ".join)


def _listed(columns: list[str], values: Any) -> Any:
    lists = st.lists(values | st.just("null"), min_size=1, max_size=3).map(", ".join)
    words = st.sampled_from(["in", "not in"])
    return st.tuples(st.sampled_from(columns), words, lists).map(
        lambda p: f"{p[0]} {p[1]} ({p[2]})"
    )


LEAVES = st.one_of(
    _comparison(["n", "p"], ORDERINGS, NUMBERS),
    _comparison(["since"], ORDERINGS, TIMES),
    _comparison(["label"], ORDERINGS, TEXTS),
    _comparison(["kind", "_id"], EQUALITIES, st.sampled_from(["0", "1", "64", "1048576", "5"])),
    _comparison(["_id"], ORDERINGS, st.sampled_from(["0", "64", "1048576", "-1", "63.5", "1e18"])),
    _comparison(["kind"], ORDERINGS, st.sampled_from(["0", "1", "2.5", "-1"])),
    _comparison(["datetimepart(yy, since)"], ORDERINGS, st.sampled_from(["2023", "2024", "0"])),
    _comparison(["ok"], EQUALITIES, st.sampled_from(["true", "false"])),
    _listed(["n", "p"], NUMBERS),
    _listed(["label"], TEXTS),
    _listed(["kind", "_id"], st.sampled_from(["0", "1", "2", "1000"])),
    st.sampled_from(COLUMNS).map(lambda column: f"{column} is null"),
    st.sampled_from(COLUMNS).map(lambda column: f"{column} is not null"),
    st.just("ok"),
    TEXTS.map(lambda text: f"setcontains(tags, {text})"),
    st.lists(TEXTS, min_size=1, max_size=3).map(
        lambda t: f"setcontainsany(tags, [{', '.join(t)}])"
    ),
    st.sampled_from(["'a%'", "'%b'", "'_'", "'%'", "''"]).map(lambda p: f"label like {p}"),
    st.just("n > p"),
    st.just("n + 1 < 2"),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda condition: f"not ({condition})"),
    ),
    max_leaves=6,
)
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
