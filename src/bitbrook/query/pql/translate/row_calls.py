"""Row calls: those that give a set of records, as expressions.

`ROW_CALLS` is the table of them; adding a call is adding an entry. Most translate into an
expression directly. Those that need a view of the whole table first (`Limit`, `Sort`, `Distinct`
and `Rows` as arguments) ask their own question and put its answer in as records or rows.
"""

from collections.abc import Callable

import msgspec

from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasRow,
    HasValue,
    Intersect,
    Not,
    Nothing,
    Shift,
    Union,
    Xor,
)
from bitbrook.algebra.questions import Order, RecordIds
from bitbrook.query.pql.translate.arguments import Arguments, Signature, bind
from bitbrook.query.pql.translate.distinct import (
    DISTINCT,
    distinct_records,
    distinct_scope,
)
from bitbrook.query.pql.translate.row_lists import (
    has_any_row,
    is_empty_period,
    period_of,
    row_field,
    rows_argument,
    rows_of,
    wrong_type,
)
from bitbrook.query.pql.translate.scope import EXISTENCE_FIELD, Scope
from bitbrook.query.pql.tree import Call, Comparison, Literal, Operator, Value
from bitbrook.query.pql.values import (
    bounds_of,
    exact_number,
    records_of,
    records_within,
    row_of,
)
from bitbrook.schema.field_types import FieldSchema


class Chosen(msgspec.Struct, frozen=True):
    """Records in an order, or a part of them: what RecordIds and ExtractRecords ask for."""

    filter: Expression
    order: Order | None = None
    limit: int | None = None
    offset: int = 0


class RowCall(msgspec.Struct, frozen=True):
    """A call that gives records: what it takes, and how it becomes what is asked."""

    signature: Signature
    translate: Callable[[Arguments, Scope], Expression | Chosen]


def chosen_by(call: Call, scope: Scope) -> Chosen:
    """Return the records that a row call gives, in the order it gives them.

    Raises:
        InvalidStatement: the call does not give records, or its arguments do not fit.
    """
    entry = ROW_CALLS.get(call.name)
    if entry is None:
        takes = "a call that gives records is needed here, such as Row(field=1)"
        raise scope.error(f"{takes}, not {call.name}", call.offset)
    scope.budget.check()
    translated = entry.translate(bind(call, entry.signature, scope.text), scope)
    return translated if isinstance(translated, Chosen) else Chosen(translated)


def expression_of(call: Call, scope: Scope) -> Expression:
    """Return the records that a row call gives, as a set."""
    chosen = chosen_by(call, scope)
    if chosen.limit is not None or chosen.offset:
        question = RecordIds(chosen.filter, chosen.order, chosen.limit, chosen.offset)
        return scope.record_ids(question)
    if chosen.order is not None:
        return Intersect((chosen.filter, HasValue(chosen.order.field)))
    return chosen.filter


def filter_of(arguments: Arguments, scope: Scope) -> Expression:
    """Return the filter of an aggregation: its positional call, or `filter=`; else all records."""
    named = arguments.inner("filter")
    calls = arguments.calls if named is None else [*arguments.calls, named]
    if len(calls) > 1:
        raise arguments.error(f"{arguments.call.name} takes one filter", calls[1].offset)
    return expression_of(calls[0], scope) if calls else All()


def _operands(arguments: Arguments, scope: Scope) -> tuple[Expression, ...]:
    return tuple(expression_of(call, scope) for call in arguments.calls)


def _row(arguments: Arguments, scope: Scope) -> Expression:
    """Row(f=row, from=, to=), Row(f > 5), Row(f == null)."""
    subject = arguments.subject
    if subject is None:
        raise arguments.error(
            f"{arguments.call.name} takes a field and a value, as in Row(field=1)"
        )
    _place_times(arguments)
    if subject.name == EXISTENCE_FIELD:
        return _existence(arguments, subject)
    field = scope.field(subject.name)
    start_s, end_s = period_of(arguments, field)
    if _is_null_test(subject):
        return _null_test(arguments, subject, field)
    if field.has_rows:
        row = row_of(field, _row_constant(arguments, subject))
        if is_empty_period(start_s, end_s):
            return Nothing()
        return HasRow(field.name, (row,), start_s, end_s)
    tests = [(test.operator, exact_number(field, test.value)) for test in subject.tests]
    return records_within(field, bounds_of(tests))


