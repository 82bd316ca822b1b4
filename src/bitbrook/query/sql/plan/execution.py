"""Carrying out a bound query: what bitmaps answer is asked of them, the rest DuckDB finishes.

A SELECT over one table whose conditions, groups and aggregates bitmaps know is answered by
questions alone. Of anything else, exactly the records that its conditions select and exactly the
columns that it names are extracted, and DuckDB gets those. Queries inside a query are treated the
same way, each by itself, if they stand alone.
"""

from collections.abc import Iterable
from typing import TypeVar

import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.algebra.expressions import Row
from bitbrook.algebra.partials import (
    AnyPartial,
    CountPartial,
    RecordIdsPartial,
    RecordsPartial,
    RowCountsPartial,
)
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    Question,
    RecordIds,
    RowCounts,
)
from bitbrook.errors import BitbrookError, InvalidStatement, OutOfRange
from bitbrook.query.database import Database
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.plan import grouping, projection, rollup
from bitbrook.query.sql.plan.columns import settled
from bitbrook.query.sql.plan.failing import UNPLACED, place_of_failure, place_of_rows
from bitbrook.query.sql.plan.pushdown import push_down, tie_breakers
from bitbrook.query.sql.plan.reducing import reduce_correlated, reduce_joins
from bitbrook.query.sql.plan.simplify import narrow_scans
from bitbrook.query.sql.plan.timed import TimedColumns
from bitbrook.query.sql.record_sets import intersection
from bitbrook.query.sql.relations import expressions_of, stands_alone
from bitbrook.query.sql.render import Renderer, table_of
from bitbrook.query.sql.tree import (
    Constant,
    Expression,
    Output,
    Query,
    Rows,
    Scan,
    Select,
    Subquery,
    is_unnesting,
    walk,
)
from bitbrook.query.sql.types import Kind
from bitbrook.query.sql.where import Conditions, NotBitmaps
from bitbrook.schema.field_types import TableSchema

PartialT = TypeVar("PartialT", bound=AnyPartial)

VALUES_MAX = 1_000_000
"""Values of a subquery that may become part of a condition; a longer list is joined by DuckDB."""


KEYS_MAX = 2_000_000
"""Keys of a table that are gone through for those that pass a test; of more all are extracted."""


class Execution:
    """One statement's queries against a database."""

    def __init__(self, database: Database, budget: Budget, finisher: Finisher) -> None:
        self.budget = budget
        self._database = database
        self._finisher = finisher
        self._values: dict[int, list[Constant]] = {}
        self._keys: dict[str, pa.Array] = {}
        # Of what DuckDB was given last: records in all, and rows that no question extracted.
        self.records_given = 0
        self.rows_given = 0

    def run(self, query: Query) -> pa.Table:
        """Return the answer of a query, its columns called c0, c1 and so on.

        Raises:
            InvalidStatement, OutOfRange: a value makes an expression fail.
            LimitExceeded, TimedOut, Cancelled: the budget is spent.
        """
        answer = self.by_bitmaps(query)
        return self.finish(query) if answer is None else answer

    def by_bitmaps(self, query: Query) -> pa.Table | None:
        """Return the answer of a query that questions answer, None of any other."""
        if not isinstance(query, Select) or not isinstance(query.source, Scan):
            return None
        if query.is_correlated or query.qualify is not None or query.distinct_on:
            return None
        if any(is_unnesting(p) for each in expressions_of(query) for p in walk(each)):
            return None
        try:
            if query.is_aggregated or query.is_distinct:
                return self._by_groups(query, query.source)
            return projection.answer(query, query.source, self)
        except NotBitmaps:
            return None

    def _by_groups(self, select: Select, scan: Scan) -> pa.Table:
        if select.grouping_sets is not None:
            # Bitmaps form the groups of all keys together, DuckDB the coarser ones of those.
            return rollup.answer(select, scan, self)
        try:
            return grouping.answer(select, scan, self)
        except NotBitmaps:
            return rollup.answer(select, scan, self)

    def finish(self, query: Query) -> pa.Table:
        """Return the answer of a query that DuckDB finishes."""
        sql, extraction = self.render(query)
        try:
            answer = self._finisher.finish(sql, extraction.tables, self.budget)
            return settled(answer, [kind for _, kind in query.columns])
        except (OutOfRange, InvalidStatement) as error:
            if not error.message.startswith(UNPLACED):
                raise
            place = self._place_of(error, query, extraction)
            raise type(error)(error.message.replace(UNPLACED, place, 1)) from None

    def render(self, query: Query) -> tuple[str, "Extraction"]:
        """Return DuckDB's SQL of a query, and the tables that it is about."""
        extraction = Extraction(self, query)
        sql = Renderer(extraction).query(query)
        self.records_given = sum(table.num_rows for table in extraction.tables.values())
        self.rows_given = extraction.rows_given
        return sql, extraction

    def _place_of(self, error: BitbrookError, query: Query, extraction: "Extraction") -> str:
        if "single row expected" in error.message:
            return place_of_rows(query)

        def fails(part: Query) -> bool:
            sql = Renderer(extraction).query(part)
            try:
                answer = self._finisher.finish(sql, extraction.tables, self.budget)
                settled(answer, [kind for _, kind in part.columns])
            except (OutOfRange, InvalidStatement):
                return True
            return False

        return place_of_failure(query, fails)

    def ask(self, table: TableSchema, question: Question, kind: type[PartialT]) -> PartialT:
        """Return the merged answer of all partitions, of the partial type the question names."""
        self.budget.check()
        partial = self._database.ask(table, question, self.budget)
        assert isinstance(partial, kind), "a question names its partial"
        return partial

    def extract(self, scan: Scan, question: ExtractRecords) -> pa.Table:
        """Return records and their fields."""
        return self.ask(scan.table, question, RecordsPartial).records

    def read_keys(self, scan: Scan, question: ExtractRecords) -> pa.Table:
        """Return records whose values decide what is asked next."""
        return self.extract(scan, question)

    def selected(self, scan: Scan, conditions: Iterable[Expression]) -> Selecting:
        """Return the records of which all conditions are true.

        Raises:
            NotBitmaps: bitmaps do not tell.
        """
        return self.conditions(scan).all_of(conditions)

    def conditions(self, scan: Scan) -> Conditions:
        """Return the translator of conditions on a table's records."""
        return Conditions(
            scan,
            evaluate=self.evaluate,
            values_of=self._values_of,
            rows_between=self._rows_between,
            keys_of=self._keys_of,
        )

    def evaluate(self, node: Expression) -> Constant:
        """Return the value of an expression without columns."""
        if isinstance(node, Constant):
            return node
        answer = self.finish(Select([Output("", node)])).column(0)
        if node.type.kind is Kind.TIMESTAMP:
            answer = answer.cast(pa.int64())
        return _constants(answer, node)[0]

    def _values_of(self, subquery: Subquery) -> list[Constant]:
        if not stands_alone(subquery.query):
            raise NotBitmaps
        known = self._values.get(id(subquery))
        if known is None:
            column = self.run(subquery.query).column(0)
            if len(column) > VALUES_MAX:
                raise NotBitmaps
            kind = subquery.query.columns[0][1]
            if kind.is_set:
                raise NotBitmaps
            if kind.kind is Kind.TIMESTAMP:
                column = column.cast(pa.int64())
            known = [Constant.of(value, kind, subquery.offset) for value in column.to_pylist()]
            self._values[id(subquery)] = known
        return known

    def _keys_of(self, scan: Scan) -> pa.Array:
        """Return the keys of a table's records, read once for a statement."""
        known = self._keys.get(scan.table.name)
        if known is None:
            if self.ask(scan.table, CountRecords(), CountPartial).count > KEYS_MAX:
                raise NotBitmaps
            keys = self.ask(scan.table, RecordIds(), RecordIdsPartial).ids
            known = self._keys[scan.table.name] = pa.array(keys, pa.string())
        return known

    def _rows_between(
        self, scan: Scan, field: str, from_s: int | None, to_s: int | None
    ) -> tuple[Row, ...]:
        question = RowCounts(field, from_s=from_s, to_s=to_s)
        return tuple(self.ask(scan.table, question, RowCountsPartial).rows.tolist())


