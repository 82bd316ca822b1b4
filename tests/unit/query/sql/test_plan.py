"""Bitmaps are asked what they know, and DuckDB gets no more than it needs.

A database that answers nothing but notes every question shows which records and fields a statement
reads: filters, limits, orders and aggregates must have gone into the questions.
"""

from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasRow,
    HasRowLike,
    HasValue,
    InNumbers,
    InRange,
    Intersect,
    InValues,
    Not,
    Nothing,
    Records,
    Union,
)
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    NumberTotals,
    Order,
    Question,
    RowCounts,
)
from bitbrook.errors import TableNotFound
from bitbrook.query.sql import run_sql
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema

TABLE = TableSchema(
    "1",
    "t",
    fields=(
        FieldSchema("n", FieldType.INT, 1),
        FieldSchema("p", FieldType.DECIMAL, 2, scale=2),
        FieldSchema("label", FieldType.MUTEX, 3, is_keyed=True),
        FieldSchema("kind", FieldType.MUTEX, 4),
        FieldSchema("ok", FieldType.BOOL, 5),
        FieldSchema("at", FieldType.TIMESTAMP, 6),
        FieldSchema("tags", FieldType.SET, 7, is_keyed=True),
    ),
)


class Asked(Exception):
    """Carries the first question."""

    def __init__(self, question: Question) -> None:
        self.question = question


class Noting:
    """A database with one table that answers no question."""

    def table(self, name: str) -> TableSchema:
        if name == "t":
            return TABLE
        raise TableNotFound(name)

    def views(self) -> dict[str, str]:
        return {"v": "select _id as id, n, label as l, tags from t where ok"}

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> Any:
        raise Asked(question)


def first_question(statement: str) -> Any:
    with pytest.raises(Asked) as asked:
        run_sql(statement, Noting(), Budget())  # type: ignore[arg-type]
    return asked.value.question


_RECORDS = Intersect((All(), Records((3, 4))))


def either(*values: str) -> Expression:
    return HasRow("label", values)


