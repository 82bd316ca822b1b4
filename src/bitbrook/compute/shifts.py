"""Shifts over partitions: what is shifted in one partition may land in another.

A partition sees only its own records, so on a table of several a Shift is answered before the
question is asked: its operand's record ids are fetched, moved, and stand in its place as Records.
"""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import numpy.typing as npt

from bitbrook.algebra.expressions import Expression, Not, Records, Shift
from bitbrook.algebra.questions import AnyQuestion
from bitbrook.schema.field_types import UINT64_MAX

RecordIdsOf = Callable[[Expression], npt.NDArray[Any]]


def without_shifts(question: AnyQuestion, record_ids_of: RecordIdsOf) -> AnyQuestion:
    """Return the question with every Shift in its filter replaced by the records it selects.

    `record_ids_of` asks all partitions; it is not called if there is no Shift.
    """
    expression = _resolved(question.filter, record_ids_of)
    if expression is question.filter:
        return question
    return msgspec.structs.replace(question, filter=expression)


def _resolved(expression: Expression, record_ids_of: RecordIdsOf) -> Expression:
    if isinstance(expression, Shift):
        ids = record_ids_of(_resolved(expression.operand, record_ids_of))
        moved = (record_id + expression.count for record_id in ids.tolist())
        return Records(tuple(record_id for record_id in moved if 0 <= record_id <= UINT64_MAX))
    if isinstance(expression, Not):
        operand = _resolved(expression.operand, record_ids_of)
        return expression if operand is expression.operand else Not(operand)
    before = cast("tuple[Expression, ...]", getattr(expression, "operands", ()))
    after = tuple(_resolved(operand, record_ids_of) for operand in before)
    if all(one is other for one, other in zip(before, after, strict=True)):
        return expression
    return msgspec.structs.replace(expression, operands=after)
