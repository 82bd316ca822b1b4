"""A whole table, page by page, in bounded memory and while it is written to.

A page is of one moment; a record that is there from the first page to the last is in exactly one of
them. Pages go by record id, or by the order in which record keys came; how many records make one
follows from what the last one weighed.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, cast

import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import InNumbers
from bitbrook.algebra.partials import CountPartial, RecordsPartial
from bitbrook.algebra.questions import CountRecords, ExtractRecords, Question
from bitbrook.engine.batch import ID_COLUMN
from bitbrook.query.database import Database
from bitbrook.schema.field_types import UINT64_MAX, TableSchema

FIRST_PAGE_RECORDS = 4_096
PAGE_RECORDS_MAX = 131_072
PAGE_BYTES = 8 << 20

P = TypeVar("P")


class Budgets(Protocol):
    """Gives each page a budget of its own, since a whole table may take long."""

    def budget(self) -> AbstractContextManager[Budget]:
        """Give a budget that starts now."""
        ...


class Export:
    """One table on its way out."""

    def __init__(self, database: Database, table: TableSchema, budgets: Budgets) -> None:
        self._database = database
        self._table = table
        self._budgets = budgets
        self._fields = tuple(field.name for field in table.fields)

    def pages(self) -> Iterator[pa.Table]:
        """Give the table as Arrow, `_id` first; at least one page, all with the same columns.

        Raises:
            FieldNotFound: a field was dropped meanwhile.
            Stopping: the server stops.
        """
        pages = self._by_place() if self._table.is_keyed else self._by_id()
        first = next(pages, None)
        yield self._page(InNumbers(1, 0), None) if first is None else first
        yield from pages

    def _by_id(self) -> Iterator[pa.Table]:
        size, low = FIRST_PAGE_RECORDS, 0
        while low <= UINT64_MAX:
            page = self._page(InNumbers(low), size)
            if page.num_rows == 0:
                return
            yield page
            low = page.column(ID_COLUMN)[-1].as_py() + 1
            size = _next_size(size, page)

    def _by_place(self) -> Iterator[pa.Table]:
        size, low = FIRST_PAGE_RECORDS, 0
        while True:
            page = self._page(InNumbers(low, low + size - 1), None)
            low += size
            if page.num_rows:
                yield page
                size = _next_size(size, page)
            elif not self._count(InNumbers(low)):
                return

    def _page(self, records: InNumbers, limit: int | None) -> pa.Table:
        question = ExtractRecords(self._fields, records, limit=limit)
        return self._ask(question, RecordsPartial).records

    def _count(self, records: InNumbers) -> int:
        return self._ask(CountRecords(records), CountPartial).count

    def _ask(self, question: Question, _kind: type[P]) -> P:
        with self._budgets.budget() as budget:
            return cast("P", self._database.ask(self._table, question, budget))


def _next_size(size: int, page: pa.Table) -> int:
    """Return how many records the next page may have, at most twice as many as this one."""
    fitting: int = PAGE_BYTES * page.num_rows // max(page.nbytes, 1)
    return max(1, min(fitting, 2 * size, PAGE_RECORDS_MAX))
