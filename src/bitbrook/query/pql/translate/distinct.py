"""`Distinct`: the different values of a field, as an answer or as records of the table around it.

Used as an argument its values are record ids (or keys), which joins tables: the records of one
whose ids stand in a field of another. `index=` names the table that is read, filter included.
"""

from typing import Any

import numpy.typing as npt

from bitbrook.algebra.expressions import Expression, Records
from bitbrook.algebra.partials import RowCountsPartial, ValueCountsPartial
from bitbrook.algebra.questions import RowCounts, ValueCounts
from bitbrook.query.pql.translate.arguments import Arguments, Signature
from bitbrook.query.pql.translate.row_lists import wrong_type
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.results import pql_json
from bitbrook.schema.field_types import FieldType

DISTINCT = Signature(calls_max=1, names=frozenset({"index"}), has_field=True)


def distinct_scope(arguments: Arguments, scope: Scope) -> Scope:
    """Return the scope of the table that Distinct reads."""
    index = arguments.name("index")
    return scope if index is None else scope.in_table(index)


def answer_distinct(arguments: Arguments, scope: Scope, selected: Expression) -> bytes:
    """Distinct(r?, field=f): `scope` and `selected` are of the table that is read."""
    values = distinct_values(arguments, scope, selected)
    if scope.field(arguments.field_name()).has_rows:
        return pql_json.distinct_rows(values)
    return pql_json.distinct_numbers(values)


def distinct_values(arguments: Arguments, scope: Scope, selected: Expression) -> npt.NDArray[Any]:
    """Return the different rows, or stored numbers, of the records selected; ascending."""
    field = scope.field(arguments.field_name())
    if field.has_rows:
        return scope.ask(RowCounts(field.name, selected), RowCountsPartial).rows
    question = ValueCounts(field.name, selected)
    return scope.ask(question, ValueCountsPartial).values


def distinct_records(
    arguments: Arguments, source: Scope, selected: Expression, target: Scope
) -> Records:
    """Return the records of `target` that the distinct values of `source` name.

    Negative numbers name no record.

    Raises:
        InvalidStatement: the field's values are not of the kind of the target's record ids.
    """
    field = source.field(arguments.field_name())
    joins = {FieldType.INT, FieldType.SET, FieldType.MUTEX, FieldType.TIME}
    if field.type not in joins:
        raise wrong_type(arguments, field, "int, set, mutex and time fields as an argument")
    if field.is_keyed is not target.table.is_keyed:
        holds, named = ("row keys", "integer ids") if field.is_keyed else ("numbers", "keys")
        raise arguments.error(
            f"Distinct as an argument names records: field {field.name!r} holds {holds}, "
            f"the records of table {target.table.name!r} have {named}"
        )
    values = distinct_values(arguments, source, selected)
    if field.is_number:
        values = values[values >= 0]
    return Records(tuple(values.tolist()))
