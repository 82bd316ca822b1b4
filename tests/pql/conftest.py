"""Something that answers PQL: a database over a real engine in this process.

`Answering` is all that the case files, the documentation and the random trees need. Another fixture
of the same name may give them a server that is reached over HTTP.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError
from bitbrook.query.pql import run_pql
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema, TimeUnit
from engine_database import EngineDatabase


class Refused(Exception):
    """The statement was answered with an error, whose message this carries."""


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
