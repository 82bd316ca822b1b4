"""Something that answers PQL: a database over a real engine in this process.

`Answering` is all that the case files, the documentation and the random trees need. Another fixture
of the same name may give them a server that is reached over HTTP.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.batch import Batch
from bitbrook.errors import BitbrookError, Conflict, TableNotFound
from bitbrook.query.pql import run_pql
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema, TimeUnit
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine


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


class EngineDatabase:
    """Tables over `LocalCompute`, with a catalogue that is a dictionary."""

    def __init__(self, directory: Path, *, partition_count: int) -> None:
        self._log = Log(open_engine(f"sqlite:///{directory}/log.db"))
        self._compute = LocalCompute(self._log, LocalSnapshots(directory / "snapshots"))
        self._partition_count = partition_count
        self._tables: dict[str, TableSchema] = {}
        self._last_field_id = 0

    def close(self) -> None:
        self._compute.close()
        self._log.close()

    def query(self, statement: str, table: str) -> bytes:
        try:
            return run_pql(statement, self, Budget(), default_table=table)
        except BitbrookError as error:
            raise Refused(error.message) from error

    def tables(self) -> list[TableSchema]:
        return list(self._tables.values())

    def table(self, name: str) -> TableSchema:
        if name not in self._tables:
            raise TableNotFound(f"no table {name!r}")
        return self._tables[name]

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> AnyPartial:
        return self._compute.ask(table.id, question, budget)

    def write(self, table: TableSchema, batch: Batch) -> list[int]:
        return self._compute.write(table.id, batch)

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...], description: str = ""
    ) -> TableSchema:
        if name in self._tables:
            raise Conflict(f"table {name!r} exists")
        numbered = tuple(self._numbered(field) for field in fields)
        schema = TableSchema(
            f"id-{name}", name, is_keyed, numbered, description, self._partition_count
        )
        self._compute.open_table(schema)
        self._tables[name] = schema
        return schema

    def drop_table(self, name: str) -> None:
        self._compute.drop_table(self._tables.pop(name).id)

    def add_field(self, table: str, field: FieldSchema) -> TableSchema:
        old = self.table(table)
        return self._alter(old, (*old.fields, self._numbered(field)))

    def drop_field(self, table: str, field: str) -> TableSchema:
        old = self.table(table)
        return self._alter(old, tuple(f for f in old.fields if f.name != field))

    def _alter(self, old: TableSchema, fields: tuple[FieldSchema, ...]) -> TableSchema:
        schema = self._tables[old.name] = msgspec.structs.replace(old, fields=fields)
        self._compute.alter_table(schema)
        return schema

    def _numbered(self, field: FieldSchema) -> FieldSchema:
        self._last_field_id += 1
        return msgspec.structs.replace(field, id=self._last_field_id)


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[..., Answering]]:
    """Opens empty databases, each in its own directory, and closes them all in the end."""
    opened: list[EngineDatabase] = []

    def open_one(*, partition_count: int = 1) -> Answering:
        directory = tmp_path / str(len(opened))
        directory.mkdir()
        opened.append(EngineDatabase(directory, partition_count=partition_count))
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
