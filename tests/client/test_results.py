"""Answers come back exact, in every shape, whether they travelled as JSON or as Arrow.

Stores values at the extremes of every type and compares what each shape gives of either form; asks
for what a shape cannot hold, and for columns without names, or with the same.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bitbrook.client import Column, ConfigurationError, Deployment, InexactValue, InvalidStatement

Form = Literal["json", "arrow"]
FORMS = pytest.mark.parametrize("form", ["json", "arrow"])

ROWS = [
    (
        "k1",
        -(2**63),
        2**64 - 1,
        Decimal("-92233720368547758.08"),
        True,
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        'it\'s "é"\n\\ .1234567Z',
        [0, 2**64 - 1],
        ["", "b"],
    ),
    ("k2", None, None, None, None, None, None, None, None),
    (
        "k3",
        2**63 - 1,
        0,
        Decimal("0.10"),
        False,
        datetime(2024, 2, 29, tzinfo=UTC),
        "",
        [7],
        ["x"],
    ),
]
NAMES = ["_id", "n", "i", "d", "b", "at", "s", "is", "ss"]


@pytest.fixture
def full(deployment: Deployment) -> Deployment:
    """A deployment whose table has every type, at its extremes."""
    deployment.sql(
        "create table t (_id string, n int, i id, d decimal(2), b bool, "
        "at timestamp timeunit 'us', s string, \"is\" idset, ss stringset)"
    )
    for row in ROWS:
        deployment.sql("insert into t values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return deployment


@FORMS
def test_rows_are_exact(full: Deployment, form: Form) -> None:
    result = full.sql("select * from t order by _id", format=form)
    assert result.rows() == list(result) == ROWS
    assert [type(value) for value in result.rows()[0]] == [type(value) for value in ROWS[0]]
    assert str(result.rows()[2][3]) == "0.10"
    assert len(result) == 3
    assert result.dicts()[2] == dict(zip(NAMES, ROWS[2], strict=True))
    assert [column.name for column in result.columns] == NAMES
    assert result.columns[3] == Column("d", "decimal(2)", "decimal", 2)
    assert [column.base_type for column in result.columns] == [
        *("string", "int", "id", "decimal", "bool", "timestamp", "string", "idset", "stringset")
    ]
    assert "3 rows" in repr(result)
    assert (result.execution_us is not None) == (form == "json")


@FORMS
def test_frames_are_exact(full: Deployment, form: Form) -> None:
    result = full.sql("select * from t order by _id", format=form)
    table = result.arrow()
    assert table.column_names == NAMES
    assert table.column("i").type == pa.uint64()
    assert table.column("i").to_pylist() == [2**64 - 1, None, 0]
    assert table.column("d").to_pylist() == [row[3] for row in ROWS]
    assert table.column("at").cast(pa.int64()).to_pylist() == [-1, None, 1709164800000000]
    assert table.column("is").to_pylist() == [row[7] for row in ROWS]
    frame = result.pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["n"].tolist()[::2] == [-(2**63), 2**63 - 1]
    assert frame["n"].isna().tolist() == [False, True, False]
    assert frame["d"].tolist()[0] == ROWS[0][3]


@FORMS
def test_polars_frames(full: Deployment, form: Form) -> None:
    pytest.importorskip("polars", reason="polars is optional")
    frame = full.sql("select * from t order by _id", format=form).polars()
    assert frame["n"].to_list() == [row[1] for row in ROWS]
    assert frame["d"].to_list() == [row[3] for row in ROWS]
    assert frame["ss"].to_list() == [row[8] for row in ROWS]


@FORMS
def test_times_finer_than_python(deployment: Deployment, form: Form) -> None:
    deployment.sql("create table t (_id id, at timestamp timeunit 'ns', s string)")
    deployment.sql("insert into t values (1, '2024-01-01T00:00:00.123456000Z', '.123456789Z')")
    result = deployment.sql("select * from t", format=form)
    assert result.rows()[0][1] == datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    deployment.sql("insert into t values (2, '2024-01-01T00:00:00.123456789Z', '')")
    result = deployment.sql("select * from t order by _id", format=form)
    with pytest.raises(InexactValue, match="'at'"):
        result.rows()
    nanoseconds = result.arrow().column("at").cast(pa.timestamp("ns")).cast(pa.int64()).to_pylist()
    assert nanoseconds == [1704067200123456000, 1704067200123456789]


@FORMS
def test_columns_without_names_get_one(full: Deployment, form: Form) -> None:
    result = full.sql(
        "select count(*), n, n, sum(n) from t where _id = 'k2' group by n", format=form
    )
    names = [column.name for column in result.columns]
    assert names == ["column1", "n", "n_3", "column4"]
    assert result.dicts() == [{"column1": 1, "n": None, "n_3": None, "column4": None}]


@FORMS
def test_statements_without_rows(deployment: Deployment, form: Form) -> None:
    result = deployment.sql("create table t (_id id, n int)", format=form)
    assert (result.columns, result.rows(), len(result), result.scalar()) == ((), [], 0, None)
    assert result.arrow().num_columns == 0
    empty = deployment.sql("select * from t", format=form)
    assert [column.name for column in empty.columns] == ["_id", "n"]
    assert (empty.rows(), empty.dicts()) == ([], [])
    assert empty.arrow().num_rows == 0


@FORMS
def test_failed_statements(deployment: Deployment, form: Form) -> None:
    with pytest.raises(InvalidStatement, match=r"\[1:15\] table or view 'nosuch' not found") as f:
        deployment.sql("select * from nosuch", format=form)
    assert f.value.request_id
    with pytest.raises(ConfigurationError, match="parquet"):
        deployment.sql("select 1", format="parquet")  # type: ignore[arg-type]


def test_vectors(deployment: Deployment) -> None:
    """Lists of floats in every shape, whichever way they came; parameters take them as lists."""
    deployment.sql("create table t (_id id, at vector(3))")
    deployment.sql("insert into t values (1, ?), (2, ?)", [[0.1, -2.0, 1e-30], np.arange(3.0)])
    deployment.sql("insert into t (_id, at) values (3, null)")
    for result in (
        deployment.sql("select at from t"),
        deployment.sql("select at from t", format="arrow"),
    ):
        assert (result.columns[0].type, result.columns[0].base_type) == ("vector(3)", "vector")
        first, second, third = (row[0] for row in result.rows())
        assert first == pytest.approx([0.1, -2.0, 1e-30])
        assert all(isinstance(number, float) for number in first)
        assert (second, third) == ([0.0, 1.0, 2.0], None)
        assert result.arrow().schema.field("at").type == pa.list_(pa.float32(), 3)
        assert result.pandas()["at"][1] == [0.0, 1.0, 2.0]
    nearest = "select _id from t order by euclidean_distance(at, ?) limit 1"
    assert deployment.sql(nearest, [[0.0, 0.9, 2.1]]).scalar() == 2
