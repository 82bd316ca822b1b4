"""Comparisons with any of a query's rows, once these are known, as simple conditions."""

from typing import Any

from bitbrook.query.sql.functions.numbers import COMPARISONS, LOGIC, OPPOSITE
from bitbrook.query.sql.tree import Call, Constant, Expression, Subquery
from bitbrook.query.sql.types import BOOL

_NEVER = Constant.of(value=False, kind=BOOL)


def any_of(node: Subquery, values: list[Constant], *, is_true: bool) -> Expression:
    """Return a condition that is true of the records of which `x < ANY (values)` is.

    Or, with `is_true` False, of those of which it is false and not merely unknown. Whether it is
    true or false is decided by the least or the greatest of the values alone.
    """
    operand = node.operand
    assert operand is not None, "ANY compares something"
    known = {value.value: value for value in values if value.value is not None}
    if not values:
        return Constant.of(not is_true, BOOL)
    if not known or (len(known) < len({value.value for value in values}) and not is_true):
        # One of the comparisons is unknown.
        return _NEVER
    if node.operator == "<>" and len(known) > 1:
        present = Call("NOT", (_call("IS NULL", operand),), BOOL, LOGIC["NOT"], node.offset)
        return present if is_true else _NEVER
    ordered: list[Any] = list(known)
    chosen = known[max(ordered) if node.operator in {"<", "<="} else min(ordered)]
    operator = node.operator if is_true else OPPOSITE[node.operator]
    return Call(operator, (operand, chosen), BOOL, COMPARISONS[operator], node.offset)


def _call(name: str, operand: Expression) -> Call:
    return Call(name, (operand,), BOOL, LOGIC[name], operand.offset)