def _place_times(arguments: Arguments) -> None:
    """Take positional times, the classic form of Range, as `from` and `to`."""
    for name, value in zip(("from", "to"), arguments.values, strict=False):
        if name in arguments.named:
            message = f"{arguments.call.name} takes {name} once"
            raise arguments.error(message, value.offset)
        arguments.named[name] = value


def _is_null_test(subject: Comparison) -> bool:
    return any(isinstance(t.value, Literal) and t.value.value is None for t in subject.tests)


def _null_test(arguments: Arguments, subject: Comparison, field: FieldSchema) -> Expression:
    if {"from", "to"} & arguments.named.keys():
        raise arguments.error(f"{arguments.call.name}({field.name}=null) takes no from and to")
    match [test.operator for test in subject.tests]:
        case [Operator.EQUAL]:
            return Not(HasValue(field.name))
        case [Operator.NOT_EQUAL]:
            return HasValue(field.name)
        case _:
            message = f"null compares by == and !=, as in Row({field.name} != null)"
            raise arguments.error(message, subject.offset)


def _row_constant(arguments: Arguments, subject: Comparison) -> Value:
    """Return the constant that a field with rows is compared with, by `=` or `==`."""
    match subject.tests:
        case (test,) if test.operator is Operator.EQUAL:
            return test.value
    name = subject.name
    raise arguments.error(
        f"Row compares int, decimal and timestamp fields; field {name!r} has rows and takes "
        f"Row({name}=row) or Not(Row({name}=row))",
        subject.offset,
    )


def _existence(arguments: Arguments, subject: Comparison) -> Expression:
    """Row(_exists=0): existing records, as the original keeps them in row 0 of that field."""
    constant = _row_constant(arguments, subject)
    if isinstance(constant, Literal) and constant.value == 0 and not arguments.named:
        return All()
    raise arguments.error(f"{EXISTENCE_FIELD} has the one row 0", subject.offset)


def _union(arguments: Arguments, scope: Scope) -> Expression:
    return Union(_operands(arguments, scope)) if arguments.calls else Nothing()


def _intersect(arguments: Arguments, scope: Scope) -> Expression:
    return Intersect(_operands(arguments, scope))


def _difference(arguments: Arguments, scope: Scope) -> Expression:
    return Difference(_operands(arguments, scope))


def _xor(arguments: Arguments, scope: Scope) -> Expression:
    return Xor(_operands(arguments, scope)) if arguments.calls else Nothing()


def _not(arguments: Arguments, scope: Scope) -> Expression:
    return Not(expression_of(arguments.calls[0], scope))


def _all(arguments: Arguments, scope: Scope) -> Chosen:  # noqa: ARG001 - as every entry
    return Chosen(All(), limit=arguments.count("limit"), offset=arguments.count("offset") or 0)


def _const_row(arguments: Arguments, scope: Scope) -> Expression:
    columns = arguments.items("columns")
    if columns is None:
        raise arguments.error("ConstRow takes records, as in ConstRow(columns=[1, 2])")
    return records_of(scope.table, columns)


def _union_rows(arguments: Arguments, scope: Scope) -> Expression:
    unions = []
    for call in arguments.calls:
        rows_arguments = rows_argument(call, scope, of="UnionRows")
        field = row_field(rows_arguments, scope)
        rows = rows_of(rows_arguments, scope)
        unions.append(has_any_row(field, rows, period_of(rows_arguments, field)))
    return Union(tuple(unions)) if unions else Nothing()


