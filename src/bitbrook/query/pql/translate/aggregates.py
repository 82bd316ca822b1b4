"""Aggregations that answer one number, one row or one truth: Count, Sum, Min, Percentile, ..."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

from bitbrook.algebra.expressions import Intersect
from bitbrook.algebra.partials import (
    CountPartial,
    RowCountsPartial,
    TotalsPartial,
    ValueCountsPartial,
)
from bitbrook.algebra.questions import CountRecords, NumberTotals, RowCounts, ValueCounts
from bitbrook.query.pql.translate.arguments import Arguments, bind
from bitbrook.query.pql.translate.distinct import DISTINCT, distinct_scope, distinct_values
from bitbrook.query.pql.translate.row_calls import expression_of, filter_of
from bitbrook.query.pql.translate.row_lists import number_field, row_field, wrong_type
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.pql.tree import Literal
from bitbrook.query.pql.values import records_of, shown
from bitbrook.query.results import pql_json
from bitbrook.schema.field_types import FieldType


def answer_count(arguments: Arguments, scope: Scope) -> bytes:
    """Count(r): how many records; Count(Distinct(field=f)): how many different values."""
    operand = arguments.calls[0]
    if operand.name == "Distinct":
        inner = bind(operand, DISTINCT, scope.text)
        source = distinct_scope(inner, scope)
        return pql_json.number(len(distinct_values(inner, source, filter_of(inner, source))))
    question = CountRecords(expression_of(operand, scope))
    return pql_json.number(scope.ask(question, CountPartial).count)


def answer_sum(arguments: Arguments, scope: Scope) -> bytes:
    """Sum(r?, field=f): the sum, and how many records have a value."""
    field = scope.field(arguments.field_name())
    if field.type not in {FieldType.INT, FieldType.DECIMAL}:
        raise wrong_type(arguments, field, "int and decimal fields")
    question = NumberTotals(field.name, filter_of(arguments, scope), wants_extremes=False)
    totals = scope.ask(question, TotalsPartial)
    return pql_json.total(field, totals.total, totals.count)


def answer_min(arguments: Arguments, scope: Scope) -> bytes:
    """Min(r?, field=f): the least value, and how many records have it."""
    field = number_field(arguments, scope)
    question = NumberTotals(field.name, filter_of(arguments, scope), wants_sum=False)
    totals = scope.ask(question, TotalsPartial)
    return pql_json.total(field, totals.least, totals.least_count)


def answer_max(arguments: Arguments, scope: Scope) -> bytes:
    """Max(r?, field=f): the greatest value, and how many records have it."""
    field = number_field(arguments, scope)
    question = NumberTotals(field.name, filter_of(arguments, scope), wants_sum=False)
    totals = scope.ask(question, TotalsPartial)
    return pql_json.total(field, totals.greatest, totals.greatest_count)


def answer_min_row(arguments: Arguments, scope: Scope) -> bytes:
    """MinRow(r?, field=f): the lowest row with any record, and how many it has."""
    counts = _row_counts(arguments, scope)
    return pql_json.pair(counts.rows[:1], counts.counts[:1])


def answer_max_row(arguments: Arguments, scope: Scope) -> bytes:
    """MaxRow(r?, field=f): the highest row with any record, and how many it has."""
    counts = _row_counts(arguments, scope)
    return pql_json.pair(counts.rows[-1:], counts.counts[-1:])


def _row_counts(arguments: Arguments, scope: Scope) -> RowCountsPartial:
    field = row_field(arguments, scope)
    return scope.ask(RowCounts(field.name, filter_of(arguments, scope)), RowCountsPartial)


def answer_percentile(arguments: Arguments, scope: Scope) -> bytes:
    """Percentile(field=f, nth=99.9, filter=r): the value at that rank, and how many have it.

    The rank is the nearest: of n values in order the one at ceil(n * nth / 100), counted from 1.
    """
    field = number_field(arguments, scope)
    nth = _nth(arguments)
    question = ValueCounts(field.name, filter_of(arguments, scope))
    partial = scope.ask(question, ValueCountsPartial)
    if len(partial.counts) == 0:
        return pql_json.total(field, None, 0)
    up_to = np.cumsum(partial.counts)
    rank = max(1, math.ceil(int(up_to[-1]) * nth / 100))
    index = int(np.searchsorted(up_to, rank))
    return pql_json.total(field, int(partial.values[index]), int(partial.counts[index]))


def _nth(arguments: Arguments) -> Fraction:
    match arguments.named.get("nth"):
        case Literal(value=int() | Decimal() as nth) if not isinstance(nth, bool) and (
            0 <= nth <= 100
        ):
            return Fraction(nth)
        case None:
            raise arguments.error("Percentile takes nth, as in Percentile(field=f, nth=99.9)")
        case value:
            message = f"Percentile(nth=) takes a number from 0 to 100, not {shown(value)}"
            raise arguments.error(message, value.offset)


def answer_includes_column(arguments: Arguments, scope: Scope) -> bytes:
    """IncludesColumn(r, column=c): whether the record is among those of the row call."""
    column = arguments.named.get("column")
    if column is None:
        message = "IncludesColumn takes a record, as in IncludesColumn(Row(f=1), column=1)"
        raise arguments.error(message)
    record = records_of(scope.table, [column])
    question = CountRecords(Intersect((expression_of(arguments.calls[0], scope), record)))
    return pql_json.boolean(scope.ask(question, CountPartial).count > 0)
