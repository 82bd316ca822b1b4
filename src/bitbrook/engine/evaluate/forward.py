"""Sets with many rows turned round: of each record its rows, kept while its shard does not change.

Under a filter that selects few records it is far cheaper to read their rows than to intersect
every row with the filter. An index is made once questions about a shard, without a write in
between, have cost as much as making it, so that shards that are being written to never pay for one;
it is good for as long as no later batch has named the shard. It takes some 16 bytes a position, of
sets with five members (`forward_index.py`).
"""

import threading
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.memory import machine_bytes
from bitbrook.bitmap.member_kernels import count_rows_in_words
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.selection import Selection
from bitbrook.bitmap.word_kernels import read_only
from bitbrook.engine.evaluate.forward_index import FlatRows, ForwardIndex, make_index
from bitbrook.engine.shard import Shard

ROWS_MIN: Final = 512
"""With fewer rows, intersecting each of them costs less than an index would."""

KEPT_BYTES_MAX: Final = machine_bytes() // 8
"""Bytes of all indices of the process together; none is made that would exceed it."""

LOOKING_COST: Final = 1 / 16
"""What looking for records in every row costs, by what making an index costs."""


@dataclass(slots=True)
class _Kept:
    """The batch up to which a shard had come when it was asked about, and the index if made.

    `spent`: what questions since then would have saved by an index, in the cost of making it.
    """

    sequence: int
    spent: float = 0.0
    index: ForwardIndex | None = None


_kept: WeakKeyDictionary[Rows, _Kept] = WeakKeyDictionary()
_lock = threading.Lock()


def find_index(shard: Shard, rows: Rows) -> ForwardIndex | None:
    """Return the shard's index of a field's rows if there is one that is good."""
    kept = _kept.get(rows)
    return kept.index if kept is not None and kept.sequence == shard.applied_sequence else None


def index_for_records(shard: Shard, rows: Rows) -> ForwardIndex | None:
    """Return an index for reading a few records' rows, None if these are better looked for.

    One is made once records were looked for so often that it would have cost less.
    """
    index = find_index(shard, rows)
    if index is None and len(rows.codes()) >= ROWS_MIN and _spend(shard, rows, LOOKING_COST):
        index = _keep(shard, rows, flatten(rows))
    return index


def count_by_code(
    shard: Shard, rows: Rows, selection: Selection, counts: npt.NDArray[np.int64]
) -> None:
    """Add to `counts` (by code) how many selected records have each row of a set."""
    index = find_index(shard, rows)
    if index is None:
        flat = flatten(rows)
        if not _spend(shard, rows, 1.0):
            found = np.empty(len(flat.codes), dtype=np.int64)
            words = read_only(selection.words)
            count_rows_in_words(read_only(flat.positions), flat.bounds, words, found)
            counts[flat.codes] += found
            return
        index = _keep(shard, rows, flat)
    counted = np.zeros(len(counts), dtype=np.uint32)
    index.count(selection.positions(), counted)
    counts += counted


def flatten(rows: Rows) -> FlatRows:
    """Return all rows, ascending by code, as flat arrays."""
    codes, counts = rows.counts()
    bounds = np.append(0, np.cumsum(counts))
    positions = np.empty(int(bounds[-1]), dtype=np.uint32)
    for code, start, stop in zip(
        codes.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True
    ):
        row = rows.row(code)
        assert row is not None, "counts and rows agree"
        positions[start:stop] = row.to_array()
    return FlatRows(codes.astype(np.int64), bounds, positions)


def _spend(shard: Shard, rows: Rows, cost: float) -> bool:
    """Note what a question costs without an index; return whether one would have paid already."""
    with _lock:
        kept = _kept.get(rows)
        if kept is None or kept.sequence != shard.applied_sequence:
            kept = _kept[rows] = _Kept(shard.applied_sequence)
        has_paid = kept.spent >= 1.0
        kept.spent += cost
        return has_paid


def _keep(shard: Shard, rows: Rows, flat: FlatRows) -> ForwardIndex:
    """Return the index of flat rows, kept for the next question unless too much is kept."""
    index = make_index(flat)
    with _lock:
        held = sum(kept.index.size_bytes for kept in _kept.values() if kept.index is not None)
        if held + index.size_bytes <= KEPT_BYTES_MAX:
            _kept[rows] = _Kept(shard.applied_sequence, index=index)
    return index
