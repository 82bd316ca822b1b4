"""No text, however malformed, does more than be refused.

Statements of the case files are cut, joined and stirred word by word, and random text is tried:
every outcome is an answer or an error of ours that points into the statement, and no error tells
anything of DuckDB or of the parser's inside.
"""

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError, InvalidStatement, TableNotFound
from bitbrook.query.results.sql_json import encode_json
from bitbrook.query.sql import run_sql
from engine_database import EngineDatabase

CASES = Path(__file__).parent / "cases"
STATEMENTS = [
    " ".join(line[1:].strip() for line in block.splitlines())
    for file in sorted(CASES.glob("*.sql"))
    for block in re.findall(r"(?m)^[>+](?:.*\n[>+]  )*.*$", file.read_text())
]
PIECES = re.compile(r"'(?:[^']|'')*'|[\w.]+|\S")
ODD = [
    "'",
    '"',
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    "--",
    "/*",
    "*",
    "@",
    "\\",
    "\0",
    "\x01",
    "%",
]
BOUND_S = 20.0


@pytest.fixture
def database(open_database: Callable[..., Any]) -> EngineDatabase:
    """The tables that most statements name, with few records."""
    database: EngineDatabase = open_database()
    for line in (CASES / "shop.sql").read_text().replace("\n+   ", " ").splitlines():
        if line.startswith("+"):
            run_sql(line[1:], database, Budget())
    return database


def _refusal(statement: str, database: EngineDatabase) -> BitbrookError | None:
    try:
        encode_json(run_sql(statement, database, Budget.starting_now(BOUND_S)), 0)
    except BitbrookError as error:
        return error
    return None


def _check(statement: str, database: EngineDatabase) -> None:
    error = _refusal(statement, database)
    if error is None:
        return
    assert error.status < 500 or error.status == 501, (statement, error)
    if isinstance(error, InvalidStatement):
        assert re.match(r"\[\d+:\d+\] \S", error.message), (statement, error.message)
    for inside in ("duckdb", "LINE 1", "scan1", "sqlglot", "Traceback", "HUGEINT"):
        assert inside not in error.message, (statement, error.message)


@pytest.mark.parametrize("seed", range(8))
def test_stirred_statements(seed: int, database: EngineDatabase) -> None:
    """Words deleted, doubled, swapped, and replaced by words of other statements."""
    dice = random.Random(seed)
    words = [word for statement in STATEMENTS for word in PIECES.findall(statement)] + ODD * 20
    for _ in range(150):
        pieces = PIECES.findall(dice.choice(STATEMENTS))
        for _ in range(dice.randint(1, 4)):
            if not pieces:
                break
            at = dice.randrange(len(pieces))
            match dice.randrange(5):
                case 0:
                    del pieces[at]
                case 1:
                    pieces.insert(at, pieces[at])
                case 2:
                    other = dice.randrange(len(pieces))
                    pieces[at], pieces[other] = pieces[other], pieces[at]
                case 3:
                    pieces[at] = dice.choice(words)
                case _:
                    pieces = pieces[:at] if dice.random() < 0.3 else pieces
                    pieces.insert(at, dice.choice(words))
        _check(" ".join(pieces), database)


@pytest.mark.parametrize("seed", range(4))
def test_cut_statements(seed: int, database: EngineDatabase) -> None:
    """Statements that end in the middle of a word, or lack one character."""
    dice = random.Random(seed)
    for _ in range(150):
        statement = dice.choice(STATEMENTS)
        at = dice.randrange(len(statement))
        _check(statement[:at], database)
        _check(statement[:at] + dice.choice(ODD) + statement[at + 1 :], database)


