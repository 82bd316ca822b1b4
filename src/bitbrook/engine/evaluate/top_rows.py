"""The rows with the most selected records, without counting all rows.

A row has no more selected records than records. So rows are counted from the largest down, and
once as many as are asked for have more selected records than the next row has at all, the others
need not be looked at. Of a field whose rows differ in size that leaves a few, and what each has in
common with the selection is one pass over kept words. Where many would be left, a pass over the
field's vector counts all of them sooner, and this is not for it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.expressions import All
from bitbrook.algebra.questions import RowCounts
from bitbrook.bitmap.row_words import count_each_of
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.selection import Selection
from bitbrook.engine.evaluate.reading import ALL_TIMES, Reading
from bitbrook.engine.evaluate.select import Selector

ROW_NS: Final = 9_000
RECORD_NS: Final = 1.0
"""What counting a row's selected records in a shard costs, and a selected record by the vector."""

SLACK: Final = 2
"""So many times the rows that a filter which knows nothing of the field would leave are counted
before it is left to the vector."""


def may_prune(question: RowCounts, reading: Reading) -> bool:
    """Return whether only the largest rows are asked for, and which these are is known here.

    Of several partitions each has other largest rows, and only all of them together tell.
    """
    return (
        question.most is not None
        and not isinstance(question.filter, All)
        and question.rows is None
        and question.like is None
        and (question.from_s, question.to_s) == ALL_TIMES
        and reading.field(question.field).is_single
        and reading.partition.schema.partition_count == 1
    )


def largest_rows(
    question: RowCounts, selector: Selector, reading: Reading
) -> npt.NDArray[np.int64] | None:
    """Return the selected records (int64, by code) of the rows with the most, of others 0.

    None where it takes less time to count all rows.
    """
    assert question.most is not None, "asked for by may_prune"
    field = reading.field(question.field)
    totals = np.zeros(reading.row_count(field), dtype=np.int64)
    found: list[tuple[Rows, Selection]] = []
    records_count = selected_count = 0
    for number in selector.shards:
        reading.budget.check()
        shard = reading.shard(number)
        field_shard = shard.fields.get(field.id)
        if field_shard is None or not isinstance(field_shard.rows, Rows):
            continue
        selection = selector.select(shard)
        if selection:
            codes, counts = field_shard.rows.counts()
            totals[codes] += counts
            records_count += len(shard.exists)
            selected_count += len(selection)
            found.append((field_shard.rows, selection))
    order = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
    expected = _rows_expected(totals[order], question.most, selected_count, records_count)
    if expected * len(found) * ROW_NS > selected_count * RECORD_NS:
        return None
    return _count_down(
        found, order, totals, most=question.most, expected=expected, budget=reading.budget
    )


def _rows_expected(
    totals: npt.NDArray[np.int64], most: int, selected_count: int, records_count: int
) -> int:
    """Return how many rows have to be counted if the filter selects of each alike."""
    if len(totals) <= most:
        return len(totals)
    last = totals[most - 1] * selected_count / records_count
    return int(np.count_nonzero(totals >= last))


def _count_down(
    found: list[tuple[Rows, Selection]],
    order: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
    *,
    most: int,
    expected: int,
    budget: Budget,
) -> npt.NDArray[np.int64] | None:
    """Count rows from the largest down until no other can be among the first `most`."""
    counts = np.zeros(len(totals), dtype=np.int64)
    done, step = 0, max(most, expected)
    while done < len(order):
        if done >= most:
            least_of_most = np.partition(counts[order[:done]], done - most)[done - most]
            if totals[order[done]] < least_of_most:
                break
            if done > SLACK * expected:
                return None
        budget.check()
        codes = order[done : done + step]
        counts[codes] = _selected_of(found, codes)
        done += len(codes)
        step = max(most, expected // 2)
    return counts


def _selected_of(
    found: list[tuple[Rows, Selection]], codes: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return how many selected records each row has (int64[n]), over all shards."""
    counts = np.zeros(len(codes), dtype=np.int64)
    asked = codes.tolist()
    by_words, words = [], []
    for rows, selection in found:
        kept = list(map(rows.words, asked))
        for place in [place for place, each in enumerate(kept) if each is None]:
            row = rows.row(asked[place])
            if row is not None:
                counts[place] += row.intersection_cardinality(selection.bitmap)
        by_words.append(kept)
        words.append(selection.words)
    count_each_of(by_words, words, counts)
    return counts
