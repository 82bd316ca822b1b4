"""Row ids with a sign: a number adds its row, a negative one removes it.

The records of a request become an UPSERT and after it a CLEAR. A removal that a later record of the
request takes back, by adding the row to the same record again, is therefore left out; an addition
that a later record removes may stay, as the CLEAR comes last. Zero adds row 0.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.sources.convert import Converted, as_lists


def added_rows(signed: pa.Int64Array) -> pa.ListArray:
    """Return lists of the row that each record gets, null where it gets none."""
    if signed.null_count == 0 and pc.min(signed).as_py() >= 0:
        return as_lists(Converted(signed.view(pa.uint64()))).column
    gets_row = pc.greater_equal(signed, 0)
    rows = pc.if_else(gets_row, signed, pa.scalar(None, pa.int64()))
    return as_lists(Converted(rows.view(pa.uint64()))).column


def removed_rows(ids: pa.Array, signed: pa.Int64Array) -> pa.ListArray | None:
    """Return lists of the row that each record loses in the end, null where none; None if none do.

    `ids`: the records', in the order of the request.
    """
    are_valid = signed.is_valid().to_numpy(zero_copy_only=False)
    numbers: npt.NDArray[np.int64] = signed.fill_null(0).to_numpy(zero_copy_only=False)
    if not (numbers < 0).any():
        return None
    # The magnitude of the least integer is its own two's complement.
    rows = np.abs(numbers).view(np.uint64)
    records = ids.dictionary_encode().indices.to_numpy()
    given = np.flatnonzero(are_valid)
    # Stable, so that of equal pairs the last one stands last.
    order = given[np.lexsort((rows[given], records[given]))]
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = (np.diff(records[order]) != 0) | (np.diff(rows[order]) != 0)
    loses_row = np.zeros(len(numbers), dtype=np.bool_)
    loses_row[order[is_last]] = numbers[order[is_last]] < 0
    if not loses_row.any():
        return None
    return as_lists(Converted(pa.array(rows, mask=~loses_row))).column
