"""TopN and TopK: rows by how many records they have, exact, ties by row id or key."""

import numpy as np

from bitbrook.algebra.expressions import Nothing
from bitbrook.algebra.partials import RowCountsPartial
from bitbrook.algebra.questions import RowCounts
from bitbrook.query.pql.translate.arguments import Arguments
from bitbrook.query.pql.translate.row_calls import filter_of
from bitbrook.query.pql.translate.row_lists import (
    is_empty_period,
    named_rows,
    period_of,
    row_field,
)
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.results import pql_json


def answer_top_n(arguments: Arguments, scope: Scope) -> bytes:
    """TopN(f, r?, n=, ids=[...], threshold=): the rows with the most records."""
    field = row_field(arguments, scope)
    ids, most = arguments.items("ids"), arguments.count("n")
    question = RowCounts(
        field.name,
        filter_of(arguments, scope),
        rows=None if ids is None else named_rows(field, ids),
        most=most or None,
    )
    ranked = scope.ask(question, RowCountsPartial)
    threshold = arguments.count("threshold")
    if threshold:
        is_enough = ranked.counts >= threshold
        ranked = RowCountsPartial(ranked.rows[is_enough], ranked.counts[is_enough])
    return _ranking(ranked, most)


def answer_top_k(arguments: Arguments, scope: Scope) -> bytes:
    """TopK(f, k=, filter=r, from=, to=): the rows with the most records."""
    field = row_field(arguments, scope)
    start_s, end_s = period_of(arguments, field)
    selected = Nothing() if is_empty_period(start_s, end_s) else filter_of(arguments, scope)
    most = arguments.count("k")
    question = RowCounts(field.name, selected, from_s=start_s, to_s=end_s, most=most or None)
    return _ranking(scope.ask(question, RowCountsPartial), most)


def _ranking(partial: RowCountsPartial, limit: int | None) -> bytes:
    """Return the rows by count descending; 0 and None mean all of them."""
    # Rows are ascending, so a stable sort leaves ties in their order.
    order = np.argsort(-partial.counts, kind="stable")[: limit or None]
    return pql_json.pairs(partial.rows[order], partial.counts[order])
