"""What questions ask of dictionaries again and again, kept beside them for as long as they live.

Dictionaries only grow: a row's code is good for ever, and the order of all rows, by id or key,
until the next row is met.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import Row
from bitbrook.engine.dictionary import RowDictionary

KEPT_ROWS_MAX = 1 << 17
"""Beyond so many rows a sorted copy is made anew each time: it would hold tens of megabytes."""

KEPT_CODES_MAX = 4096
"""Codes kept a dictionary; when they are more, the next questions look them up anew."""


@dataclass(slots=True, frozen=True)
class RowOrder:
    """`rows`: all rows, ascending. `codes`: their codes (int64). `ranks`: by code, its place."""

    rows: npt.NDArray[Any]
    codes: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]


_kept: WeakKeyDictionary[RowDictionary, RowOrder] = WeakKeyDictionary()
_codes: WeakKeyDictionary[RowDictionary, dict[Row, int]] = WeakKeyDictionary()


def codes_of(dictionary: RowDictionary, rows: Sequence[int | str]) -> npt.NDArray[np.int64]:
    """Return the codes (int64[]) of those of the rows that the dictionary knows.

    Looking one up costs 60 us for the way there, which many questions spend mostly on that.
    """
    if len(rows) > KEPT_CODES_MAX:
        found = dictionary.find_codes(rows)
        return found[found >= 0]
    known = _codes.get(dictionary)
    if known is None or len(known) > KEPT_CODES_MAX:
        known = _codes[dictionary] = {}
    unknown = [row for row in rows if row not in known]
    if unknown:
        looked_up = dictionary.find_codes(unknown).tolist()
        # What is not found may come later, and is not kept.
        pairs = zip(unknown, looked_up, strict=True)
        known.update((row, code) for row, code in pairs if code >= 0)
    return np.array([known[row] for row in rows if row in known], dtype=np.int64)


def row_order(dictionary: RowDictionary) -> RowOrder:
    """Return the order of all rows that the dictionary knows."""
    order = _kept.get(dictionary)
    if order is None or len(order.rows) != len(dictionary):
        rows = dictionary.rows_at(np.arange(len(dictionary)))
        codes = np.argsort(rows, kind="stable")
        ranks = np.empty(len(codes), dtype=np.int64)
        ranks[codes] = np.arange(len(codes))
        order = RowOrder(rows[codes], codes, ranks)
        if len(rows) <= KEPT_ROWS_MAX:
            _kept[dictionary] = order
    return order
