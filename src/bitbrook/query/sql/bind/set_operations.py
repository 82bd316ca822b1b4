"""UNION, INTERSECT and EXCEPT of two bound queries: which column goes with which, and its type."""

from sqlglot import exp

from bitbrook.query.sql.bind.places import offset_of
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Query, SetOperation
from bitbrook.query.sql.types import SqlType, common_type

Columns = list[tuple[str, SqlType]]


def set_operation(
    node: exp.SetOperation, left: Query, right: Query, text: StatementText
) -> SetOperation:
    """Return two queries as one: column by column, or BY NAME.

    Raises:
        InvalidStatement: their columns do not go together.
    """
    operator = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}[type(node)]
    if not node.args.get("distinct"):
        operator += " ALL"
    if node.args.get("by_name"):
        if not isinstance(node, exp.Union):
            raise text.error("BY NAME goes with UNION", offset_of(node))
        sides = _by_name(left.columns, right.columns, node, text)
    else:
        sides = _in_order(left.columns, right.columns, node, text)
    columns: Columns = []
    for one, other in zip(*sides, strict=True):
        given = [c[i] for c, i in ((left.columns, one), (right.columns, other)) if i is not None]
        kind: SqlType | None = given[0][1]
        if len(given) > 1:
            kind = common_type(given[0][1], given[1][1])
        if kind is None:
            message = f"types '{given[0][1]}' and '{given[1][1]}' are not equatable"
            raise text.error(message, offset_of(node))
        columns.append((given[0][0], kind))
    return SetOperation(operator, left, right, columns, sides)


def _in_order(
    ones: Columns, others: Columns, node: exp.SetOperation, text: StatementText
) -> tuple[list[int | None], list[int | None]]:
    if len(ones) != len(others):
        message = f"{len(ones)} columns on one side and {len(others)} on the other"
        raise text.error(message, offset_of(node))
    return list(range(len(ones))), list(range(len(ones)))


def _by_name(
    ones: Columns, others: Columns, node: exp.SetOperation, text: StatementText
) -> tuple[list[int | None], list[int | None]]:
    """Return the columns of the left side, then those that only the right side has."""
    names = [[name.lower() for name, _ in columns] for columns in (ones, others)]
    for each in names:
        for name in each:
            if not name or each.count(name) > 1:
                message = "BY NAME needs columns with names, each once"
                raise text.error(message, offset_of(node))
    left, right = names
    together = [*left, *(name for name in right if name not in left)]
    return (
        [left.index(name) if name in left else None for name in together],
        [right.index(name) if name in right else None for name in together],
    )
