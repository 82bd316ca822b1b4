"""GroupBy: counts and an aggregate by combinations of fields, filtered, ordered and paged.

The engine forms the groups; `having`, `sort`, `limit` and `offset` are applied here, to all of them
at once. A `Rows` with a time range groups by what was set in it, which is asked row by row.
"""

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bitbrook.algebra.expressions import All, Expression, HasRow, Intersect, Row
from bitbrook.algebra.partials import GroupsPartial
from bitbrook.algebra.questions import GroupKey, GroupRecords, Measure, MeasureKind
from bitbrook.query.pql.translate.arguments import Arguments, Signature, bind
from bitbrook.query.pql.translate.row_calls import expression_of
from bitbrook.query.pql.translate.row_lists import (
    numbers_of,
    period_of,
    rows_argument,
    rows_of,
    wrong_type,
)
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.pql.tree import Call, Literal, Value
from bitbrook.query.pql.values import Bounds, bounds_of, shown, within
from bitbrook.query.results import pql_json
from bitbrook.schema.field_types import FieldSchema, FieldType

GROUP_BY = Signature(
    calls_min=1,
    calls_max=None,
    names=frozenset({"filter", "aggregate", "having", "sort", "limit", "offset"}),
)
_AGGREGATE = Signature(has_field=True)
_CONDITION = Signature(has_subject=True)

Period = tuple[int | None, int | None]
NO_PERIOD: Period = (None, None)

FEW_GROUPS = 64
"""Groups up to which Python sorts their keys faster than Arrow tells them apart."""


class _Key(msgspec.Struct, frozen=True):
    """A field to group by; `rows` None is all of them."""

    field: FieldSchema
    rows: tuple[Row, ...] | None
    period: Period = NO_PERIOD


class _Aggregate(msgspec.Struct, frozen=True):
    """What each group is asked besides its count; `label` is its name in answers."""

    label: str
    measure: Measure
    scale: int = 0


def answer_group_by(arguments: Arguments, scope: Scope) -> bytes:
    """GroupBy(Rows(a), ..., filter=, aggregate=, having=, sort=, limit=, offset=)."""
    keys = [_key(call, scope) for call in arguments.calls]
    aggregate = _aggregate(arguments, scope)
    chooses = _having(arguments, aggregate)
    sort = _sort(arguments, aggregate)
    limit, offset = arguments.count("limit"), arguments.count("offset") or 0
    selecting = arguments.inner("filter")
    selected = All() if selecting is None else expression_of(selecting, scope)
    groups = _groups(keys, selected, aggregate, scope)
    if chooses is not None:
        name, bounds = chooses
        groups = _taken(groups, np.flatnonzero(within(_column(groups, name), bounds)))
    order = _order(groups, sort)
    groups = _taken(groups, order[offset : None if limit is None else offset + limit])
    fields = [key.field for key in keys]
    if aggregate is None:
        return pql_json.groups(fields, groups)
    return pql_json.groups(fields, groups, aggregate.label, aggregate.scale)


def _key(call: Call, scope: Scope) -> _Key:
    """Return what a Rows call groups by; its rows are resolved if any argument restricts them."""
    arguments = rows_argument(call, scope, of="GroupBy")
    field = scope.field(arguments.field_name())
    restricts = arguments.named.keys() - {"field"}
    if not field.has_rows:
        numbers = numbers_of(arguments, field, scope) if restricts else None
        return _Key(field, None if numbers is None else tuple(numbers.tolist()))
    rows = rows_of(arguments, scope) if restricts else None
    period = period_of(arguments, field)
    return _Key(field, None if rows is None else tuple(rows.tolist()), period)


def _aggregate(arguments: Arguments, scope: Scope) -> _Aggregate | None:
    call = arguments.inner("aggregate")
    match call:
        case None:
            return None
        case Call(name="Sum"):
            inner = bind(call, _AGGREGATE, scope.text)
            field = scope.field(inner.field_name())
            if field.type not in {FieldType.INT, FieldType.DECIMAL}:
                raise wrong_type(inner, field, "int and decimal fields")
            return _Aggregate("sum", Measure(MeasureKind.SUM, field.name), field.scale)
        case Call(name="Count", arguments=(Call(name="Distinct") as distinct,)):
            inner = bind(distinct, _AGGREGATE, scope.text)
            field = scope.field(inner.field_name())
            return _Aggregate("aggregate", Measure(MeasureKind.COUNT_DISTINCT, field.name))
        case _:
            message = "GroupBy(aggregate=) takes Sum(field=f) or Count(Distinct(field=f))"
            raise arguments.error(f"{message}, not {call.name}", call.offset)


def _having(arguments: Arguments, aggregate: _Aggregate | None) -> tuple[str, Bounds] | None:
    """Return what groups are chosen by, and the bounds it has to lie within."""
    call = arguments.inner("having")
    if call is None:
        return None
    subject = bind(call, _CONDITION, arguments.text).subject if call.name == "Condition" else None
    if subject is None:
        message = "GroupBy(having=) takes a condition such as Condition(count > 5)"
        raise arguments.error(message, call.offset)
    scale = _scale(arguments, aggregate, subject.name, subject.offset)
    tests = [(t.operator, _constant(arguments, t.value) * 10**scale) for t in subject.tests]
    return subject.name, bounds_of(tests)


def _constant(arguments: Arguments, value: Value) -> Fraction:
    match value:
        case Literal(value=int() | Decimal() as number) if not isinstance(number, bool):
            return Fraction(number)
        case _:
            message = f"Condition compares with numbers, not {shown(value)}"
            raise arguments.error(message, value.offset)


