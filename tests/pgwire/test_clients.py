"""Clients of PostgreSQL connect, look around and read, and nothing that they send writes.

psql with its commands that describe, psycopg with every type in both forms and with parameters that
look like statements, the JDBC driver with what tools ask of it, and bare messages that no client
would send. Tries wrong passwords, keys without the right, other databases, writes of every kind.
"""

import datetime as dt
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgwire.conftest import Place
from server_process import EMAIL, PASSWORD

psycopg = pytest.importorskip("psycopg")

Psql = Callable[..., subprocess.CompletedProcess[str]]

needs_psql = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not here")
HERE = Path(__file__).parent
JARS = sorted((HERE / "jars").glob("postgresql-*.jar"))
needs_jdbc = pytest.mark.skipif(
    not JARS or shutil.which("java") is None, reason="`make pgjdbc` fetches it; it needs Java 17"
)


@pytest.fixture
def connection(place: Place) -> Any:
    with psycopg.connect(place.dsn(), autocommit=True) as opened:
        yield opened


@needs_psql
def test_psql_reads_and_describes(psql: Psql) -> None:
    told = psql("-c", "select _id, name, age, weight, born, tame, tags from pets order by _id")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[:2] == [
        '1|Rex|3|30.50|2020-02-29 12:30:00.25+00|t|{"a","b c"}',
        '2|Mia, "x"|-12|-0.05||f|',
    ]
    expected = {
        r"\l": ["zoo|"],
        r"\dt+": ["public|pets|table|", "all of them"],
        r"\dv": ["public|grown|view|"],
        r"\d": ["public|keyed|table|"],
        r"\di": ["public|pets_pkey|index|"],
        r"\dn": ["public|"],
        r"\d pets": ["weight|numeric(19,2)", '"pets_pkey" PRIMARY KEY, btree (_id)'],
        r"\d keyed": ["_id|text"],
        r"\d+ pets": ["born|timestamp with time zone"],
        r"\d grown": ["name|text"],
        r"\du": [EMAIL],
        r"\df": [],
        r"\dx": [],
        r"\conninfo": ['database "zoo"'],
    }
    commands = [word for command in expected for word in ("-c", command)]
    told = psql("-P", "tuples_only=off", *commands)
    assert (told.returncode, told.stderr) == (0, "")
    for command, lines in expected.items():
        assert all(line in told.stdout for line in lines), (command, told.stdout)
    told = psql("-c", "begin; select 1; select 2; commit")
    assert told.stdout.split() == ["BEGIN", "1", "2", "COMMIT"]


@needs_psql
def test_tls(place: Place, psql: Psql) -> None:
    how = {"sslmode": "verify-full", "sslrootcert": str(place.certificate)}
    told = psql("-c", "select count(*) from pets", "-c", r"\conninfo", **how)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("3\n")
    assert "TLSv1.3" in told.stdout


def test_who_may_connect(place: Place) -> None:
    api = place.api
    keys = {
        scope: api.post("/v1/api-keys", json={"name": scope, "scopes": [scope]}).json()["key"]
        for scope in ("query", "ingest", "endpoint")
    }
    with psycopg.connect(place.dsn(password=keys["query"])) as opened:
        assert opened.execute("select count(*) from pets").fetchone() == (3,)
    for how, state in (
        ({"password": "wrong"}, "28P01"),
        ({"password": "bb_nobody"}, "28P01"),
        ({"password": keys["ingest"]}, "42501"),
        ({"password": keys["endpoint"]}, "42501"),
        ({"dbname": "nope"}, "3D000"),
        ({"user": "nobody@example.org"}, "28P01"),
    ):
        with pytest.raises(psycopg.OperationalError) as refusal:
            psycopg.connect(place.dsn(**how))
        assert "zoo" in str(refusal.value) or state != "3D000"
    shown = api.get("/v1/audit", params={"action": "connect_postgres"}).json()["entries"]
    assert {each["outcome"] for each in shown} == {"done", "refused"}


def test_a_key_that_is_revoked_ends_at_the_next_statement(place: Place) -> None:
    made = place.api.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}).json()
    with psycopg.connect(place.dsn(password=made["key"]), autocommit=True) as opened:
        assert opened.execute("select 1").fetchone() == (1,)
        place.api.delete(f"/v1/api-keys/{made['id']}").raise_for_status()
        with pytest.raises(psycopg.errors.InvalidPassword):
            opened.execute("select count(*) from pets")


