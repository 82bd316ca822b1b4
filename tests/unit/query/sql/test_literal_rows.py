"""Rows of plain literals are stored as the general reading stores them, or left to it.

Random values of every form, most of them fitting and some not, are put into INSERT and REPLACE
statements with odd spacing; what the quick reading writes must be what the general reading writes,
and it must write nothing that the general reading refuses.
"""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bitbrook.algebra.budget import Budget
from bitbrook.engine.batch import Batch
from bitbrook.errors import BitbrookError, TableNotFound
from bitbrook.query.sql.dialect.parse import tokenize
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.inserting import insert, insert_plain, replace
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema, TimeUnit

FIELDS = (
    FieldSchema("n", FieldType.INT, 1, min=-100, max=100),
    FieldSchema("p", FieldType.DECIMAL, 2, scale=2),
    FieldSchema("s", FieldType.MUTEX, 3, is_keyed=True),
    FieldSchema("v", FieldType.MUTEX, 4, is_keyed=True, length_max=3),
    FieldSchema("k", FieldType.MUTEX, 5),
    FieldSchema("ok", FieldType.BOOL, 6),
    FieldSchema("at", FieldType.TIMESTAMP, 7, unit=TimeUnit.MILLISECOND, epoch=1000),
    FieldSchema("tags", FieldType.SET, 8, is_keyed=True),
    FieldSchema("ids", FieldType.SET, 9),
    FieldSchema("seen", FieldType.TIME, 10, quantum="YMD"),
)
TABLES = {
    "t": TableSchema("1", "t", fields=FIELDS),
    "k-t": TableSchema("2", "k-t", is_keyed=True, fields=FIELDS),
}
FINISHER = Finisher()


class Keeping:
    """A database that keeps what is written to it."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def table(self, name: str) -> TableSchema:
        if name not in TABLES:
            raise TableNotFound(name)
        return TABLES[name]

    def write(self, table: TableSchema, batch: Batch) -> list[int]:
        self.batches.append(batch)
        return []


def session_of(text: str) -> tuple[Session, Keeping]:
    database = Keeping()
    return Session(StatementText(text), database, Budget(), FINISHER), database  # type: ignore[arg-type]


def quickly(text: str) -> Any:
    """What the quick reading writes, None if it leaves the statement alone."""
    session, database = session_of(text)
    return None if insert_plain(session) is None else written(database)


def generally(text: str) -> Any:
    """What the general reading writes, or its refusal."""
    session, database = session_of(text)
    try:
        cursor = Cursor(tokenize(session.text), session.text)
        if cursor.take("INSERT"):
            insert(cursor, session)
        else:
            cursor.expect("REPLACE")
            replace(cursor, session)
    except BitbrookError as error:
        return error.message
    return written(database)


def written(database: Keeping) -> Any:
    """Kind, types and values of all that was written."""
    return [
        (operation.kind, operation.records.schema, operation.records.to_pydict())
        for batch in database.batches
        for operation in batch.operations
    ]


NUMBERS = [
    "0",
    "-5",
    "7",
    "007",
    "100",
    "101",
    "-0",
    "99999999999999999999",
    "18446744073709551615",
]
DECIMALS = ["1.5", "-0.25", "1.500", "0.001", "3.", ".5", "1e2", "90000000000000000.00"]
TEXTS = [
    "''",
    "'a'",
    "'it''s'",
    "'a''''b'",
    "'abcd'",
    "'(1, 2)'",
    "'a\nb'",
    "'ü'",
    "'--'",
    "'null'",
]
TIMES = ["'2024-01-01'", "'2024-01-01T10:00:00.0005Z'", "' 2024-01-01 10:00 '", "'2024-13-01'"]
SETS = ["['a']", "['b', 'a','b']", "[ 'it''s' ]", "[1]", "[3,1 , 1]", "[]", "['a', 1]", "[null]"]
WORDS = ["null", "NULL", "true", "False", "nullx", "t", "-true"]
OTHERS = ["1 + 1", "(1)", "x", "'a' 'b'", "{'2024-01-01', [1]}", "/* c */ 1", "upper('a')", "- 5"]
ANYTHING = st.sampled_from(NUMBERS + DECIMALS + TEXTS + TIMES + SETS + WORDS + OTHERS)

FITTING = {
    "_id": ["1", "2", "18446744073709551615"],
    "n": ["0", "-5", "100", "null"],
    "p": ["1", "1.5", "-0.25", "null"],
    "s": TEXTS,
    "v": ["'a'", "'abc'", "null"],
    "k": ["0", "7", "null"],
    "ok": ["true", "FALSE", "Null"],
    "at": [*TIMES[:3], "null"],
    "tags": [*SETS[:3], "null"],
    "ids": [*SETS[3:5], "null"],
    "seen": ["[1]", "[2, 1]", "null"],
}
SPACES = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])


@st.composite
def statements(draw: st.DrawFn) -> str:
    table = draw(st.sampled_from(["t", "t", "k-t"]))
    names = list(FITTING)
    columns = ""
    if draw(st.booleans()):
        names = ["_id", *draw(st.lists(st.sampled_from(names[1:]), min_size=1, unique=True))]
        columns = f"({', '.join(names)})"
    fitting = {**FITTING, "_id": TEXTS[1:4]} if table == "k-t" else FITTING
    rows = [
        [draw(st.sampled_from(fitting[name])) for name in names]
        for _ in range(draw(st.integers(1, 3)))
    ]
    if draw(st.integers(0, 2)) == 0:
        spoilt = draw(st.sampled_from(rows))
        spoilt[draw(st.integers(0, len(spoilt) - 1))] = draw(ANYTHING)
    space = draw(SPACES)
    values = f"{space},{draw(SPACES)}".join(
        f"({space}" + f"{space},{draw(SPACES)}".join(row) + f"{draw(SPACES)})" for row in rows
    )
    verb = draw(st.sampled_from(["insert into", "REPLACE INTO", "Insert  into"]))
    ending = draw(st.sampled_from(["", ";", " ; ;", "\n", ",", ") ", " -- end", " x"]))
    return f"{space}{verb} {table} {columns} values{space}{values}{ending}"


@given(statements())
@example("insert into t (_id, n) values (1, 2) values (3, 4)")
@example("insert into t (_id, n) values (1, 2), (3)")
@example("insert into t (_id, n) -- values (1, 2)\n values (3, 4)")
@example("insert into t (_id, s) values (1, 'values (2, 3)")
@settings(max_examples=600, deadline=None)
def test_what_is_read_quickly_is_what_is_read_generally(text: str) -> None:
    """The same operations, types and values; nothing that is refused is written."""
    quick = quickly(text)
    if quick is not None:
        assert quick == generally(text)


@pytest.mark.parametrize("column", FITTING)
def test_fitting_literals_are_read_quickly(column: str) -> None:
    """Each form of each type, so that the comparison above compares something."""
    for value in FITTING[column]:
        row = {"_id": "1", "n": "1", column: value}
        text = f"insert into t ({', '.join(row)}) values ({', '.join(row.values())});"
        assert quickly(text) == generally(text) != [], text
