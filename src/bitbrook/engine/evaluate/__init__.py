"""How a partition answers questions: expressions select records shard by shard, questions add up.

The caller holds the table's read lock for as long as `evaluate` runs; nothing of a shard is kept
beyond that. Knows nothing of other partitions: where an answer depends on them, the partial carries
what a merge needs.
"""

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    ExtractTimes,
    GroupRecords,
    NumberTotals,
    Question,
    RecordIds,
    RowCounts,
    ValueCounts,
)
from bitbrook.engine.evaluate.counts import count_records, row_counts
from bitbrook.engine.evaluate.dated import extract_times
from bitbrook.engine.evaluate.groups import group_records
from bitbrook.engine.evaluate.reading import Reading
from bitbrook.engine.evaluate.records import extract_records, record_ids
from bitbrook.engine.evaluate.totals import number_totals, value_counts
from bitbrook.engine.partition import Partition

__all__ = ["evaluate"]


def evaluate(partition: Partition, question: Question, budget: Budget) -> AnyPartial:
    """Return the partition's answer to a question.

    Raises:
        FieldNotFound: the question names a field that the table does not have.
        TimedOut, Cancelled, LimitExceeded: the budget ended it.
    """
    budget.check()
    reading = Reading(partition, budget)
    match question:
        case CountRecords():
            return count_records(question, reading)
        case NumberTotals():
            return number_totals(question, reading)
        case RowCounts():
            return row_counts(question, reading)
        case ValueCounts():
            return value_counts(question, reading)
        case GroupRecords():
            return group_records(question, reading)
        case RecordIds():
            return record_ids(question, reading)
        case ExtractRecords():
            return extract_records(question, reading)
        case ExtractTimes():
            return extract_times(question, reading)
        case _:
            raise AssertionError(f"no partition answers {type(question).__name__}")
