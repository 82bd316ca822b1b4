"""One statement being carried out: its text, the database it runs against, what it may spend."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.query.database import Database
from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer
from bitbrook.query.sql.bind.queries import bind_query
from bitbrook.query.sql.bind.scope import Scope, Statement
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.plan.columns import arrow_type
from bitbrook.query.sql.plan.execution import Execution
from bitbrook.query.sql.plan.simplify import narrow_scans, narrowed, simplified
from bitbrook.query.sql.plan.sinking import sink_conditions
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.relations import reads_one_table
from bitbrook.query.sql.tree import Query
from bitbrook.query.sql.types import SqlType
from bitbrook.telemetry.steps import step


@dataclass(slots=True)
class Session:
    """What every kind of statement needs. `uploads`: files that came with it, by name."""

    text: StatementText
    database: Database
    budget: Budget
    finisher: Finisher
    uploads: Mapping[str, IO[bytes]] = field(default_factory=dict)
    statement: Statement = field(init=False)

    def __post_init__(self) -> None:
        now_us = int(self.budget.clock.now_s() * 1_000_000)
        self.statement = Statement(self.text, self.database, now_us)
        self.statement.answer = lambda query: self.execution().run(_readied(query))

    def scope(self) -> Scope:
        """Return a scope without any relation."""
        return Scope(self.statement)

    def bind(self, tree: Any) -> Query:
        """Return a query with its names found, its types checked, and made simpler."""
        with step("plan"):
            return _readied(bind_query(tree, self.scope()))

    def execution(self) -> Execution:
        """Return what carries out queries."""
        return Execution(self.database, self.budget, self.finisher)

    def answer(self, query: Query) -> SqlAnswer:
        """Return the answer of a query."""
        columns = query.columns
        return SqlAnswer(fields_of(columns), self.execution().run(query))

    def listing(self, columns: dict[str, SqlType], rows: list[tuple[Any, ...]]) -> SqlAnswer:
        """Return an answer of a few rows that are at hand, in the order of the columns."""
        arrays = [
            pa.array([row[index] for row in rows], arrow_type(kind))
            for index, kind in enumerate(columns.values())
        ]
        table = pa.Table.from_arrays(arrays, [f"c{index}" for index in range(len(arrays))])
        return SqlAnswer(fields_of(list(columns.items())), table)


def _readied(query: Query) -> Query:
    if reads_one_table(query):
        # There is nothing in it to be merged, moved or left out.
        narrow_scans(query)
        return query
    query = simplified(query)
    sink_conditions(query)
    return narrowed(query)


def fields_of(columns: list[tuple[str, SqlType]]) -> list[AnswerField]:
    """Return an answer's fields."""
    return [AnswerField(name, str(kind), str(kind.kind), kind.parameters) for name, kind in columns]
