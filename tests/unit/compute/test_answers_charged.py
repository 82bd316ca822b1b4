"""What owners answer counts as memory of the statement that asked, in the server that merges it.

Each owner answers less than a statement may take and all of them together more; several statements
together hold more than all may. Each is refused with the figure, and what it held is given back.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.memory import SharedMemory
from bitbrook.algebra.partials import (
    AnyPartial,
    CountPartial,
    GroupsPartial,
    RecordIdsPartial,
    RecordsPartial,
    RowCountsPartial,
    TimesPartial,
    TotalsPartial,
    ValueCountsPartial,
)
from bitbrook.algebra.questions import (
    CountRecords,
    ExtractRecords,
    GroupKey,
    GroupRecords,
    Question,
    RecordIds,
    ValueCounts,
)
from bitbrook.compute.answer_sizes import size_of
from bitbrook.compute.remote import RemoteCompute
from bitbrook.engine.batch import Batch
from bitbrook.errors import LimitExceeded, Overloaded
from bitbrook.schema.field_types import TableSchema

OWNER_BYTES = 1 << 30
RECORDS = 2_000
LARGE: list[Question] = [
    RecordIds(),
    ExtractRecords(("number", "tag")),
    GroupRecords((GroupKey("number"),)),
    ValueCounts("number"),
]


@pytest.fixture
def remote(
    make_server: Callable[..., RemoteCompute],
    schema: TableSchema,
    batch_of: Callable[..., Batch],
) -> RemoteCompute:
    """Four owners, each with a quarter of the records."""
    remote = make_server()
    remote.reserve("d", 4 * OWNER_BYTES)
    remote.open_table(schema, deployment_id="d")
    remote.write("t", batch_of(range(RECORDS)))
    return remote


@pytest.mark.parametrize("question", LARGE, ids=lambda question: type(question).__name__)
def test_owners_answer_more_than_a_statement_may_take(
    remote: RemoteCompute, question: Question
) -> None:
    share = SharedMemory(1 << 40)
    with Budget.starting_now() as budget:
        budget.share = share
        remote.ask("t", question, budget)
        taken = budget.held_bytes
        assert 8 * RECORDS < taken < 1_000 * RECORDS
        assert share.held_bytes == taken
    assert share.held_bytes == 0
    with Budget.starting_now() as budget:
        budget.share, budget.memory_bytes_max = share, taken - 1
        told = rf"would take {taken:,} bytes of memory \(answers of partitions\) and {taken - 1:,}"
        with pytest.raises(LimitExceeded, match=told):
            remote.ask("t", question, budget)
        assert remote.ask("t", CountRecords(), budget) == CountPartial(RECORDS)
    assert share.held_bytes == 0


def test_several_statements_hold_more_than_all_may(remote: RemoteCompute) -> None:
    with Budget.starting_now() as budget:
        remote.ask("t", RecordIds(), budget)
        taken = budget.held_bytes
    share = SharedMemory(2 * taken - 1)
    with Budget.starting_now() as one, Budget.starting_now() as other:
        one.share = other.share = share
        remote.ask("t", RecordIds(), one)
        with pytest.raises(Overloaded, match="are left by the others"):
            remote.ask("t", RecordIds(), other)
    assert share.held_bytes == 0


def test_every_kind_of_answer_has_a_size() -> None:
    """A number takes its bytes, a text far more, a set what its members take."""
    numbers, texts = np.arange(100, dtype=np.int64), np.array(["ab"] * 100, dtype=np.object_)
    sets = np.empty(100, dtype=np.object_)
    sets[:] = [None, *(frozenset(range(50)) for _ in range(99))]
    nulls, table = np.zeros(100, dtype=np.bool_), pa.table({"_id": numbers})
    wide = table.append_column("members", pa.array([list(range(1_000))] * 100))
    sizes: list[tuple[AnyPartial, int, int]] = [
        (CountPartial(10**6), 0, 0),
        (TotalsPartial(3, 2**70), 0, 0),
        (ValueCountsPartial(numbers, numbers), 1_600, 1_600),
        (RowCountsPartial(texts, numbers), 5_000, 10_000),
        (RecordIdsPartial(numbers.astype(np.uint64)), 2_400, 2_400),
        (RecordIdsPartial(texts, numbers, nulls), 10_000, 20_000),
        (RecordsPartial(table), 2_400, 2_400),
        (RecordsPartial(table, numbers, nulls), 3_300, 3_300),
        (RecordsPartial(wide), 802_400, 802_800),
        (TimesPartial(table), 2_400, 2_400),
        (GroupsPartial([numbers], [nulls], numbers, [numbers.astype(np.object_)]), 10_000, 20_000),
        (GroupsPartial([numbers], [nulls], numbers, [sets]), 200_000, 400_000),
        (GroupsPartial([], [], np.array([1]), []), 1, 100),
    ]
    for partial, least, most in sizes:
        assert least <= size_of([partial]) <= most, partial
    everything = [partial for partial, _, _ in sizes]
    assert size_of(everything) == sum(size_of([partial]) for partial in everything)