def _shift(arguments: Arguments, scope: Scope) -> Expression:
    if scope.table.is_keyed:
        raise arguments.error(
            f"Shift takes tables with integer record ids; table {scope.table.name!r} has keys"
        )
    count = arguments.count("n")
    return Shift(expression_of(arguments.calls[0], scope), 1 if count is None else count)


def _limit(arguments: Arguments, scope: Scope) -> Chosen:
    inner = expression_of(arguments.calls[0], scope)
    return Chosen(inner, limit=arguments.count("limit"), offset=arguments.count("offset") or 0)


def _sort(arguments: Arguments, scope: Scope) -> Chosen:
    field = scope.field(arguments.field_name())
    if not field.is_single:
        raise wrong_type(arguments, field, "int, decimal, timestamp, bool and mutex fields")
    return Chosen(
        expression_of(arguments.calls[0], scope) if arguments.calls else All(),
        Order(field.name, is_descending=arguments.flag("sort-desc")),
        arguments.count("limit"),
        arguments.count("offset") or 0,
    )


def options_scope(arguments: Arguments, scope: Scope) -> Scope:
    """Return the scope in which Options answers its call."""
    arguments.flag("columnAttrs")
    shards = arguments.counts("shards")
    if shards is None:
        return scope
    if scope.table.is_keyed:
        raise arguments.error(
            "Options(shards=) takes tables with integer record ids; "
            f"table {scope.table.name!r} has keys"
        )
    return scope.in_shards(shards)


def _options(arguments: Arguments, scope: Scope) -> Expression | Chosen:
    """Options(r, shards=) as an argument."""
    arguments.flag("excludeColumns")
    inner_scope = options_scope(arguments, scope)
    chosen = chosen_by(arguments.calls[0], inner_scope)
    if inner_scope.shards == scope.shards:
        return chosen
    question = RecordIds(chosen.filter, chosen.order, chosen.limit, chosen.offset)
    return msgspec.structs.replace(
        chosen, filter=inner_scope.record_ids(question), limit=None, offset=0
    )


def _distinct(arguments: Arguments, scope: Scope) -> Expression:
    """Distinct as an argument: its values as record ids or keys of the table around it."""
    source = distinct_scope(arguments, scope)
    return distinct_records(arguments, source, filter_of(arguments, source), scope)


_RECORDS = Signature(calls_min=1, calls_max=1)
_ANY_RECORDS = Signature(calls_max=None)
_SOME_RECORDS = Signature(calls_min=1, calls_max=None)
_ROW = Signature(values_max=2, names=frozenset({"from", "to"}), has_subject=True)
_PAGE = frozenset({"limit", "offset"})

OPTIONS = Signature(
    calls_min=1, calls_max=1, names=frozenset({"excludeColumns", "columnAttrs", "shards"})
)

ROW_CALLS = {
    "Row": RowCall(_ROW, _row),
    "Range": RowCall(_ROW, _row),
    "Union": RowCall(_ANY_RECORDS, _union),
    "Intersect": RowCall(_SOME_RECORDS, _intersect),
    "Difference": RowCall(_SOME_RECORDS, _difference),
    "Xor": RowCall(_ANY_RECORDS, _xor),
    "Not": RowCall(_RECORDS, _not),
    "All": RowCall(Signature(names=_PAGE), _all),
    "ConstRow": RowCall(Signature(names=frozenset({"columns"})), _const_row),
    "UnionRows": RowCall(_ANY_RECORDS, _union_rows),
    "Shift": RowCall(Signature(calls_min=1, calls_max=1, names=frozenset({"n"})), _shift),
    "Limit": RowCall(Signature(calls_min=1, calls_max=1, names=_PAGE), _limit),
    "Sort": RowCall(
        Signature(calls_max=1, names=_PAGE | {"sort-desc"}, has_field=True),
        _sort,
    ),
    "Distinct": RowCall(DISTINCT, _distinct),
    "Options": RowCall(OPTIONS, _options),
}
