"""How a query is answered: the steps it takes, noted while it runs."""

from typing import Any, TypeVar

import msgspec

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial, CountPartial, RecordIdsPartial, RecordsPartial
from bitbrook.algebra.questions import Question
from bitbrook.query.database import Database
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.plan.execution import Execution
from bitbrook.query.sql.tree import Query
from bitbrook.schema.field_types import TableSchema

PartialT = TypeVar("PartialT", bound=AnyPartial)

Step = tuple[int, str, str, int]


def explain_query(
    query: Query, database: Database, budget: Budget, finisher: Finisher
) -> list[Step]:
    """Return the steps of a query: number, by whom (bitmaps or duckdb), what, and how many rows."""
    execution = _Noting(database, budget, finisher)
    execution.run(query)
    return [(index, *step) for index, step in enumerate(execution.steps, start=1)]


class _Noting(Execution):
    """Carries a query out and notes every question, and every query that DuckDB finishes."""

    def __init__(self, database: Database, budget: Budget, finisher: Finisher) -> None:
        super().__init__(database, budget, finisher)
        self.steps: list[tuple[str, str, int]] = []

    def ask(self, table: TableSchema, question: Question, kind: type[PartialT]) -> PartialT:
        """Return the answer and note the question."""
        partial = super().ask(table, question, kind)
        self.steps.append(("bitmaps", f"{table.name}: {shown(question)}", _size(partial)))
        return partial

    def finish(self, query: Query) -> Any:
        """Return the answer and note that DuckDB formed it."""
        answer = super().finish(query)
        self.steps.append(("duckdb", type(query).__name__.lower(), answer.num_rows))
        return answer


def shown(node: Any) -> str:
    """Return a question or expression as text: its name and what in it is not as usual."""
    if isinstance(node, msgspec.Struct):
        parts = []
        for each in msgspec.structs.fields(node):
            value = getattr(node, each.name)
            is_usual = each.default is not msgspec.NODEFAULT and value == each.default
            if not is_usual:
                parts.append(f"{each.name}={shown(value)}")
        return f"{type(node).__name__}({', '.join(parts)})"
    if isinstance(node, tuple):
        items = [shown(item) for item in node[:5]]
        return "(" + ", ".join([*items, *(["..."] if len(node) > 5 else [])]) + ")"
    return repr(node) if isinstance(node, str) else str(node)


def _size(partial: AnyPartial) -> int:
    match partial:
        case RecordsPartial():
            return int(partial.records.num_rows)
        case RecordIdsPartial():
            return len(partial.ids)
        case CountPartial():
            return 1
        case _:
            counts = getattr(partial, "counts", None)
            return 1 if counts is None else len(counts)
