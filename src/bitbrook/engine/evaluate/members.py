"""The rows that given records have in a set or time field: from rows back to records."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.selection import Selection
from bitbrook.bitmap.word_kernels import Positions
from bitbrook.engine.evaluate.forward import index_for_records
from bitbrook.engine.evaluate.reading import AnyRows
from bitbrook.engine.shard import Shard

CODE_BITS = np.uint64(32)
CODE_MASK = np.uint64((1 << 32) - 1)


@dataclass(slots=True, frozen=True)
class Members:
    """Rows by record: record i of those asked has `codes[starts[i]:starts[i + 1]]` (int64)."""

    starts: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many rows each record has (int64[n])."""
        counts: npt.NDArray[np.int64] = np.diff(self.starts)
        return counts

    def of(self, records: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the rows (int64[m]) of these records of those asked, one record's after another's.

        A record may be named more than once.
        """
        counts = self.counts[records]
        stops = np.cumsum(counts)
        # Each entry's place: its record's start, plus how far it is into that record's run.
        places = np.repeat(self.starts[:-1][records] - (stops - counts), counts)
        places += np.arange(len(places))
        codes: npt.NDArray[np.int64] = self.codes[places]
        return codes


def members_of(
    shard: Shard,
    rows: AnyRows,
    positions: Positions,
    *,
    codes: npt.NDArray[np.int64] | None = None,
    ranks: npt.NDArray[np.int64] | None = None,
) -> Members:
    """Return the rows of records at ascending positions (uint32[n]).

    `codes` restricts to those rows. Each record's rows ascend by code or, if given, by their rank
    (`ranks[code]`, a permutation).
    """
    index = index_for_records(shard, rows) if isinstance(rows, Rows) else None
    if index is not None and ranks is None and codes is None:
        return Members(*index.members_at(positions))
    if index is None:
        selected = Selection.of_positions(positions).bitmap
        found_positions, found_codes = pairs_of(rows, selected, codes)
    else:
        starts, found_codes = index.members_at(positions)
        found_positions = np.repeat(positions, np.diff(starts))
        if codes is not None:
            is_asked = np.isin(found_codes, codes)
            found_positions, found_codes = found_positions[is_asked], found_codes[is_asked]
    order = found_codes if ranks is None else ranks[found_codes]
    # One integer a pair sorts several times faster than two columns.
    pairs = (found_positions.astype(np.uint64) << CODE_BITS) | order.astype(np.uint64)
    pairs.sort()
    in_order = (pairs & CODE_MASK).astype(np.int64)
    if ranks is not None:
        code_at = np.empty(len(ranks), dtype=np.int64)
        code_at[ranks] = np.arange(len(ranks))
        in_order = code_at[in_order]
    starts = np.searchsorted(pairs, positions.astype(np.uint64) << CODE_BITS)
    return Members(np.append(starts, len(pairs)).astype(np.int64), in_order)


def pairs_of(
    rows: AnyRows, selected: BitMap, codes: npt.NDArray[np.int64] | None = None
) -> tuple[Positions, npt.NDArray[np.int64]]:
    """Return every pair of a selected position (uint32[m]) and a row that it has (int64[m])."""
    present = rows.codes().astype(np.int64)
    if codes is not None:
        present = np.intersect1d(present, codes, assume_unique=True)
    parts, found, sizes = [], [], []
    for code in present.tolist():
        row = rows.row(code)
        if row is None or not row.intersect(selected):
            continue
        part = np.frombuffer((row & selected).to_array(), dtype=np.uint32)
        parts.append(part)
        found.append(code)
        sizes.append(len(part))
    if not parts:
        return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)
    return np.concatenate(parts), np.repeat(np.array(found, dtype=np.int64), sizes)
