"""`Rows` and its arguments: which rows, or stored numbers, of a field a call goes over.

`Rows` stands alone and in UnionRows, GroupBy and Extract. Its arguments mean the same everywhere
and are resolved against the whole field before the call around them looks at records.
"""

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import All, Expression, HasRow, Nothing, Row
from bitbrook.algebra.partials import RowCountsPartial, Rows, ValueCountsPartial
from bitbrook.algebra.questions import RowCounts, ValueCounts
from bitbrook.errors import InvalidStatement
from bitbrook.query.pql.translate.arguments import Arguments, Signature, bind
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.pql.tree import Call, Operator, Value
from bitbrook.query.pql.values import bounds_of, exact_number, records_of, row_of, type_name, within
from bitbrook.query.results import pql_json
from bitbrook.schema.field_types import FieldSchema, FieldType

ROWS = Signature(
    names=frozenset({"previous", "limit", "column", "like", "from", "to", "in"}), has_field=True
)


def answer_rows(arguments: Arguments, scope: Scope) -> bytes:
    """Rows(f, ...): the rows that hold at least one record."""
    return pql_json.rows(rows_of(arguments, scope))


def rows_argument(call: Call, scope: Scope, *, of: str) -> Arguments:
    """Return the arguments of a Rows call that stands in the call named `of`.

    Raises:
        InvalidStatement: it is another call.
    """
    if call.name != "Rows":
        message = f"{of} takes Rows(field) as arguments, not {call.name}"
        raise scope.error(message, call.offset)
    return bind(call, ROWS, scope.text)


def row_field(arguments: Arguments, scope: Scope) -> FieldSchema:
    """Return the field that a call is about, which must have rows.

    Raises:
        InvalidStatement: it has numbers.
    """
    field = scope.field(arguments.field_name())
    if not field.has_rows:
        raise wrong_type(arguments, field, "set, mutex, time and bool fields")
    return field


def number_field(arguments: Arguments, scope: Scope) -> FieldSchema:
    """Return the field that a call is about, which must hold numbers.

    Raises:
        InvalidStatement: it has rows.
    """
    field = scope.field(arguments.field_name())
    if not field.is_number:
        raise wrong_type(arguments, field, "int, decimal and timestamp fields")
    return field


def wrong_type(arguments: Arguments, field: FieldSchema, takes: str) -> InvalidStatement:
    """Return the error about a field of a type that the call has no meaning for."""
    name = arguments.call.name
    return arguments.error(
        f"{name} takes {takes}; field {field.name!r} has type {type_name(field)}"
    )


def period_of(arguments: Arguments, field: FieldSchema) -> tuple[int | None, int | None]:
    """Return `from` and `to` in Unix seconds.

    Raises:
        InvalidStatement: given, and the field has no times.
    """
    start_s, end_s = arguments.period()
    if (start_s is not None or end_s is not None) and field.type is not FieldType.TIME:
        raise arguments.error(
            f"{arguments.call.name}(from=, to=) takes time fields; "
            f"field {field.name!r} has type {type_name(field)}"
        )
    return start_s, end_s


def is_empty_period(start_s: int | None, end_s: int | None) -> bool:
    """Whether no moment lies from the start up to the end."""
    return start_s is not None and end_s is not None and start_s >= end_s


def rows_of(arguments: Arguments, scope: Scope) -> Rows:
    """Return the rows, ascending, that a Rows call of a set, mutex, time or bool field names."""
    field = row_field(arguments, scope)
    start_s, end_s = period_of(arguments, field)
    like = arguments.string("like")
    if like is not None and not field.is_keyed:
        message = f"Rows(like=) takes keyed fields; field {field.name!r} has type {field.type}"
        raise arguments.error(message)
    named = arguments.items("in")
    partial = scope.ask(
        RowCounts(
            field.name,
            filter=Nothing() if is_empty_period(start_s, end_s) else _column(arguments, scope),
            rows=None if named is None else named_rows(field, named),
            like=like,
            from_s=start_s,
            to_s=end_s,
        ),
        RowCountsPartial,
    )
    rows = partial.rows
    previous = arguments.named.get("previous")
    if previous is not None:
        # In an array of the same type: a bare integer would make NumPy compare as floats.
        after = np.array([row_of(field, previous)], dtype=rows.dtype)
        rows = rows[int(np.searchsorted(rows, after, side="right")[0]) :]
    return rows[: arguments.count("limit")]


def numbers_of(arguments: Arguments, field: FieldSchema, scope: Scope) -> npt.NDArray[np.int64]:
    """Return the stored numbers, ascending, that a Rows call of a number field names."""
    for name in ("like", "from", "to"):
        if name in arguments.named:
            message = f"Rows({name}=) does not go with field {field.name!r} of type {field.type}"
            raise arguments.error(message, arguments.named[name].offset)
    question = ValueCounts(field.name, filter=_column(arguments, scope))
    values = scope.ask(question, ValueCountsPartial).values
    named = arguments.items("in")
    if named is not None:
        chosen = [bounds_of([(Operator.EQUAL, exact_number(field, value))]) for value in named]
        is_named = [within(values, bounds) for bounds in chosen]
        values = values[np.logical_or.reduce([np.zeros(len(values), dtype=np.bool_), *is_named])]
    previous = arguments.named.get("previous")
    if previous is not None:
        after = bounds_of([(Operator.GREATER, exact_number(field, previous))])
        values = values[within(values, after)]
    return values[: arguments.count("limit")]


def named_rows(field: FieldSchema, values: tuple[Value, ...]) -> tuple[Row, ...]:
    """Return the rows that literals name, each once."""
    return tuple(dict.fromkeys(row_of(field, value) for value in values))


def has_any_row(
    field: FieldSchema, rows: Rows, period: tuple[int | None, int | None]
) -> Expression:
    """Return the records with any of these rows."""
    if len(rows) == 0:
        return Nothing()
    return HasRow(field.name, tuple(rows.tolist()), *period)


def _column(arguments: Arguments, scope: Scope) -> Expression:
    column = arguments.named.get("column")
    return All() if column is None else records_of(scope.table, [column])