def _scale(arguments: Arguments, aggregate: _Aggregate | None, name: str, offset: int) -> int:
    """Return the digits after the point of what groups are chosen or ordered by."""
    if name == "count":
        return 0
    if aggregate is not None and name == aggregate.label:
        return aggregate.scale
    known = "count" if aggregate is None else f"count and {aggregate.label}"
    raise arguments.error(f"groups have {known} here, not {name!r}", offset)


def _sort(arguments: Arguments, aggregate: _Aggregate | None) -> list[tuple[str, bool]]:
    """Return what groups are ordered by, first things first, and whether it descends.

    A name alone descends, as in the original.
    """
    text = arguments.string("sort")
    if text is None:
        return []
    offset = arguments.named["sort"].offset
    columns = []
    for part in text.split(","):
        match part.split():
            case [name, "asc" | "desc" as direction]:
                columns.append((name, direction == "desc"))
            case [name]:
                columns.append((name, True))
            case _:
                message = f"GroupBy(sort=) takes a text such as 'count desc, sum asc', not {text!r}"
                raise arguments.error(message, offset)
        _scale(arguments, aggregate, columns[-1][0], offset)
    return columns


def _groups(
    keys: Sequence[_Key], selected: Expression, aggregate: _Aggregate | None, scope: Scope
) -> GroupsPartial:
    """Return all groups; a group's sum is 0 where none of its records has a value."""
    parts = []
    for part_keys, part_selected in _parts(keys, selected):
        scope.budget.check()
        question = GroupRecords(
            tuple(GroupKey(key.field.name, key.rows) for key in part_keys),
            part_selected,
            () if aggregate is None else (aggregate.measure,),
        )
        parts.append(scope.ask(question, GroupsPartial))
    groups = parts[0] if len(parts) == 1 else _concatenated(len(keys), aggregate, parts)
    for measure in groups.measures:
        measure[measure == np.array(None)] = 0
    return groups


def _parts(keys: Sequence[_Key], selected: Expression) -> Iterator[tuple[list[_Key], Expression]]:
    """Give the questions whose groups, together, are those of keys with time ranges.

    Whether a record has a row in a time range is known row by row only; so each part is about one
    row of each such key, among the records that have it then.
    """
    choices = [
        [key]
        if key.period == NO_PERIOD
        else [_Key(key.field, (row,), key.period) for row in key.rows or ()]
        for key in keys
    ]
    for part in itertools.product(*choices):
        timed = [
            HasRow(key.field.name, key.rows or (), *key.period)
            for key in part
            if key.period != NO_PERIOD
        ]
        yield list(part), Intersect((selected, *timed)) if timed else selected


def _concatenated(
    key_count: int, aggregate: _Aggregate | None, parts: Sequence[GroupsPartial]
) -> GroupsPartial:
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        measures = [] if aggregate is None else [np.zeros(0, dtype=np.object_)]
        nulls = [np.zeros(0, dtype=np.bool_)] * key_count
        return GroupsPartial([nothing] * key_count, nulls, nothing, measures)
    return GroupsPartial(
        [np.concatenate(columns) for columns in zip(*(p.keys for p in parts), strict=True)],
        [np.concatenate(columns) for columns in zip(*(p.key_nulls for p in parts), strict=True)],
        np.concatenate([p.counts for p in parts]),
        [np.concatenate(columns) for columns in zip(*(p.measures for p in parts), strict=True)],
    )


def _column(groups: GroupsPartial, name: str) -> npt.NDArray[Any]:
    """Return the counts or the aggregate: int64, or Python integers where those do not fit."""
    if name == "count":
        return groups.counts
    try:
        return groups.measures[0].astype(np.int64)
    except OverflowError:
        return groups.measures[0]


def _order(groups: GroupsPartial, sort: list[tuple[str, bool]]) -> npt.NDArray[np.intp]:
    """Return the indices of the groups in order: as `sort` says, ties by their keys."""
    order = np.lexsort([_ranks(keys) for keys in reversed(groups.keys)])
    for name, is_descending in reversed(sort):
        column = _column(groups, name)
        # Bitwise not reverses integers of any size, without what negating -2**63 overflows.
        ranked = (~column if is_descending else column)[order]
        order = order[np.argsort(ranked, kind="stable")]
    return order


def _ranks(keys: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return what orders group keys as numbers: themselves, or the ranks of row keys."""
    if keys.dtype != np.object_:
        return keys
    if len(keys) <= FEW_GROUPS:
        order = {key: rank for rank, key in enumerate(sorted(set(keys.tolist())))}
        return np.array([order[key] for key in keys.tolist()], dtype=np.int64)
    coded = pa.array(keys, pa.string()).dictionary_encode()
    distinct = coded.dictionary.to_numpy(zero_copy_only=False)
    ranks = np.empty(len(distinct), dtype=np.int64)
    ranks[np.argsort(distinct)] = np.arange(len(distinct))
    ranked: npt.NDArray[np.int64] = ranks[coded.indices.to_numpy()]
    return ranked


def _taken(groups: GroupsPartial, chosen: npt.NDArray[np.intp]) -> GroupsPartial:
    return GroupsPartial(
        [keys[chosen] for keys in groups.keys],
        [nulls[chosen] for nulls in groups.key_nulls],
        groups.counts[chosen],
        [measure[chosen] for measure in groups.measures],
    )
