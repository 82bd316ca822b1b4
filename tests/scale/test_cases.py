"""The case files of both languages answer the same from two nodes as from one process.

All of them run over HTTP against tables of four partitions at two owners on two Ray nodes, with the
log in PostgreSQL: every case of `tests/pql/cases` and `tests/sql/cases`, unchanged.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from http_database import Refused
from pql import test_cases as pql_cases
from pql.conftest import HttpPqlDatabase, Notation
from sql import test_cases as sql_cases
from sql.conftest import HttpSqlDatabase

VIEWS = re.compile(
    r"create\s+(?:or\s+replace\s+)?view\s+(?:if\s+not\s+exists\s+)?([\w-]+)", re.IGNORECASE
)


class SharedPql(HttpPqlDatabase):
    """Answers PQL, in a deployment that all files use one after another."""

    def __init__(self, api: httpx.Client, deployment_id: str) -> None:
        self._api, self._deployment_id = api, deployment_id


class SharedSql(HttpSqlDatabase):
    """Answers SQL, there."""

    def __init__(self, api: httpx.Client, deployment_id: str) -> None:
        self._api, self._deployment_id = api, deployment_id
        self._views: set[str] = set()

    def query(self, statement: str) -> bytes:
        self._views.update(VIEWS.findall(statement))
        return super().query(statement)

    def close(self) -> None:
        """Drop every table and view."""
        tables = self._api.get(f"/v1/tables/{self._deployment_id}").json()["tables"]
        for statement in (
            *(f"drop view {name}" for name in self._views),
            *(f"drop table {table['name']}" for table in tables),
        ):
            with contextlib.suppress(Refused):
                self.ask("sql", statement)


@pytest.fixture
def database(api: httpx.Client, deployment_id: str) -> Iterator[SharedSql]:
    """A deployment of which nothing is left for the next file."""
    database = SharedSql(api, deployment_id)
    yield database
    database.close()


@pytest.mark.parametrize("file", sorted(pql_cases.CASES.glob("*.pql")), ids=lambda file: file.stem)
def test_pql_cases(file: Path, api: httpx.Client, deployment_id: str, database: SharedSql) -> None:
    faults: list[str] = []
    pql_cases._run(file, SharedPql(api, deployment_id), Notation, faults)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("file", sorted(sql_cases.CASES.glob("*.sql")), ids=lambda file: file.stem)
def test_sql_cases(file: Path, database: SharedSql) -> None:
    faults: list[str] = []
    sql_cases._run(file, database, Notation.exactly, faults)
    assert not faults, "\n".join(faults)
