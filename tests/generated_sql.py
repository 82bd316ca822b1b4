"""Records and conditions of generated statements, whose answers are compared with DuckDB's.

Values sit on the edges: nulls, negative numbers, decimals with more digits than the column has,
both shards. `Twins` holds the same records in a database of ours and in a DuckDB of its own.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
from hypothesis import strategies as st

from bitbrook.algebra.budget import Budget
from bitbrook.query.sql import run_sql

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


Answers = Callable[[str], tuple[list[Any], list[Any]]]


def twins(database: Any) -> Answers:
    """Return what gives the rows of a query from an empty database and from DuckDB."""
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
