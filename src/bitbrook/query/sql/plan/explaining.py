"""How a query is answered: its steps, the records that each was likely to meet and those it met.

EXPLAIN carries the query out and notes its steps. EXPLAIN PLAN only plans: bitmaps answer no more
than the counts that estimates and the plan itself are made of, DuckDB answers nothing, and what
there would have been to note is left open.
"""

from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import All, Nothing
from bitbrook.algebra.partials import (
    AnyPartial,
    CountPartial,
    RecordIdsPartial,
    RecordsPartial,
    TotalsPartial,
)
from bitbrook.algebra.questions import CountRecords, ExtractRecords, Question, RecordIds
from bitbrook.query.database import Database
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.plan.columns import arrow_type
from bitbrook.query.sql.plan.estimates import Estimates
from bitbrook.query.sql.plan.execution import Execution
from bitbrook.query.sql.relations import relations_in
from bitbrook.query.sql.tree import Constant, Query, Scan, Subquery
from bitbrook.schema.field_types import TableSchema

PartialT = TypeVar("PartialT", bound=AnyPartial)

Step = tuple[int, str, str, int, int | None, int | None]


def explain_query(
    query: Query, database: Database, budget: Budget, finisher: Finisher, *, is_run: bool = True
) -> list[Step]:
    """Return the steps of a query: number, by whom (bitmaps or duckdb), and what.

    Then how many records it was likely to meet, how many it met, and how many rows it gave; the
    last two are None if the query is not run.
    """
    kind = _Noting if is_run else _Planning
    execution = kind(database, budget, finisher)
    execution.run(query)
    return [(index, *step) for index, step in enumerate(execution.steps, start=1)]


class _Noting(Execution):
    """Carries a query out and notes every question, and every query that DuckDB finishes."""

    def __init__(self, database: Database, budget: Budget, finisher: Finisher) -> None:
        super().__init__(database, budget, finisher)
        self.steps: list[tuple[str, str, int, int | None, int | None]] = []
        self._estimates = Estimates(super().ask)
        self._handed: list[tuple[int, int]] = []

    def ask(self, table: TableSchema, question: Question, kind: type[PartialT]) -> PartialT:
        """Return the answer and note the question."""
        partial = super().ask(table, question, kind)
        estimated = self._estimated(table, question)
        self._note(question, table, estimated, _met(partial), _size(partial))
        return partial

    def _estimated(self, table: TableSchema, question: Question) -> int:
        selected = self._estimates.selected(table, getattr(question, "filter", All()))
        limit = getattr(question, "limit", None)
        return selected if limit is None else min(selected, limit)

    def _note(
        self,
        question: Question,
        table: TableSchema,
        estimated: int,
        met: int | None,
        size: int | None,
    ) -> None:
        if isinstance(question, ExtractRecords | RecordIds):
            self._handed.append((estimated, len(self.steps)))
        self.steps.append(("bitmaps", f"{table.name}: {shown(question)}", estimated, met, size))

    def finish(self, query: Query) -> Any:
        """Return the answer and note that DuckDB formed it."""
        start = len(self.steps)
        answer = super().finish(query)
        estimated = self._estimated_since(start)
        self.steps.append(("duckdb", type(query).__name__.lower(), estimated, None, None))
        self._set_last(answer.num_rows)
        return answer

    def _estimated_since(self, start: int) -> int:
        """Return how many records DuckDB was likely to get by questions since a step."""
        given = sum(estimated for estimated, index in self._handed if index >= start)
        self._handed = [each for each in self._handed if each[1] < start]
        return given + self.rows_given

    def _set_last(self, size: int) -> None:
        by, what, estimated, _, _ = self.steps[-1]
        self.steps[-1] = (by, what, estimated, self.records_given, size)


class _Planning(_Noting):
    """Plans a query and notes what would be asked."""

    def __init__(self, database: Database, budget: Budget, finisher: Finisher) -> None:
        super().__init__(database, budget, finisher)
        self._is_deciding = False

    def ask(self, table: TableSchema, question: Question, kind: type[PartialT]) -> PartialT:
        """Return an answer with nothing in it, of a count the estimate, and note the question."""
        if self._is_deciding:
            return Execution.ask(self, table, question, kind)
        estimated = self._estimated(table, question)
        self._note(question, table, estimated, None, None)
        if isinstance(question, CountRecords):
            count = CountPartial(estimated)
            assert isinstance(count, kind), "a count"
            return count
        nothing = msgspec.structs.replace(question, filter=Nothing())
        return Execution.ask(self, table, nothing, kind)

    def finish(self, query: Query) -> Any:
        """Return an answer without rows and note that DuckDB would form it."""
        if self._is_deciding or not any(True for _ in relations_in(query)):
            return Execution.finish(self, query)
        start = len(self.steps)
        self.render(query)
        estimated = self._estimated_since(start)
        self.steps.append(("duckdb", type(query).__name__.lower(), estimated, None, None))
        kinds = [arrow_type(kind) for _, kind in query.columns]
        return pa.Table.from_arrays(
            [pa.nulls(0, kind) for kind in kinds], [f"c{index}" for index in range(len(kinds))]
        )

    def read_keys(self, scan: Scan, question: ExtractRecords) -> pa.Table:
        """Return the records that they really are: keys decide on the plan."""
        before, self._is_deciding = self._is_deciding, True
        try:
            return super().read_keys(scan, question)
        finally:
            self._is_deciding = before

    def _keys_of(self, scan: Scan) -> pa.Array:
        before, self._is_deciding = self._is_deciding, True
        try:
            return super()._keys_of(scan)
        finally:
            self._is_deciding = before

    def _values_of(self, subquery: Subquery) -> list[Constant]:
        # A subquery whose values become a condition decides on the plan.
        before, self._is_deciding = self._is_deciding, True
        try:
            return super()._values_of(subquery)
        finally:
            self._is_deciding = before


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
    return repr(str(node)) if isinstance(node, str) else str(node)


def _met(partial: AnyPartial) -> int:
    """Return how many records an answer is of; of members of sets each counts."""
    match partial:
        case CountPartial() | TotalsPartial():
            return partial.count
        case RecordsPartial():
            return int(partial.records.num_rows)
        case RecordIdsPartial():
            return len(partial.ids)
        case _:
            counts = getattr(partial, "counts", None)
            return 0 if counts is None else int(counts.sum())


def _size(partial: AnyPartial) -> int:
    match partial:
        case RecordsPartial():
            return int(partial.records.num_rows)
        case RecordIdsPartial():
            return len(partial.ids)
        case _:
            counts = getattr(partial, "counts", None)
            return 1 if counts is None else len(counts)
