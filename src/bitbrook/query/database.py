"""What a statement may do to the deployment it runs against.

The one seam between the languages and everything that holds records: `bitbrook.control` implements
it over a real deployment, tests over a bare engine. All calls block; they run on worker threads.
"""

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.engine.batch import Batch
from bitbrook.schema.field_types import FieldSchema, TableSchema


class StatementStatus(enum.StrEnum):
    """What has become of a statement. RUNNING lasts until the last byte of its answer is sent."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(slots=True, kw_only=True)
class StatementEntry:
    """A statement that runs or has run, as it is told to people.

    `text` is cut, `user` an e-mail address, `started_s` Unix time. `records_selected`: the most
    records that one question to the bitmaps counted or read. `rows_returned`: None of a language
    whose answers are no rows.
    """

    id: str
    organisation_id: str
    deployment_id: str
    user_id: str
    user: str
    request_id: str | None
    language: str
    text: str
    started_s: float
    duration_us: int = 0
    status: StatementStatus = StatementStatus.RUNNING
    records_selected: int = 0
    rows_returned: int | None = None
    answer_bytes: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseEntry:
    """What a deployment is called, who created it (an e-mail address), and when in Unix time."""

    id: str
    name: str
    created_by: str
    created_s: float


class BulkPlaces(msgspec.Struct, frozen=True):
    """Where BULK INSERT may read: files below directories, and URLs by what they begin with."""

    directories: tuple[Path, ...] = ()
    url_prefixes: tuple[str, ...] = ()

    @classmethod
    def listed(cls, directories: str | None, url_prefixes: str | None) -> "BulkPlaces":
        """Return the places of two lists that commas part."""
        return cls(
            tuple(Path(each).absolute() for each in _parted(directories)),
            tuple(_parted(url_prefixes)),
        )


def _parted(listed: str | None) -> list[str]:
    return [part.strip() for part in (listed or "").split(",") if part.strip()]


class Database(Protocol):
    """A deployment's tables, as statements see them. Names are lower case."""

    def tables(self) -> list[TableSchema]:
        """Return every table, by name."""
        ...

    def table(self, name: str) -> TableSchema:
        """Return one table.

        Raises:
            TableNotFound: there is none of that name.
        """
        ...

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> AnyPartial:
        """Return the merged answer of all partitions, of the partial type the question names."""
        ...

    def write(self, table: TableSchema, batch: Batch) -> list[int]:
        """Make a batch durable and visible; return how many values each operation changed."""
        ...

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...], description: str = ""
    ) -> TableSchema:
        """Create a table; `Conflict` if the name is taken. The catalogue assigns field ids."""
        ...

    def drop_table(self, name: str) -> None:
        """Drop a table; `Conflict` while sources feed it."""
        ...

    def add_field(self, table: str, field: FieldSchema) -> TableSchema:
        """Add a field; `Conflict` if the name is taken."""
        ...

    def drop_field(self, table: str, field: str) -> TableSchema:
        """Drop a field and what it held."""
        ...

    def created_s(self) -> dict[str, float]:
        """Return when the tables were created, by name, in Unix time."""
        ...

    def views(self) -> dict[str, str]:
        """Return the SELECT of every view, by name."""
        ...

    def create_view(self, name: str, statement: str, *, replaces: bool = False) -> None:
        """Create a view, or replace one; `Conflict` if a table or another view has the name."""
        ...

    def drop_view(self, name: str) -> None:
        """Drop a view; `TableNotFound` if there is none of that name."""
        ...

    def describe(self) -> DatabaseEntry:
        """Return what the deployment is called."""
        ...

    def statements(self) -> list[StatementEntry]:
        """Return the statements that run and the last that ran, oldest first."""
        ...

    def service_rows(self, table: str) -> pa.Table:
        """Return the rows of a service table that the caller may see, oldest first.

        `table`: the name of a `ServiceTable`, whose columns they have.
        """
        ...

    def bulk_places(self) -> BulkPlaces:
        """Return where the caller's BULK INSERT may read from."""
        ...

    def cancel_statement(self, statement_id: str) -> None:
        """Cancel a statement that runs; `NotFound` if none of that id does."""
        ...