@pytest.mark.parametrize(
    "statement",
    [
        "select " + "(" * 2_000 + "1" + ")" * 2_000,
        "select " + "-" * 1 + "- 1",
        "select " + " + ".join(["1"] * 3_000),
        "select _id from shop where " + " and ".join(["age = 1"] * 3_000),
        "select _id from shop where " + " or ".join(["age + 1 = 1"] * 300),
        "select _id from shop where " + "not " * 2_000 + "active",
        "select _id from shop where age in (" + ", ".join(map(str, range(20_000))) + ")",
        "select case " + "when true then 1 " * 2_000 + "end",
        "select [" + ", ".join(map(str, range(10_000))) + "]",
        "select '" + "x" * 1_000_000 + "'",
        "select " + "x" * 100_000,
        "select * from " + ", ".join(f"shop s{i}" for i in range(300)),
        "select * from (" * 300 + "select 1" + ")" * 300,
        "select " + "list_transform([1], x -> " * 60 + "x" + ")" * 60,
        "select " + "[" * 500 + "1" + "]" * 500,
        "select " + "{'a': " * 300 + "1" + "}" * 300,
        "select s" + ".a" * 2_000 + " from (select {'a': 1} as s) q",
        "values " + ", ".join(f"({i}, 'x')" for i in range(3_000)),
        "select 1 " + "union all by name select 1 as a " * 300,
        "select count(*) from shop group by " + ", ".join(["cube (age, label, kind)"] * 8),
        "pivot shop on age, label, kind, active, price using count(*)",
        "select * from shop" + ", lateral (select 1)" * 150,
    ],
    ids=lambda statement: statement[:30],
)
def test_large_statements(statement: str, database: EngineDatabase) -> None:
    """Depth and length end in an answer or a refusal, not in a crash."""
    _check(statement, database)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from duckdb_settings()",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        'select * from "/etc/passwd"',
        "select getenv('HOME')",
        "select current_setting('memory_limit')",
        "select * from information_schema.tables",
        "select * from sqlite_master",
        "copy (select 1) to '/tmp/x'",
        "copy shop to '/tmp/x'",
        "attach '/tmp/x' as y",
        "load httpfs",
        "install httpfs",
        "pragma database_list",
        "set memory_limit = '1TB'",
        "call pragma_version()",
        "create macro f() as 1",
        "create temp table x as select 1",
        "select error('x')",
        'select 1 as "x\'; drop table shop; --"',
        "select query('select 1')",
        "describe shop",
        "summarize shop",
        "select * from shop tablesample 5",
        "select repeat('x', 1000000000000)",
        "select lpad('x', 1000000000000, 'y')",
        "select range(1000000000000)",
        "select * from generate_series(1, 1000000000000)",
        "select * from glob('/*')",
        "pivot read_csv('/etc/passwd') on a",
        "pivot '/etc/passwd' on a",
        "select * from shop union by name from read_text('/etc/passwd')",
        'select * from shop positional join "/etc/passwd"',
    ],
)
def test_duckdb_is_out_of_reach(statement: str, database: EngineDatabase) -> None:
    """What DuckDB would do beyond the dialect is refused before it gets there."""
    if statement.startswith("select 1 as"):
        assert run_sql(statement, database, Budget()).table.num_rows == 1
    else:
        with pytest.raises(BitbrookError):
            run_sql(statement, database, Budget())
    assert run_sql("select count(*) from shop", database, Budget()).table.num_rows == 1


OUT_OF_REACH = (
    "getenv('HOME')",
    "current_setting('memory_limit')",
    "read_text('/etc/passwd')",
    "read_csv('/etc/passwd')",
    "query('select 1')",
    "query_table('shop')",
    "nextval('s')",
    "pragma_version()",
    "error('x')",
    "write_log('x')",
    "sleep_ms(1000000)",
    "getvariable('x')",
    "sniff_csv('/etc/passwd')",
    "duckdb_settings()",
    "copy_from_path('/x')",
    "install('httpfs')",
    "attach('/x')",
)
PLACES = (
    "select {}",
    "select * from {}",
    "select list_transform([1], x -> {})",
    "select list_filter([1], lambda x: {} = x)",
    "select [{} for x in [1]]",
    "select list_reduce([1, 2], (x, y) -> {})",
    "select * from shop, lateral (select {}) l",
    "select * from shop, lateral {} l",
    "select * from shop, unnest({}) l",
    "select unnest({})",
    "values ({})",
    "select * from (values ({})) v",
    "select {{'a': {}}}",
    "select (list_value({}))[1]",
    "pivot shop on {} using count(*)",
    "pivot shop on label using list({})",
    "pivot shop on label in ({}) using count(*)",
    "select * from shop pivot (count({}) for label in ('x'))",
    "unpivot shop on {} into name a value b",
    "unpivot (select * from {}) on a into name a value b",
    "select count(*) filter (where {} = 1) from shop",
    "select count(*) over (partition by {}) from shop",
    "select count(*) over w from shop window w as (order by {})",
    "select count(*) over (order by age rows {} preceding) from shop",
    "select count(*) from shop group by rollup ({})",
    "select distinct on ({}) age from shop",
    "select * replace ({} as age) from shop",
    "select list(age order by {}) from shop",
    "select mode() within group (order by {}) from shop",
    "select columns({}) from shop",
    "select * from shop asof join {} on true",
    "with recursive r(i) as (select 1 union all select {} from r) select * from r",
    "select age from shop qualify {} = 1",
    "select try_cast({} as int)",
    "explain plan select {}",
)


@pytest.mark.parametrize("call", OUT_OF_REACH)
def test_no_clause_calls_what_is_out_of_reach(call: str, database: EngineDatabase) -> None:
    """Files, settings, the environment: in no place where a function may stand."""
    for place in PLACES:
        with pytest.raises(BitbrookError):
            run_sql(place.format(call), database, Budget())
    assert run_sql("select count(*) from shop", database, Budget()).table.num_rows == 1


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_random_text_is_refused(text: str) -> None:
    """Text that is no statement; no database is needed to refuse it."""

    class Nothing:
        def __getattr__(self, name: str) -> Any:
            # The text is a statement by chance, as SHOW TABLES.
            raise TableNotFound(f"[1:1] {name}")

    error = _refusal(text, Nothing())  # type: ignore[arg-type]
    assert error is None or error.message.startswith("[")
