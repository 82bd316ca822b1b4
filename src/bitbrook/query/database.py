"""What a statement may do to the deployment it runs against.

The one seam between the languages and everything that holds records: `bitbrook.control` implements
it over a real deployment, tests over a bare engine. All calls block; they run on worker threads.
"""

from typing import Protocol

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.engine.batch import Batch
from bitbrook.schema.field_types import FieldSchema, TableSchema


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

    def views(self) -> dict[str, str]:
        """Return the SELECT of every view, by name."""
        ...

    def create_view(self, name: str, statement: str, *, replaces: bool = False) -> None:
        """Create a view, or replace one; `Conflict` if a table or another view has the name."""
        ...

    def drop_view(self, name: str) -> None:
        """Drop a view; `TableNotFound` if there is none of that name."""
        ...
