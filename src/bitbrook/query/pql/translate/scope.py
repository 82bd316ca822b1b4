"""Where a call is translated: the table it reads, the database that holds it, what may be spent.

A scope is immutable; `Distinct(index=other)` and `Options(shards=...)` translate what is inside
them in a scope of their own. Every question of a statement goes through `ask`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
import numpy as np

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import Expression, Records
from bitbrook.algebra.partials import AnyPartial, RecordIdsPartial
from bitbrook.algebra.questions import AnyQuestion, RecordIds
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.errors import InvalidStatement, NotSupported, TableNotFound
from bitbrook.query.database import Database
from bitbrook.query.pql.lexer import StatementText
from bitbrook.schema.field_types import FieldSchema, TableSchema

PartialT = TypeVar("PartialT", bound=AnyPartial)

EXISTENCE_FIELD = "_exists"


@dataclass(slots=True, frozen=True)
class Scope:
    """A table to read and the means to read it. `shards` None reads all of it."""

    text: StatementText
    database: Database
    budget: Budget
    table: TableSchema
    shards: frozenset[int] | None = None

    def error(self, message: str, offset: int) -> InvalidStatement:
        """Return an error that points into the statement."""
        return self.text.error(message, offset)

    def field(self, name: str) -> FieldSchema:
        """Return a field of the table.

        Raises:
            FieldNotFound: there is none of that name.
            NotSupported: it is internal, or holds vectors.
        """
        if name.startswith("_"):
            raise NotSupported(
                f"field {name!r} is internal; All() and Row({EXISTENCE_FIELD}=0) read existence, "
                "ConstRow(columns=[...]) names records"
            )
        field = self.table.field(name)
        if field.is_vector:
            raise NotSupported(f"field {name!r} holds vectors, which SQL reads and PQL does not")
        return field

    def ask(self, question: AnyQuestion, kind: type[PartialT]) -> PartialT:
        """Return the answer to a question about the records of this scope's shards."""
        if self.shards is not None:
            question = msgspec.structs.replace(question, filter=self._restricted(question.filter))
        partial = self.database.ask(self.table, question, self.budget)
        assert isinstance(partial, kind), f"{type(question).__name__} -> {type(partial).__name__}"
        return partial

    def record_ids(self, question: RecordIds) -> Expression:
        """Return the answer to a question for record ids as an expression for other questions."""
        return Records(tuple(self.ask(question, RecordIdsPartial).ids.tolist()))

    def in_table(self, name: str) -> "Scope":
        """Return a scope that reads all of another table."""
        return replace(self, table=find_table(self.database, name), shards=None)

    def in_shards(self, numbers: Iterable[int]) -> "Scope":
        """Return a scope that reads these shards of the same table, at most its own."""
        shards = frozenset(numbers)
        return replace(self, shards=shards if self.shards is None else shards & self.shards)

    def _restricted(self, expression: Expression) -> Expression:
        """Return the records of an expression whose shards this scope reads.

        The shard of an integer record id is a part of the id, so that the ids tell.
        """
        assert self.shards is not None, "only called where shards are restricted"
        ids = self.database.ask(self.table, RecordIds(expression), self.budget)
        assert isinstance(ids, RecordIdsPartial), "RecordIds is answered with ids"
        shards = np.array(sorted(self.shards), dtype=np.uint64)
        chosen = ids.ids[np.isin(ids.ids.astype(np.uint64) >> np.uint64(SHARD_BITS), shards)]
        return Records(tuple(chosen.tolist()))


def find_table(database: Database, name: str) -> TableSchema:
    """Return a table of the database.

    Raises:
        TableNotFound: there is none of that name, in the original's wording for PQL.
    """
    try:
        return database.table(name)
    except TableNotFound:
        raise TableNotFound(f"index not found: {name!r}") from None