def _constants(column: pa.ChunkedArray, node: Expression) -> list[Constant]:
    values = [tuple(v) if isinstance(v, list) else v for v in column.to_pylist()]
    return [Constant.of(value, node.type, node.offset) for value in values]


class Extraction:
    """The tables that DuckDB gets for one query: what its renderer asks for while it writes.

    `root` is the query itself, of which it is known already that bitmaps do not answer it.
    """

    def __init__(self, execution: Execution, root: Query) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.rows_given = 0
        self._execution = execution
        self._root = root
        self._filters: dict[int, list[Selecting]] = {}
        self._timed = TimedColumns()
        self._pages: dict[int, projection.Page] = {}

    def materialise(self, query: Query) -> str | None:
        """Return the table that holds an inner query's answer, None if DuckDB is to form it."""
        if query is self._root or not isinstance(query, Select):
            return None
        if not (query.is_aggregated or query.limit is not None or query.is_distinct):
            return None
        answer = self._execution.by_bitmaps(query)
        if answer is None:
            return None
        name = f"answer{len(self.tables)}"
        self.tables[name] = answer
        self.rows_given += answer.num_rows
        return name

    def before(self, select: Select) -> None:
        """Move a SELECT's conditions, order and limit into its scans as far as they go."""
        push_down(select, self._execution, self._filters)
        reduce_joins(select, self._execution, self._filters)
        reduce_correlated(select, self._root, self._execution, self._filters)
        self._timed.replace_calls(select)
        # Columns that only moved conditions named need not be extracted.
        narrow_scans(self._root)
        page = projection.pushed_page(select)
        if page is not None and isinstance(select.source, Scan):
            self._pages[select.source.relation] = page
            select.order, select.limit, select.offset = [], None, 0
            return
        if select is self._root or select.limit is not None:
            select.order += tie_breakers(select)

    def load(self, source: Scan | Rows) -> None:
        """Extract what a relation holds."""
        if table_of(source) in self.tables:
            return
        if isinstance(source, Rows):
            self.tables[table_of(source)] = source.records
            self.rows_given += source.records.num_rows
            return
        order, limit, offset = self._pages.get(source.relation, (None, None, 0))
        question = ExtractRecords(
            tuple(column for column in source.used if column != "_id"),
            intersection(self._filters.get(source.relation, [])),
            order,
            limit,
            offset,
        )
        records = self._execution.extract(source, question)
        records = self._timed.added(records, source, question.filter, self._execution)
        self.tables[table_of(source)] = records