@pytest.mark.parametrize("is_binary", [False, True])
def test_every_type_in_both_forms(connection: Any, is_binary: bool) -> None:
    with connection.cursor(binary=is_binary) as cursor:
        cursor.execute(
            "select _id, name, age, weight, tags, owners, born, tame, spot, "
            "cast(age as double), cast(null as string) from pets order by _id"
        )
        rows = cursor.fetchall()
    born = dt.datetime(2020, 2, 29, 12, 30, 0, 250_000, dt.UTC)
    assert rows[0] == (
        1, "Rex", 3, Decimal("30.50"), ["a", "b c"], [7, 8], born, True, [1.0, 0.5], 3.0, None,
    )  # fmt: skip
    assert rows[1][:4] == (2, 'Mia, "x"', -12, Decimal("-0.05"))
    assert rows[2][4] == ['q"\\']
    assert rows[2][6] == dt.datetime(1999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def test_parameters_of_every_type(connection: Any) -> None:
    def ids(condition: str, *values: Any, **how: Any) -> list[int]:
        found = connection.execute(f"select _id from pets where {condition}", values, **how)
        return [row[0] for row in found.fetchall()]

    for binary in ("%s", "%b", "%t"):
        assert ids(f"age = {binary}", 3) == [1]
        assert ids(f"weight > {binary}", Decimal("30.4")) == [1]
        assert ids(f"tame = {binary}", False) == [2]
        assert ids(f"born < {binary}", dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == [3]
        assert ids(f"name = {binary}", "Rex") == [1]
        assert ids(f"age = any({binary})", [3, -12, 5]) == [1, 2]
        assert ids(f"setcontainsany(tags, {binary})", ["b c", "zz"]) == [1]
    assert ids("born < %s", dt.date(2000, 1, 1)) == [3]
    assert ids("age < %s", 2.5) == [2]
    assert ids("age is null and %s is null", None) == [3]
    # A text of no type is a number where a number is meant.
    assert ids("age = %s", "3") == [1]
    for time_ in range(8):
        assert ids("_id = %s", 1 + time_ % 3, prepare=True) == [1 + time_ % 3]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from(["'", "'; drop table pets; --", "$1", "' or 1=1 --", "\\'"])
)
def test_no_parameter_is_read_as_a_statement(connection: Any, text: str) -> None:
    row = connection.execute("select %s as told, count(*) from pets where name = %s", (text, text))
    assert row.fetchone() == (text, int(text in {"Rex", 'Mia, "x"'}))
    assert connection.execute("select count(*) from pets").fetchone() == (3,)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into pets (_id) values (9)",
        "update pets set age = 1",
        "delete from pets",
        "drop table pets",
        "create table t (_id id)",
        "alter table pets drop column age",
        "truncate pets",
        "copy pets to t",
        "bulk insert into pets (_id) map (0 id) from x'9' with format 'CSV' input 'INLINE'",
        "-- select\n /* select */ replace into pets (_id) values (9)",
        "kill query 'x'",
        "explain analyze delete from pets",
    ],
)
def test_nothing_writes(connection: Any, statement: str) -> None:
    for how in ({"prepare": False}, {"prepare": True}):
        with pytest.raises(psycopg.Error) as refusal:
            connection.execute(statement, **how)
        if not statement.startswith("explain"):
            assert refusal.value.sqlstate == "25006"
    assert connection.execute("select count(*), max(age) from pets").fetchone() == (3, 3)


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("select * from duckdb_settings()", "42601"),
        ("select * from pg_class, duckdb_settings()", "42883"),
        ("select nope from pets", "42703"),
        ("select * from nope", "42P01"),
        ("select from from", "42601"),
        ("selec", "42601"),
        ("select age / 0 from pets", "42601"),
        ("select * from pg_catalog.nope", "42P01"),
        ("select * from pg_class, pets", "42P01"),
        ("select * from pg_class, read_csv('/etc/passwd')", "42883"),
        ("select pg_read_file('/etc/passwd')", "0A000"),
        ("show nope", "42704"),
        ("set client_encoding = 'LATIN1'", "22023"),
    ],
)
def test_refusals_have_their_states(connection: Any, statement: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as refusal:
        connection.execute(statement)
    assert refusal.value.sqlstate == state, refusal.value
    assert connection.execute("select 1").fetchone() == (1,)


def test_transactions_are_no_more_than_told(place: Place) -> None:
    with psycopg.connect(place.dsn()) as opened:
        assert opened.execute("select 1").fetchone() == (1,)
        assert opened.info.transaction_status.name == "INTRANS"
        with pytest.raises(psycopg.Error):
            opened.execute("select nope from pets")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            opened.execute("select 1")
        opened.rollback()
        assert opened.info.transaction_status.name == "IDLE"
        with opened.transaction(), opened.transaction():
            assert opened.execute("select 2").fetchone() == (2,)


def test_limits_and_cancelling(connection: Any) -> None:
    long = (
        "select count(*) from range(0, 100000) a, range(0, 1000000) b "
        "where (a.range * b.range) % 7 = 3"
    )
    timer = threading.Timer(1.0, connection.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(long)
    assert time.monotonic() - began < 15
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        connection.execute(
            "select range, 'a text that is as long as this one' from range(0, 200000)"
        )
    assert connection.execute("select 1").fetchone() == (1,)


def test_a_large_answer_comes_whole(connection: Any) -> None:
    rows = connection.execute("select range from range(0, 100000)").fetchall()
    assert rows == [(number,) for number in range(100_000)]
    with connection.cursor(binary=True) as cursor:
        assert cursor.execute("select range from range(0, 40000)").fetchall()[-1] == (39_999,)


def test_ids_beyond_an_int8_are_refused(connection: Any) -> None:
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        connection.execute("select 18446744073709551615 as big")
    found = connection.execute("select cast(18446744073709551615 as string) as big")
    assert found.fetchone() == ("18446744073709551615",)


TOOLS = [part for part in (HERE / "tools.sql").read_text().split("\n\n")[1:] if part.strip()]


@pytest.mark.parametrize("number", range(len(TOOLS)))
def test_what_tools_ask_when_they_start(connection: Any, number: int) -> None:
    asked = TOOLS[number].partition("\n")[2]
    if "$1" in asked:
        named = asked.replace("%", "%%").replace("$1", "%(name)s")
        rows = connection.execute(named, {"name": "pets"}).fetchall()
    else:
        rows = connection.execute(asked).fetchall()
    names = ("pets", "public", "zoo", "int8")
    if "pg_settings" not in asked and "typname = $1" not in asked:
        assert any(name in map(str, row) for row in rows for name in names), rows


def test_tables_as_tools_name_them(connection: Any) -> None:
    """Schemas before names, PostgreSQL's types in casts, units of time in quotes."""
    asked = (
        'SELECT "public"."pets"."name" AS "name", CAST("public"."pets"."age" AS text) AS "t", '
        'DATE_TRUNC(\'month\', "public"."pets"."born") AS "born" FROM "public"."pets" '
        'WHERE "public"."pets"."born" >= timestamp with time zone \'2020-01-01 00:00:00+00\' '
        'AND "public"."pets"."age"::bigint > 1 LIMIT 2000'
    )
    assert connection.execute(asked).fetchall()[0][:2] == ("Rex", "3")
    asked = 'select count(*) as "count" from zoo.public.pets as p where p.tame is true'
    assert connection.execute(asked).fetchone() == (1,)


def test_sqlalchemy_reflects_and_reads(place: Place) -> None:
    address = sa.URL.create(
        "postgresql+psycopg", EMAIL, PASSWORD, "127.0.0.1", place.port, "zoo",
        query={"sslmode": "require"},
    )  # fmt: skip
    engine = sa.create_engine(address)
    seen = sa.inspect(engine)
    assert (sorted(seen.get_table_names()), seen.get_view_names()) == (["keyed", "pets"], ["grown"])
    columns = {each["name"]: str(each["type"]) for each in seen.get_columns("pets")}
    assert (columns["weight"], columns["tame"]) == ("NUMERIC(19, 2)", "BOOLEAN")
    assert seen.get_pk_constraint("pets")["constrained_columns"] == ["_id"]
    assert seen.get_table_comment("pets") == {"text": "all of them"}
    pets = sa.Table("pets", sa.MetaData(), autoload_with=engine)
    count = sa.func.count().label("n")
    query = sa.select(pets.c.tame, count).where(pets.c.age > -20).group_by(pets.c.tame)
    with engine.connect() as connection:
        assert sorted(connection.execute(query).fetchall()) == [(False, 1), (True, 1)]
    engine.dispose()


@needs_jdbc
def test_jdbc(place: Place) -> None:
    url = f"jdbc:postgresql://127.0.0.1:{place.port}/zoo"
    told = subprocess.run(
        ["java", "-cp", str(JARS[0]), str(HERE / "Probe.java"), url, EMAIL, PASSWORD],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    for expected in (
        "catalog zoo",
        "schema public",
        "table pets TABLE all of them",
        "table grown VIEW null",
        "column _id int8 NO 0",
        "column weight numeric YES 2",
        "column tags _text YES 0",
        "key _id 1",
        "index pets_pkey",
        "known timestamptz",
        "rowid _id",
        "scale 2 numeric",
        "paged 3",
        "refused 25006",
        "refused 42703",
        "refused 42P01",
    ):
        assert expected in lines, (expected, told.stdout)
    row = "1 Rex 3 30.50 a|b c 2020-02-29T12:30:00.250Z true 3.0"
    assert [f"row {time_} {row}" in lines for time_ in range(4)] == [True] * 4
    assert 'row 3 2 Mia, "x" -12 -0.05 null null false -12.0' in lines
    assert "refused nothing" not in lines


def test_messages_that_no_client_sends(place: Place) -> None:
    """A connection that talks nonsense is ended; the others go on."""
    for sent in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack("!ii", 8, 99),
        struct.pack("!ii", 4, 196_608),
        struct.pack("!ii", 2_000_000_000, 196_608),
        struct.pack("!iiII", 16, 80_877_102, 1, 1),
        _startup() + b"Q" + struct.pack("!i", 1_000_000_000),
        _startup() + b"p" + struct.pack("!i", 2),
        _startup() + b"p" + struct.pack("!i", 6) + b"\xff\0",
    ):
        with socket.create_connection(("127.0.0.1", place.port), timeout=20) as raw:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4_096):
                pass
    with psycopg.connect(place.dsn()) as opened:
        assert opened.execute("select 1").fetchone() == (1,)


def _startup() -> bytes:
    body = f"user\0{EMAIL}\0database\0zoo\0\0".encode()
    return struct.pack("!ii", len(body) + 8, 196_608) + body
