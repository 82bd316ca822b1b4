"""Sets of records put together: as few and as simple expressions as describe the same records."""

from collections.abc import Iterable
from typing import Any

from bitbrook.algebra.expressions import (
    All,
    Expression,
    HasRow,
    InNumbers,
    InRange,
    Intersect,
    Nothing,
    Union,
)


def intersection(operands: list[Expression], singles: frozenset[str] = frozenset()) -> Expression:
    """Return the records in every operand; of no operands, all.

    Ranges of one field become one range, and rows of one field of `singles`, in which a record has
    at most one row, those that are in both.
    """
    merged: dict[Any, Expression] = {}
    for operand in _flat(operands):
        match operand:
            case Nothing():
                return operand
            case All():
                continue
            case InRange(field):
                key: Any = (InRange, field)
            case InNumbers():
                key = InNumbers
            case HasRow(field, _, None, None) if field in singles:
                key = (HasRow, field)
            case _:
                key = operand
        known = merged.get(key)
        merged[key] = operand if known is None else _common(known, operand)
    kept = list(merged.values())
    if any(isinstance(operand, Nothing) for operand in kept):
        return Nothing()
    if not kept:
        return All()
    return kept[0] if len(kept) == 1 else Intersect(tuple(kept))


def _flat(operands: Iterable[Expression]) -> Iterable[Expression]:
    for operand in operands:
        # Records with All beside them are the existing ones among them, which All alone says.
        if isinstance(operand, Intersect) and All() not in operand.operands:
            yield from _flat(operand.operands)
        else:
            yield operand


def _common(one: Expression, other: Expression) -> Expression:
    """Return the records in both of two expressions of one kind, about one field."""
    match one, other:
        case InRange(field), InRange():
            low, high = _narrower(one, other)
            is_empty = low is not None and high is not None and low > high
            return Nothing() if is_empty else InRange(field, low, high)
        case InNumbers(), InNumbers():
            low, high = _narrower(one, other)
            low = low or 0
            return Nothing() if high is not None and low > high else InNumbers(low, high)
        case HasRow(field, rows), HasRow(rows=others):
            among = set(others)
            both = tuple(row for row in rows if row in among)
            return HasRow(field, both) if both else Nothing()
        case _:
            return one


def _narrower(
    one: InRange | InNumbers, other: InRange | InNumbers
) -> tuple[int | None, int | None]:
    lows = [low for low in (one.low, other.low) if low is not None]
    highs = [high for high in (one.high, other.high) if high is not None]
    return max(lows, default=None), min(highs, default=None)


def union(operands: list[Expression]) -> Expression:
    """Return the records in any operand; of no operands, none."""
    if any(isinstance(operand, All) for operand in operands):
        return All()
    kept = [operand for operand in operands if not isinstance(operand, Nothing)]
    if not kept:
        return Nothing()
    return kept[0] if len(kept) == 1 else Union(tuple(kept))
