"""A parameter is one value, whatever it holds, and only where a mark stands.

Hypothesis writes statements of quotes, comments and marks around random texts, and sends every kind
of value, at its extremes, through a real server's parser and back.
"""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitbrook.client import Deployment
from bitbrook.client._literals import bind, is_reading, is_reading_pql, literal

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text(
    "'\"`?-/*{#}\\\n\r\x00 a;", max_size=20
)


@given(TEXTS, TEXTS)
@settings(max_examples=300)
def test_marks_in_texts_names_and_comments_stay(text: str, value: str) -> None:
    quoted = text.replace("'", "''")
    name = text.replace('"', '""')
    line = text.replace("\n", " ").replace("\r", " ")
    block = text.replace("/", " ").replace("*", " ")
    before = f"select '{quoted}', \"{name}\", /* {block} /* {block} */ ? */ "
    after = f" -- {line} ?\n"
    assert bind(f"{before}?{after}", [value]) == f"{before} {literal(value)} {after}"


@pytest.mark.parametrize(
    ("statement", "parameters", "message"),
    [
        ("select ?", [], "1 marks and 0 parameters"),
        ("select 1", [1], "0 marks and 1 parameters"),
        ("select ?, '?'", [1, 2], "1 marks and 2 parameters"),
        ("select ?, '", [1], "' at character 11 is not closed"),
        ('select ?, "a', [1], "is not closed"),
        ("select ?, `a", [1], "is not closed"),
        ("select ? /* /* */", [1], "a comment is not closed"),
        ("select ? {# x", [1], "is not closed"),
        ("select ?", [math.nan], "NaN"),
        ("select ?", [Decimal("Infinity")], "Infinity"),
        ("select ?", [np.float64("nan")], "NaN"),
        ("select ?", ["\ud800"], "surrogate"),
        ("select ?", [[]], "empty set"),
        ("select ?", [b"x"], "bytes"),
        ("select ?", [object()], "object"),
        ("select ?", [timedelta(1)], "timedelta"),
        ("select ?", [np.timedelta64(1, "s")], "timedelta64"),
        ("select ?", [np.float32("nan")], "NaN"),
    ],
)
def test_what_cannot_be_bound(statement: str, parameters: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        bind(statement, parameters)


@given(st.lists(TEXTS, min_size=1, max_size=5))
@settings(max_examples=60)
def test_texts_come_back(shared: Deployment, texts: list[str]) -> None:
    marks = ", ".join("?" for _ in texts)
    assert shared.sql(f"select {marks}", texts).rows() == [tuple(texts)]


MOMENTS = st.datetimes(
    datetime(1700, 1, 1),  # noqa: DTZ001 - without a zone is UTC
    datetime(2200, 1, 1),  # noqa: DTZ001
)


@given(
    integer=st.integers(-(2**63), 2**64 - 1),
    number=st.decimals(-(10**11), 10**11, places=7),
    truth=st.booleans(),
    moment=MOMENTS,
    texts=st.lists(TEXTS, min_size=1, max_size=5),
    ids=st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=5),
)
@settings(max_examples=60)
def test_values_come_back(
    shared: Deployment,
    *,
    integer: int,
    number: Decimal,
    truth: bool,
    moment: datetime,
    texts: list[str],
    ids: set[int],
) -> None:
    statement = "select ?-0, ?, ?, cast(? as timestamp), ?, ?, ?"
    values = [integer, number, truth, moment, texts, ids, None]
    if integer > 2**63 - 1:
        statement = statement.replace("?-0", "?")
    ((got_integer, got_number, got_truth, got_moment, got_texts, got_ids, nothing),) = shared.sql(
        statement, values
    ).rows()
    assert (got_integer, got_number, got_truth) == (integer, number, truth)
    assert isinstance(got_number, Decimal)
    assert got_moment == moment.replace(tzinfo=UTC)
    assert (got_texts, got_ids) == (sorted(set(texts)), sorted(ids))
    assert nothing is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-7, "0.0000001"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (-0.5, "-0.5"),
        (Decimal("1E+3"), "1000"),
        (np.int64(-5), "-5"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        (np.bool_(True), "true"),
        (np.str_("it's"), "'it''s'"),
        (date(2024, 2, 29), "'2024-02-29'"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))), "'2023-12-31T22:00:00Z'"),
        (pd.Timestamp("2024-01-01T00:00:00.123456789"), "'2024-01-01T00:00:00.123456789Z'"),
        (pd.NaT, "null"),
        (pd.NA, "null"),
        (np.datetime64("NaT"), "null"),
        (np.datetime64("2024-01-01"), "'2024-01-01T00:00:00.000000Z'"),
        (np.datetime64("2024-01-01T00:00:00.123456789"), "'2024-01-01T00:00:00.123456789Z'"),
        (np.datetime64("0001-01-01T05", "h"), "'0001-01-01T05:00:00.000000Z'"),
        (np.array([2, 1]), "[2, 1]"),
        (UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
        (("a", "b"), "['a', 'b']"),
    ],
)
def test_literals(value: object, text: str) -> None:
    assert literal(value) == text


def test_values_join_nothing(shared: Deployment) -> None:
    # Without space around it, the first is a comment and the second a longer number.
    assert shared.sql("select 7-?", [-5]).scalar() == 12
    with pytest.raises(Exception, match=r"\[1:"):
        shared.sql("select 1?", [5])


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("select 1", True),
        (" \n-- x\n/* y */ ((SELECT 1))", True),
        ("with a as (select 1) select * from a", True),
        ("show tables", True),
        ("insert into t values (1)", False),
        ("/* select */ delete from t", False),
        ("-- select", False),
        ("", False),
        ("drop table select", False),
    ],
)
def test_which_statements_read(statement: str, reads: bool) -> None:
    assert is_reading(statement) is reads


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("[t]Count(All())", True),
        ("[t]Rows(f)Store(Row(f=1), f=2)", False),
        ("[t]Set(1, f=2)", False),
        ("[t]ClearRow (f=1)", False),
        ("[t]Row(Settings=1)", True),
    ],
)
def test_which_pql_reads(statement: str, reads: bool) -> None:
    assert is_reading_pql(statement) is reads
