"""What SHOW CREATE TABLE prints makes the same table, and SHOW CREATE VIEW the same view.

Every type and every option of every type goes round: the table is dropped, made again from what was
printed, and must print the same, take the same values and answer them.
"""

import json
from typing import Any

import pytest

from http_database import Refused

COLUMNS = [
    ("i id", "7"),
    ("s string", "'it''s'"),
    ("v varchar(3)", "'abc'"),
    ("n int", "-9223372036854775808"),
    ("n int min -5", "-5"),
    ("n int max 9", "9"),
    ("n int min -5 max 9", "0"),
    ("p decimal(0)", "12"),
    ("p decimal(18)", "0.123456789012345678"),
    ("p decimal(2) min -1.50 max 2.25", "2.25"),
    ("b bool", "true"),
    ("ids idset", "[1, 18446744073709551615]"),
    ("tags stringset", "['a', 'it''s']"),
    ("q idsetq timequantum 'YMDH'", "{'2024-05-06T10:00:00Z', [3]}"),
    ("q idsetq timequantum 'D' ttl '36h'", "[3]"),
    ("w stringsetq timequantum 'MD' ttl '90s'", "['a']"),
    ("at timestamp", "'2024-05-06T10:00:00Z'"),
    ("at timestamp timeunit 'ms' epoch '2020-01-01T00:00:00.5Z'", "3"),
    ("at timestamp timeunit 'us'", "'2024-05-06T10:00:00.000001Z'"),
    ("at timestamp timeunit 'ns' epoch '1960-02-29'", "'2024-05-06T10:00:00.000000001Z'"),
    ("e vector(3)", "[0.5, -1, 2]"),
]


def data(database: Any, statement: str) -> Any:
    return json.loads(database.query(statement))["data"]


@pytest.mark.parametrize("identity", ["id", "string"])
def test_every_type_and_option(database: Any, identity: str) -> None:
    """Tables of one column each, then a table of them all."""
    written = "1" if identity == "id" else "'k'"
    named = [
        (f"c{index} {column.split(' ', 1)[1]}", value)
        for index, (column, value) in enumerate(COLUMNS)
    ]
    for columns in [*([each] for each in named), named]:
        definitions = ", ".join(column for column, _ in columns)
        database.query(f"create table t (_id {identity}, {definitions}) comment 'it''s; x'")
        [[printed]] = data(database, "show create table t")
        insert = f"insert into t values ({written}, {', '.join(value for _, value in columns)})"
        shown = data(database, "show columns from t")
        database.query(insert)
        records = data(database, "select * from t")
        database.query("drop table t")
        database.query(printed)
        assert data(database, "show create table t") == [[printed]]
        assert data(database, "select name, ddl from fb_table_ddl") == [["t", printed]]
        assert data(database, "show columns from t") == shown
        assert data(database, "select * from t") == []
        database.query(insert)
        assert data(database, "select * from t") == records
        assert None not in records[0]
        database.query("drop table t")


def test_bounds_come_back(database: Any) -> None:
    """What a column refused it refuses afterwards."""
    database.query(
        "create table t (_id id, n int min -5 max 9, p decimal(2) max 2.25, v varchar(2))"
    )
    [[printed]] = data(database, "show create table t")
    database.query("drop table t")
    database.query(printed)
    for column, value in (("n", "-6"), ("n", "10"), ("p", "2.26"), ("v", "'abc'")):
        with pytest.raises(Refused, match=f"column '{column}'"):
            database.query(f"insert into t (_id, {column}) values (1, {value})")


def test_views(database: Any) -> None:
    """Whatever stands in the SELECT, quotes and lines included."""
    database.query("create table t (_id id, n int, s string)")
    database.query("insert into t values (1, 2, 'it''s'), (2, null, 'b')")
    database.query(
        "create view v as select n * 1.5 as x, s,\n  count(*) as c -- all\nfrom t group by n, s;"
    )
    [[printed]] = data(database, "show create view v")
    assert data(database, "show create table v") == [[printed]]
    columns = [(row[1], row[2], row[7]) for row in data(database, "show columns from v")]
    assert columns == [("x", "decimal(1)", 1), ("s", "string", 0), ("c", "int", 0)]
    records = data(database, "select * from v")
    assert records == [[3.0, "it's", 1], [None, "b", 1]]
    database.query("drop view v")
    database.query(printed)
    assert data(database, "show create view v") == [[printed]]
    assert data(database, "select * from v") == records
    with pytest.raises(Refused, match="table or view 't' not found"):
        database.query("show create view t")