@pytest.mark.parametrize(
    ("condition", "records"),
    [
        ("n > 5", InRange("n", 6, None)),
        ("5 >= n", InRange("n", None, 5)),
        ("n > 5.5", InRange("n", 6, None)),
        ("n <> 5", Difference((HasValue("n"), InRange("n", 5, 5)))),
        ("not n > 5", InRange("n", None, 5)),
        ("n > 9223372036854775807", Nothing()),
        ("n < 18446744073709551615", HasValue("n")),
        ("n between 1 and 3", InRange("n", 1, 3)),
        ("n in (3, 1, 2.5, 3)", InValues("n", (1, 3))),
        ("n not in (1, null)", Nothing()),
        ("n = null", Nothing()),
        ("n is null", Not(HasValue("n"))),
        ("n is not null", HasValue("n")),
        ("p > 1.005", InRange("p", 101, None)),
        ("p = 1.005", Nothing()),
        ("p = 1", InRange("p", 100, 100)),
        ("at >= '1970-01-01T00:00:01.5Z'", InRange("at", 2, None)),
        ("at < datetimeadd('S', 5, '1970-01-01')", InRange("at", None, 4)),
        ("label = 'a'", HasRow("label", ("a",))),
        ("label <> 'a'", Difference((HasValue("label"), HasRow("label", ("a",))))),
        ("label in ('a', 'b')", either("a", "b")),
        ("label like 'a%'", HasRowLike("label", "a%")),
        ("kind = -1", Nothing()),
        ("kind = 3.0", HasRow("kind", (3,))),
        ("ok", HasRow("ok", (True,))),
        ("not ok", HasRow("ok", (False,))),
        ("ok <> true", Difference((HasValue("ok"), HasRow("ok", (True,))))),
        ("setcontains(tags, 'a')", HasRow("tags", ("a",))),
        ("setcontainsany(tags, ['b', 'a'])", HasRow("tags", ("a", "b"))),
        (
            "setcontainsall(tags, ['a', 'b'])",
            Intersect((HasRow("tags", ("a",)), HasRow("tags", ("b",)))),
        ),
        ("n > 1 and n > 3 and n <= 9", InRange("n", 4, 9)),
        ("n > 3 and n < 2", Nothing()),
        ("label in ('a', 'b') and label in ('b', 'c')", either("b")),
        ("label = 'a' and label = 'b'", Nothing()),
        ("datetimepart(yy, at) = 1971", InRange("at", 31_536_000, 63_071_999)),
        ("datetimepart(yy, at) >= 1971", InRange("at", 31_536_000, None)),
        ("not datetimepart(yy, at) > 1970", InRange("at", None, 31_535_999)),
        ("_id = 3", Intersect((All(), Records((3,))))),
        ("_id in (3, 4)", Intersect((All(), Records((3, 4))))),
        ("_id in (3, 4) and ok", Intersect((_RECORDS, HasRow("ok", (True,))))),
        ("_id > 5", InNumbers(6)),
        ("_id >= 0", All()),
        ("_id < -1", Nothing()),
        ("_id > 18446744073709551615", Nothing()),
        ("_id <= 18446744073709551615", All()),
        ("_id > 5.5 and not _id >= 9", InNumbers(6, 8)),
        ("_id between 4 and 7", InNumbers(4, 7)),
        ("ok or n > 5", Union((HasRow("ok", (True,)), InRange("n", 6, None)))),
        ("not (ok or n > 5)", Intersect((HasRow("ok", (False,)), InRange("n", None, 5)))),
        ("true", All()),
        ("1 = 2", Nothing()),
    ],
)
def test_conditions_become_records(condition: str, records: Expression) -> None:
    """Each condition, exactly as the sets of records it is true of."""
    assert first_question(f"select count(*) from t where {condition}") == CountRecords(records)


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("select sum(n) from t", NumberTotals("n", wants_extremes=False)),
        (
            "select max(p) from t where ok",
            NumberTotals("p", HasRow("ok", (True,)), wants_sum=False),
        ),
        ("select count(distinct label) from t", RowCounts("label")),
        ("select label, count(*) from t group by label", RowCounts("label")),
        ("select _id from t limit 5 offset 2", ExtractRecords((), limit=5, offset=2)),
        (
            "select p from t where n > 5 order by at desc limit 3",
            ExtractRecords(("p",), InRange("n", 6, None), Order("at", True, True), 3),
        ),
        # DuckDB finishes these; the filter, the order, the limit and the columns went before.
        ("select upper(label) from t where ok", ExtractRecords(("label",), HasRow("ok", (True,)))),
        (
            "select n + 1 from t order by n limit 2",
            ExtractRecords(("n",), order=Order("n", includes_null=True), limit=2),
        ),
        (
            "select n, rank() over (order by p) from t where label = 'a'",
            ExtractRecords(("n", "p"), HasRow("label", ("a",))),
        ),
        (
            "select n, corr(n, p) from t where n + 1 > 2 and ok group by n",
            ExtractRecords(("n", "p"), HasRow("ok", (True,))),
        ),
        # The next page by the last id of the one before.
        (
            "select n from t where _id > 7 and ok order by _id limit 3",
            ExtractRecords(("n",), Intersect((InNumbers(8), HasRow("ok", (True,)))), limit=3),
        ),
        # Whether there is a group without a value is known before groups are formed.
        (
            "select datetimepart(yy, at), sum(n) from t where ok group by datetimepart(yy, at)",
            CountRecords(Not(HasValue("at"))),
        ),
        # How few the records of one side are decides what the other is asked.
        (
            "select a.p from t a join t b on a.n = b.n where a.ok and b.label = 'x'",
            CountRecords(HasRow("ok", (True,))),
        ),
        # Of many columns only those that choose the page are read of all records.
        ("select * from t order by n + 1 limit 2", ExtractRecords(("n",))),
        # Views and queries in FROM are looked through.
        (
            "select count(*) from v where l = 'a'",
            CountRecords(Intersect((HasRow("ok", (True,)), HasRow("label", ("a",))))),
        ),
        ("select x.n from (select * from t) x limit 9", ExtractRecords(("n",), limit=9)),
        (
            "with c as (select n, p from t) select sum(p) from c where n = 1",
            NumberTotals("p", InRange("n", 1, 1), wants_extremes=False),
        ),
    ],
)
def test_statements_ask_no_more_than_they_need(statement: str, question: Question) -> None:
    """The first question of a statement carries its filter, order, limit and columns."""
    asked = first_question(statement)
    if isinstance(question, ExtractRecords):
        assert sorted(asked.fields) == sorted(question.fields)
        question = type(question)(
            asked.fields, question.filter, question.order, question.limit, question.offset
        )
    assert asked == question
