"""Something that answers SQL: a database over a real engine in this process.

`Answering` is all that the case files and the documentation need: what takes the fixture `database`
is asked in this process and over HTTP, of a real server.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError
from bitbrook.query.results.sql_json import encode_json
from bitbrook.query.sql import run_sql
from engine_database import EngineDatabase
from generated_sql import Answers, twins
from http_database import HttpDatabase, Refused


class Answering(Protocol):
    """A deployment to ask."""

    def query(self, statement: str) -> bytes:
        """The JSON answer; raises Refused."""
        ...


class SqlDatabase(EngineDatabase):
    """Answers SQL."""

    def query(self, statement: str) -> bytes:
        try:
            return encode_json(run_sql(statement, self, Budget()), 0)
        except BitbrookError as error:
            raise Refused(error.message) from error


class HttpSqlDatabase(HttpDatabase):
    """Answers SQL over HTTP."""

    def query(self, statement: str) -> bytes:
        return self.ask("sql", statement)


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[..., Answering]]:
    """Opens empty databases, each in its own directory, and closes them all in the end."""
    opened: list[SqlDatabase] = []

    def open_one(*, partition_count: int = 1) -> Answering:
        directory = tmp_path / str(len(opened))
        directory.mkdir()
        opened.append(SqlDatabase(directory, partition_count=partition_count))
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture(params=["one partition", "three partitions", "over HTTP"])
def database(
    request: pytest.FixtureRequest, open_database: Callable[..., Answering]
) -> Iterator[Answering]:
    """An empty database, reached in each of the ways there are, which must not show."""
    if request.param != "over HTTP":
        yield open_database(partition_count=3 if request.param == "three partitions" else 1)
        return
    database = HttpSqlDatabase(request.getfixturevalue("api"))
    yield database
    database.close()


@pytest.fixture
def exactly() -> Callable[[str | bytes], Any]:
    """Reads JSON with the order of its keys and the digits of its numbers as written."""

    def read(text: str | bytes) -> Any:
        return json.loads(
            text,
            object_pairs_hook=tuple,
            parse_int=lambda digits: ("number", digits),
            parse_float=lambda digits: ("number", digits),
        )

    return read


@pytest.fixture(params=[1, 3])
def answers(request: pytest.FixtureRequest, open_database: Callable[..., Any]) -> Answers:
    """Gives the rows of a query from both databases."""
    return twins(open_database(partition_count=request.param))
