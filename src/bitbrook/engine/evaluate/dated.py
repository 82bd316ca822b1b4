"""ExtractTimes: the rows of a time field with the periods that they are of, as columns.

A view of the quantum's finest unit says all that is known of when: the coarser ones follow from it.
"""

import numpy as np
import pyarrow as pa

from bitbrook.algebra.partials import TimesPartial
from bitbrook.algebra.questions import ExtractTimes
from bitbrook.bitmap.views import finest_views
from bitbrook.engine.batch import ID_COLUMN, column_type
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.evaluate.members import pairs_of
from bitbrook.engine.evaluate.reading import Reading
from bitbrook.engine.evaluate.records import id_array, rows_array
from bitbrook.engine.evaluate.select import Selector, plan_selection
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema


def extract_times(question: ExtractTimes, reading: Reading) -> TimesPartial:
    """Return each selected record once a period in which it has rows, with these rows."""
    field = reading.field(question.field)
    selector = plan_selection(question.filter, reading)
    found = [
        part
        for number in sorted(selector.shards)
        for part in _of_shard(field, reading.shard(number), selector, reading)
    ]
    empty = pa.table(
        {
            ID_COLUMN: id_array(np.zeros(0, dtype=np.uint64), reading),
            "time_s": pa.array([], pa.int64()),
            "rows": pa.array([], column_type(field)),
        }
    )
    return TimesPartial(pa.concat_tables([empty, *found]))


def _of_shard(
    field: FieldSchema, shard: Shard, selector: Selector, reading: Reading
) -> list[pa.Table]:
    """Return what a shard has in each view."""
    field_shard = shard.fields.get(field.id)
    if field_shard is None:
        return []
    selected = selector.select(shard).bitmap
    found = []
    for view, start_s in finest_views(field.quantum, field_shard.views):
        reading.budget.check()
        positions, codes = pairs_of(field_shard.views[view], selected)
        if len(positions) == 0:
            continue
        order = np.argsort(positions, kind="stable")
        records, starts = np.unique(positions[order], return_index=True)
        bounds = np.append(starts, len(order)).astype(np.int32)
        rows = rows_array(field, codes[order], reading)
        numbers = records.astype(np.uint64) + np.uint64(shard.number << SHARD_BITS)
        columns = {
            ID_COLUMN: id_array(numbers, reading),
            "time_s": pa.array(np.full(len(records), start_s)),
            "rows": pa.ListArray.from_arrays(bounds, rows),
        }
        found.append(pa.table(columns))
    return found
