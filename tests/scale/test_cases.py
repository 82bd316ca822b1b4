"""The case files of both languages answer the same from two nodes as from one process.

All of them run over HTTP against tables of four partitions at two owners on two Ray nodes, with the
log in PostgreSQL: every case of `tests/pql/cases` and `tests/sql/cases`, unchanged.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from http_database import Refused
from pql import test_cases as pql_cases
from pql.conftest import HttpPqlDatabase, Notation
from sql import test_cases as sql_cases
from sql.conftest import HttpSqlDatabase


class Shared:
    """A deployment that all files use, one after another. Mixed into a database over HTTP."""

    _api: httpx.Client
    _deployment_id: str

    @classmethod
    def at(cls, api: httpx.Client, deployment_id: str) -> "Shared":
        database = cls.__new__(cls)
        database._api, database._deployment_id = api, deployment_id
        return database

    def clear(self) -> None:
        """Drop every table and view."""
        path = f"/v1/tables/{self._deployment_id}"
        for kind, names in (
            ("view", self._views()),
            ("table", [table["name"] for table in self._api.get(path).json()["tables"]]),
        ):
            for name in names:
                with contextlib.suppress(Refused):
                    self.ask("sql", f"drop {kind} {name}")  # type: ignore[attr-defined]

    def _views(self) -> list[str]:
        return []


class SharedPql(Shared, HttpPqlDatabase):
    """Answers PQL."""


class SharedSql(Shared, HttpSqlDatabase):
    """Answers SQL."""


@pytest.fixture
def places(api: httpx.Client, deployment_id: str) -> Iterator[tuple[httpx.Client, str]]:
    """Where the statements go; nothing of a file is left for the next one."""
    yield api, deployment_id
    SharedSql.at(api, deployment_id).clear()


@pytest.mark.parametrize("file", sorted(pql_cases.CASES.glob("*.pql")), ids=lambda file: file.stem)
def test_pql_cases(file: Path, places: tuple[httpx.Client, str]) -> None:
    faults: list[str] = []
    pql_cases._run(file, SharedPql.at(*places), Notation, faults)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("file", sorted(sql_cases.CASES.glob("*.sql")), ids=lambda file: file.stem)
def test_sql_cases(file: Path, places: tuple[httpx.Client, str]) -> None:
    faults: list[str] = []
    sql_cases._run(file, SharedSql.at(*places), Notation.exactly, faults)
    assert not faults, "\n".join(faults)
