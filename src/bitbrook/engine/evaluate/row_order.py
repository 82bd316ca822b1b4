"""Which place each row of a dictionary has when they are sorted by id or key.

Dictionaries only grow, so that a sorted copy is good until the next row is met; it is kept beside
the dictionary for as long as that lives.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from bitbrook.engine.dictionary import RowDictionary

KEPT_ROWS_MAX = 1 << 17
"""Beyond so many rows a sorted copy is made anew each time: it would hold tens of megabytes."""


@dataclass(slots=True, frozen=True)
class RowOrder:
    """`rows`: all rows, ascending. `codes`: their codes (int64). `ranks`: by code, its place."""

    rows: npt.NDArray[Any]
    codes: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]


_kept: WeakKeyDictionary[RowDictionary, RowOrder] = WeakKeyDictionary()


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
