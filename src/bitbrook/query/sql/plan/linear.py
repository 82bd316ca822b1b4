"""Expressions that are sums of columns times whole numbers, such as `a - b` or `2 * a + 1`."""

from bitbrook.query.sql.tree import Call, Column, Constant, Expression

Linear = tuple[dict[Column, int], int]


def linear_form(node: Expression) -> Linear | None:
    """Return the factor of each column and the constant of a sum, None of any other expression."""
    match node:
        case Column() if node.type.is_number:
            return {node: 1}, 0
        case Constant(value=value) if type(value) is int:
            return {}, value
        case Call(name="+", arguments=(left, right)):
            return _added(linear_form(left), linear_form(right), 1)
        case Call(name="-", arguments=(left, right)):
            return _added(linear_form(left), linear_form(right), -1)
        case Call(name="-", arguments=(operand,)):
            return _added(({}, 0), linear_form(operand), -1)
        case Call(name="*", arguments=(Constant(value=value), operand)) if type(value) is int:
            return _added(({}, 0), linear_form(operand), value)
        case Call(name="*", arguments=(operand, Constant(value=value))) if type(value) is int:
            return _added(({}, 0), linear_form(operand), value)
        case _:
            return None


def _added(one: Linear | None, other: Linear | None, factor: int) -> Linear | None:
    if one is None or other is None:
        return None
    factors = dict(one[0])
    for column, each in other[0].items():
        factors[column] = factors.get(column, 0) + factor * each
    return factors, one[1] + factor * other[1]
