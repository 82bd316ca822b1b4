"""What a write does to one field in one shard.

Every function takes positions and stored numbers or row codes that belong to the shard, in the
order they were written, and returns how many values it changed: bits added or removed, numbers that
differ from before. Of several values for one position the last one stays in single-valued fields;
sets accumulate. The two forms of a mutex or bool change together: the values vector tells the old
row of a position, so its bit is found without a search.

Each function leaves a state that depends on the field's state before and on its arguments alone;
that is what lets a replay skip fields that already contain a batch.
"""

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.row_kernels import NO_ROW
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.views import views_by_time
from bitbrook.engine.columns import Positions
from bitbrook.engine.field import FieldShard
from bitbrook.engine.shard import bitmap_of
from bitbrook.schema.field_types import FieldType

Codes = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.int64]


def put_numbers(field: FieldShard, positions: Positions, numbers: Numbers) -> int:
    """Store numbers (int64[n]) at distinct positions of an int, decimal or timestamp field."""
    assert field.values is not None, "number fields keep values"
    return field.values.put(positions, numbers)


def put_codes(field: FieldShard, positions: Positions, codes: Numbers) -> int:
    """Store row codes (int64[n]) at distinct positions of a mutex or bool field."""
    assert field.values is not None, "mutex and bool keep values"
    assert isinstance(field.rows, MutexRows), "mutex and bool keep rows"
    moved, before, after = field.values.exchange(positions, codes)
    field.rows.move(moved, before, after)
    return len(moved)


def put_vectors(field: FieldShard, positions: Positions, vectors: npt.NDArray[np.float32]) -> int:
    """Store vectors (float32[n, length]) at distinct positions of a vector field."""
    assert field.vectors is not None, "vector fields keep vectors"
    return field.vectors.put(positions, vectors)


def add_members(
    field: FieldShard,
    positions: Positions,
    codes: Codes,
    times_s: Numbers | None = None,
    has_time: npt.NDArray[np.bool_] | None = None,
) -> int:
    """Add rows to positions of a set or time field.

    Returns the bits that are new in the standard view or, without one, in the finest views.
    """
    changed = 0
    if field.rows is not None:
        changed = field.rows.add(codes, positions)
    if times_s is None or has_time is None or field.schema.type is not FieldType.TIME:
        return changed
    if not has_time.all():
        positions, codes, times_s = positions[has_time], codes[has_time], times_s[has_time]
    changed_by_view = 0
    for view, chosen in views_by_time(field.schema.quantum, times_s):
        rows = field.views.get(view)
        if rows is None:
            rows = field.views[view] = Rows()
        added = rows.add(codes[chosen], positions[chosen])
        if len(view) == _finest_view_length(field.schema.quantum):
            changed_by_view += added
    return changed if field.rows is not None else changed_by_view


def _finest_view_length(quantum: str) -> int:
    """Return how many digits name a view of the quantum's finest unit: 2024, 202405, ..."""
    return {"Y": 4, "M": 6, "D": 8, "H": 10}[quantum[-1]]


def clear_numbers(field: FieldShard, positions: Positions) -> int:
    """Empty distinct positions of a number field."""
    assert field.values is not None, "number fields keep values"
    return field.values.remove(positions)


def clear_vectors(field: FieldShard, positions: Positions) -> int:
    """Empty positions of a vector field."""
    assert field.vectors is not None, "vector fields keep vectors"
    return field.vectors.remove(positions)


def clear_codes(field: FieldShard, positions: Positions, codes: Codes) -> int:
    """Empty those positions of a mutex or bool field that have the row given with them."""
    assert field.values is not None, "mutex and bool keep values"
    old_codes, is_present = field.values.get(positions)
    return _empty_singles(field, np.unique(positions[is_present & (old_codes == codes)]))


def clear_members(field: FieldShard, positions: Positions, codes: Codes) -> int:
    """Remove rows from positions of a set or time field, in every view."""
    removed = [rows.remove(codes, positions) for rows in field.all_rows]
    return max(removed, default=0)


def empty_records(field: FieldShard, positions: Positions) -> None:
    """Remove whatever a field of any type holds at these distinct positions."""
    if field.vectors is not None:
        field.vectors.remove(positions)
        return
    if field.values is not None:
        _empty_singles(field, positions)
        return
    emptied = bitmap_of(positions)
    for rows in field.all_rows:
        rows.remove_positions(emptied)


def _empty_singles(field: FieldShard, positions: Positions) -> int:
    """Remove the values at distinct positions of a single-valued field; return how many."""
    assert field.values is not None, "single-valued fields keep values"
    if isinstance(field.rows, MutexRows):
        codes, is_present = field.values.get(positions)
        emptied = positions[is_present]
        nowhere = np.full(len(emptied), NO_ROW, dtype=np.uint32)
        field.rows.move(emptied, codes[is_present].astype(np.uint32), nowhere)
    return field.values.remove(positions)


def clear_row(field: FieldShard, code: int) -> int:
    """Remove one row of a set, mutex, time or bool field from every record; return its size."""
    removed = BitMap()
    for rows in field.all_rows:
        removed |= rows.clear_row(code)
    if field.values is not None and removed:
        field.values.remove(np.array(removed.to_array(), dtype=np.uint32))
    return len(removed)
