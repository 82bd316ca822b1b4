"""`bitbrook.client.dbapi` is what PEP 249 says, over a real server.

Goes through the module's attributes, cursors in every order of use, values at their limits as
parameters and as answers, texts that try to leave their quotes, and every kind of error.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from bitbrook.client import Client, Deployment, dbapi
from server_process import EMAIL, PASSWORD, ServerProcess


@pytest.fixture
def connection(client: Client, deployment: Deployment) -> Iterator[dbapi.Connection]:
    """A connection to a deployment with one table."""
    with dbapi.connect(client=client, deployment=deployment.name) as connection:
        connection.cursor().execute(
            "create table t (_id id, s string, d decimal(4), at timestamp timeunit 'us', n int)"
        )
        yield connection


def test_the_module(connection: dbapi.Connection) -> None:
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 2, "qmark")
    for name in ("Warning", "Error"):
        assert issubclass(getattr(dbapi, name), Exception)
    assert issubclass(dbapi.InterfaceError, dbapi.Error)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming"):
        class_ = getattr(dbapi, f"{name}Error")
        assert issubclass(class_, dbapi.DatabaseError)
        assert getattr(connection, f"{name}Error") is class_
    assert dbapi.Date(2024, 1, 2) == date(2024, 1, 2)
    assert dbapi.Timestamp(2024, 1, 2) == datetime(2024, 1, 2)  # noqa: DTZ001 - as PEP 249 has it
    assert dbapi.TimestampFromTicks(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert dbapi.DateFromTicks(86_400) == date(1970, 1, 2)


def test_a_cursor_from_end_to_end(connection: dbapi.Connection) -> None:
    cursor = connection.cursor()
    moment = datetime(2024, 1, 1, 12, 30, 0, 250_001, tzinfo=UTC)
    rows = [(at, f"it's {at}?", Decimal("0.1000") * at, moment, -at) for at in range(7)]
    cursor.executemany("insert into t values (?, ?, ?, ?, ?)", rows)
    assert (cursor.description, cursor.rowcount) == (None, -1)
    assert cursor.execute("select * from t where n <= ? order by _id", [0]) is cursor
    assert cursor.rowcount == 7
    assert [column[0] for column in cursor.description] == ["_id", "s", "d", "at", "n"]
    codes = [column[1] for column in cursor.description]
    groups = [dbapi.NUMBER, dbapi.STRING, dbapi.NUMBER, dbapi.DATETIME, dbapi.NUMBER]
    assert codes == groups
    assert all(code not in (dbapi.BINARY, dbapi.ROWID) for code in codes)
    assert codes[1] != dbapi.NUMBER
    assert cursor.description[2][4:6] == (19, 4)
    assert cursor.fetchone() == rows[0]
    assert cursor.fetchmany() == rows[1:2]
    assert cursor.fetchmany(2) == rows[2:4]
    cursor.arraysize = 2
    assert cursor.fetchmany() == rows[4:6]
    assert next(iter(cursor)) == rows[6]
    assert (cursor.fetchone(), cursor.fetchmany(5), cursor.fetchall()) == (None, [], [])
    assert (
        str(connection.cursor().execute("select d from t where _id = 3").fetchone()[0]) == "0.3000"
    )


def test_texts_stay_in_their_quotes(connection: dbapi.Connection) -> None:
    cursor = connection.cursor()
    texts = ["' or 1=1 --", "'; drop table t; --", "\\' or ''='", "/* ? */", '"', "?", "\x00", ""]
    for at, text in enumerate(texts):
        cursor.execute("insert into t (_id, s) values (?, ?)", (at, text))
    for at, text in enumerate(texts):
        cursor.execute("select _id from t where s = ? and '?' = '?' -- ?", (text,))
        assert cursor.fetchall() == [(at,)]


def test_errors(connection: dbapi.Connection, server: ServerProcess) -> None:
    cursor = connection.cursor()
    for statement, parameters in (
        ("selct", ()),
        ("select ?", ()),
        ("select 1", (1,)),
        ("select ?", (object(),)),
        ("select ?", "x"),
        ("select * from nosuch", ()),
    ):
        with pytest.raises(dbapi.ProgrammingError):
            cursor.execute(statement, parameters)
        with pytest.raises(dbapi.ProgrammingError, match="no rows"):
            cursor.fetchall()
    with pytest.raises(dbapi.ProgrammingError, match="no deployment 'nosuch'"):
        dbapi.connect(server.url, deployment="nosuch", email=EMAIL, password=PASSWORD)
    with pytest.raises(dbapi.ProgrammingError, match="name one of the deployments"):
        dbapi.connect(server.url, email=EMAIL, password=PASSWORD)
    with pytest.raises(dbapi.OperationalError, match="Incorrect"):
        dbapi.connect(server.url, deployment="d", email=EMAIL, password="wrong")
    with pytest.raises(dbapi.InterfaceError, match="no credentials"):
        dbapi.connect(server.url, deployment="d")


def test_what_is_closed_stays_closed(client: Client, deployment: Deployment) -> None:
    connection = dbapi.connect(client=client, deployment=deployment.id)
    with connection.cursor() as cursor:
        assert cursor.execute("select 1").fetchall() == [(1,)]
    with pytest.raises(dbapi.InterfaceError):
        cursor.execute("select 1")
    other = connection.cursor()
    connection.close()
    connection.close()
    for use in (connection.cursor, connection.commit, connection.rollback, other.fetchone):
        with pytest.raises(dbapi.InterfaceError):
            use()
    # The client was lent, and goes on.
    assert client.deployments.get(deployment.id) == deployment


def test_rollback_does_not_lie(connection: dbapi.Connection) -> None:
    connection.commit()
    cursor = connection.cursor()
    cursor.execute("select 1")
    connection.rollback()
    cursor.execute("insert into t (_id, n) values (1, 1)")
    with pytest.raises(dbapi.NotSupportedError, match="stays"):
        connection.rollback()
    assert cursor.execute("select n from t").fetchall() == [(1,)]


def test_environment(
    server: ServerProcess, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITBROOK_URL", server.url)
    monkeypatch.setenv("BITBROOK_EMAIL", EMAIL)
    monkeypatch.setenv("BITBROOK_PASSWORD", PASSWORD)
    with dbapi.connect(deployment=deployment.id) as connection:
        assert connection.cursor().execute("select 1").fetchone() == (1,)


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
def test_pandas_reads_through_a_connection(connection: dbapi.Connection) -> None:
    connection.cursor().execute("insert into t (_id, s, n) values (1, 'a', 5), (2, 'b', 6)")
    frame = pd.read_sql("select s, n from t where n > ?", connection, params=(5,))
    assert frame.to_dict("list") == {"s": ["b"], "n": [6]}
