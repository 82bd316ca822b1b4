"""Expressions of a query on their way into columns: what converts by itself, and what is refused.

A literal may turn out to be of the column's type: a string a timestamp, a whole number so many of
its units, a list of whole numbers a vector. What is computed has to be of a type that fits.
"""

from bitbrook.query.sql.bind.literals import as_vector, time_of_text
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Constant, Expression, Output, Select, SetOperation
from bitbrook.query.sql.types import ID, STRING, Kind, SqlType, is_assignable, type_of_field
from bitbrook.schema.field_types import FieldSchema, TableSchema


def meant_for(target: SqlType, expression: Expression, text: StatementText) -> Expression:
    """Return an expression as a column takes it: a literal as what it means there.

    Raises:
        InvalidStatement: a string is to be a time and writes none.
    """
    match target.kind:
        case Kind.TIMESTAMP if expression.type.is_text and isinstance(expression, Constant):
            return time_of_text(expression, text)
        case Kind.VECTOR:
            return as_vector(expression, text)
        case _:
            return expression


def convert_outputs(
    query: Select | SetOperation,
    targets: list[SqlType],
    offsets: list[int],
    text: StatementText,
) -> None:
    """Make the columns of a query those that are to be written.

    `offsets` say where each stands in the statement.

    Raises:
        InvalidStatement: a column is of a type that cannot be assigned.
    """
    if isinstance(query, Select):
        query.outputs = [
            Output(output.name, meant_for(target, output.expression, text))
            for output, target in zip(query.outputs, targets, strict=True)
        ]
    for index, ((_, source), target) in enumerate(zip(query.columns, targets, strict=True)):
        is_row_id = target.kind is Kind.ID and source.is_integer
        is_units = target.kind is Kind.TIMESTAMP and _is_number(query, index)
        if not (is_row_id or is_units or is_assignable(source, target)):
            message = f"an expression of type '{source}' cannot be assigned to type '{target}'"
            raise text.error(message, offsets[index])


def column_type_of(table: TableSchema, field: FieldSchema | None) -> SqlType:
    """Return the type of a field's column, of `_id` for None."""
    if field is not None:
        return type_of_field(field)
    return STRING if table.is_keyed else ID


def _is_number(query: Select | SetOperation, index: int) -> bool:
    """Whether a column is a whole number as it is written, which counts a time's units."""
    if not isinstance(query, Select):
        return False
    expression = query.outputs[index].expression
    return isinstance(expression, Constant) and expression.type.is_integer
