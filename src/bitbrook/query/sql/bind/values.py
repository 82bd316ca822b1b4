"""VALUES, bound: rows written out in a statement, as a query or in FROM."""

from sqlglot import exp

from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.tree import (
    Aggregate,
    Column,
    Expression,
    Given,
    Output,
    Select,
    Window,
    walk,
)
from bitbrook.query.sql.types import VOID, SqlType, common_type


def given_rows(node: exp.Values, scope: Scope, binder: ExpressionBinder) -> Given:
    """Return the rows that VALUES writes out, each column of one type.

    Raises:
        InvalidStatement: the rows are of different lengths or types.
    """
    offset = offset_of(node)
    rows: list[tuple[Expression, ...]] = []
    for row in node.expressions:
        parts = row.expressions if isinstance(row, exp.Tuple) else [row]
        rows.append(
            tuple(binder.bind(part.this if type(part) is exp.Paren else part) for part in parts)
        )
        if len(rows[-1]) != len(rows[0]) or not parts:
            message = f"{len(rows[0])} values in one row and {len(parts)} in another"
            raise scope.text.error(message, offset_of(row))
    if not rows:
        raise scope.text.error("VALUES needs a row", offset)
    types = []
    for column in zip(*rows, strict=True):
        kind: SqlType | None = VOID
        for value in column:
            if any(isinstance(part, Aggregate | Window) for part in walk(value)):
                raise scope.text.error("aggregates are not allowed in VALUES", value.offset)
            before, kind = kind, common_type(kind or VOID, value.type)
            if kind is None:
                message = f"types '{before}' and '{value.type}' are not equatable"
                raise scope.text.error(message, value.offset)
        types.append(kind or VOID)
    return Given(scope.statement.next_relation(offset), rows, types)


def bind_values(node: exp.Values, scope: Scope, binder: ExpressionBinder) -> Select:
    """Return the query that VALUES is where a SELECT may stand."""
    given = given_rows(node, scope, binder)
    outputs = [
        Output(f"col{index}", Column(given.relation, f"c{index}", kind))
        for index, kind in enumerate(given.types)
    ]
    return Select(outputs, given, is_correlated=scope.is_correlated)
