"""Something that answers PQL: a database over a real engine in this process.

`Answering` is all that the case files, the documentation and the random trees need: what takes the
fixture `database` is asked in this process and over HTTP, of a real server.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError
from bitbrook.query.pql import run_pql
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema, TimeUnit
from engine_database import EngineDatabase
from http_database import HttpDatabase, Refused


class Answering(Protocol):
    """A deployment to ask."""

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...]
    ) -> TableSchema: ...

    def query(self, statement: str, table: str) -> bytes:
        """The JSON answer; raises Refused."""
        ...


class PqlDatabase(EngineDatabase):
    """Answers PQL."""

    def query(self, statement: str, table: str) -> bytes:
        try:
            return run_pql(statement, self, Budget(), default_table=table)
        except BitbrookError as error:
            raise Refused(error.message) from error


class HttpPqlDatabase(HttpDatabase):
    """Answers PQL over HTTP."""

    def query(self, statement: str, table: str) -> bytes:
        if statement.lstrip().startswith("["):
            return self.ask("pql", statement)
        prefix = f"[{table}]"
        try:
            return self.ask("pql", prefix + statement)
        except Refused as refusal:
            raise Refused(_shifted_back(str(refusal), len(prefix))) from None


def _shifted_back(message: str, width: int) -> str:
    """A message about a statement that had text of this width put before its first line."""

    def shifted(place: re.Match[str]) -> str:
        return f"(line 1, column {int(place[1]) - width})"

    return re.sub(r"\(line 1, column (\d+)\)", shifted, message)


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[..., Answering]]:
    """Opens empty databases, each in its own directory, and closes them all in the end."""
    opened: list[PqlDatabase] = []

    def open_one(*, partition_count: int = 1) -> Answering:
        directory = tmp_path / str(len(opened))
        directory.mkdir()
        opened.append(PqlDatabase(directory, partition_count=partition_count))
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
    database = HttpPqlDatabase(request.getfixturevalue("api"))
    yield database
    database.close()


class Notation:
    """How case files and the documentation write fields and answers."""

    @staticmethod
    def field(line: str) -> FieldSchema:
        """`price decimal scale=2`: a field's name, type and options."""
        name, kind, *options = line.split()
        values: dict[str, Any] = {}
        for option in options:
            key, _, value = option.partition("=")
            match key:
                case "keyed":
                    values["is_keyed"] = True
                case "no_standard_view":
                    values["has_standard_view"] = False
                case "unit":
                    values["unit"] = TimeUnit(value)
                case "quantum":
                    values["quantum"] = value
                case _:
                    values[key] = int(value)
        return FieldSchema(name, FieldType(kind), **values)

    @staticmethod
    def exactly(text: str | bytes) -> Any:
        """JSON with the order of its keys and the digits of its numbers as written."""
        return json.loads(
            text,
            object_pairs_hook=tuple,
            parse_int=lambda digits: ("number", digits),
            parse_float=lambda digits: ("number", digits),
        )


@pytest.fixture
def notation() -> type[Notation]:
    """Reads what case files and the documentation write."""
    return Notation
