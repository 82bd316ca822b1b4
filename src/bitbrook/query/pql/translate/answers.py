"""The reading calls: what each one takes and how it is answered.

`ANSWERS` is the table of calls with an answer of their own shape; a row call (see `row_calls`) that
stands outside of another call answers its records. Adding an aggregation is adding an entry here.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bitbrook.algebra.partials import RecordIdsPartial
from bitbrook.algebra.questions import RecordIds
from bitbrook.query.pql.translate import aggregates, extracting, grouping, rankings, row_lists
from bitbrook.query.pql.translate.arguments import Arguments, Signature, bind
from bitbrook.query.pql.translate.distinct import DISTINCT, answer_distinct, distinct_scope
from bitbrook.query.pql.translate.row_calls import (
    OPTIONS,
    ROW_CALLS,
    chosen_by,
    filter_of,
    options_scope,
)
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.pql.tree import Call
from bitbrook.query.results import pql_json


class Aggregation(msgspec.Struct, frozen=True):
    """A call with an answer of its own shape: what it takes, and how it is answered."""

    signature: Signature
    answer: Callable[[Arguments, Scope], bytes]


def answer_call(call: Call, scope: Scope) -> bytes:
    """Return the JSON answer of a reading call that stands outside of any other.

    Raises:
        InvalidStatement: its arguments do not fit, or it only means something inside another call.
    """
    scope.budget.check()
    if call.name == "Options":
        return _answer_options(call, scope)
    aggregation = ANSWERS.get(call.name)
    if aggregation is not None:
        return aggregation.answer(bind(call, aggregation.signature, scope.text), scope)
    return pql_json.record_ids(_record_ids(call, scope))


def _record_ids(call: Call, scope: Scope) -> npt.NDArray[Any]:
    chosen = chosen_by(call, scope)
    question = RecordIds(chosen.filter, chosen.order, chosen.limit, chosen.offset)
    return scope.ask(question, RecordIdsPartial).ids


def _answer_options(call: Call, scope: Scope) -> bytes:
    """Options(call, excludeColumns=, columnAttrs=, shards=[...]).

    Columns have no attributes any more, so that `columnAttrs` changes nothing.
    """
    arguments = bind(call, OPTIONS, scope.text)
    inner, inner_scope = arguments.calls[0], options_scope(arguments, scope)
    if not arguments.flag("excludeColumns") or inner.name not in ROW_CALLS.keys() - ANSWERS.keys():
        return answer_call(inner, inner_scope)
    chosen_by(inner, inner_scope)
    no_ids: npt.NDArray[Any] = np.zeros(0, np.object_ if scope.table.is_keyed else np.uint64)
    return pql_json.record_ids(no_ids)


def _distinct(arguments: Arguments, scope: Scope) -> bytes:
    source = distinct_scope(arguments, scope)
    return answer_distinct(arguments, source, filter_of(arguments, source))


def _signature(*names: str, calls: int = 0) -> Signature:
    return Signature(calls_max=calls, names=frozenset(names), has_field=True)


_COUNT = Signature(calls_min=1, calls_max=1)
_INCLUDES = Signature(calls_min=1, calls_max=1, names=frozenset({"column"}))
_EXTRACT = Signature(calls_min=1, calls_max=None)

ANSWERS = {
    "Count": Aggregation(_COUNT, aggregates.answer_count),
    "Sum": Aggregation(_signature(calls=1), aggregates.answer_sum),
    "Min": Aggregation(_signature(calls=1), aggregates.answer_min),
    "Max": Aggregation(_signature(calls=1), aggregates.answer_max),
    "MinRow": Aggregation(_signature(calls=1), aggregates.answer_min_row),
    "MaxRow": Aggregation(_signature(calls=1), aggregates.answer_max_row),
    "Percentile": Aggregation(_signature("nth", "filter"), aggregates.answer_percentile),
    "Distinct": Aggregation(DISTINCT, _distinct),
    "Rows": Aggregation(row_lists.ROWS, row_lists.answer_rows),
    "TopN": Aggregation(_signature("n", "ids", "threshold", calls=1), rankings.answer_top_n),
    "TopK": Aggregation(_signature("k", "filter", "from", "to"), rankings.answer_top_k),
    "GroupBy": Aggregation(grouping.GROUP_BY, grouping.answer_group_by),
    "Extract": Aggregation(_EXTRACT, extracting.answer_extract),
    "IncludesColumn": Aggregation(_INCLUDES, aggregates.answer_includes_column),
}
