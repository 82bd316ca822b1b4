"""A token counts by the history of the log that it is of, however many restores came since.

Gives a server every chain of histories that restores can leave, and tokens of each of them: at,
below and beyond what was kept, of partitions that were cut anew, and of a history nobody knows.
"""

from typing import Any

import pytest

from bitbrook.control.fences import Fences
from bitbrook.errors import Behind, InvalidFence
from bitbrook.stores.lineage import Lineage

BODY = b'{"records":[{"value":{"id":1,"species":"a","amount":1}}]}'


@pytest.fixture
def written(home: Any, admin: Any) -> Any:
    """A source whose table has three batches."""
    made = home.source(admin)
    for _ in range(3):
        home.service.sources.begin_ingest(admin, made.id, BODY).durable.result(10)
    return made


def chain(home: Any, *lineages: Lineage) -> Fences:
    service = home.service
    return Fences(lineages, service.fences._registry, service._compute)


def test_sequences_of_this_history(home: Any, written: Any) -> None:
    table_id = table_of(home, written)
    fences = home.service.fences
    for sequence in (1, 3):
        fences.fence(written.deployment_id, fences.token(table_id, {0: sequence})).note_read(
            table_id
        )
    fences.fence(written.deployment_id, fences.token(table_id))
    with pytest.raises(Behind) as behind:
        fences.fence(written.deployment_id, fences.token(table_id, {0: 4}))
    assert (behind.value.needed, behind.value.reached) == ({0: 4}, {0: 3})
    assert "a moment later" in behind.value.message


def table_of(home: Any, source: Any) -> str:
    (entry,) = home.service.fences._registry.tables(source.deployment_id)
    return str(entry.row.id)


def test_sequences_of_histories_before(home: Any, written: Any) -> None:
    table_id = table_of(home, written)
    name = f"{table_id}.0"
    first = Lineage(b"first.")
    second = Lineage(b"second", {name: 5})
    third = Lineage(b"third.", {name: 8})
    parted = Lineage(b"parted", {name: 6}, is_parted=True)
    unknown = Lineage(b"nobody")
    cases = [
        ([first, second], first, 5, True),
        ([first, second], first, 6, False),
        ([first, second, third], first, 5, True),
        ([first, second, third], first, 7, False),
        ([first, second, third], second, 8, True),
        ([first, second, third], second, 9, False),
        ([first, parted], first, 6, True),
        # What came after they were cut anew is in other numbers.
        ([first, parted, second], first, 6, True),
        ([first, parted, second], parted, 5, True),
        ([first, parted, second], parted, 6, False),
        ([first, second], unknown, 1, False),
    ]
    for lineages, of, sequence, is_seen in cases:
        token = chain(home, of).token(table_id, {0: sequence})
        fences = chain(home, *lineages)
        if is_seen:
            fences.fence(written.deployment_id, token)
            continue
        with pytest.raises(Behind, match="restored from a backup"):
            fences.fence(written.deployment_id, token)


def test_every_change_of_a_token_is_found(home: Any, written: Any) -> None:
    fences = home.service.fences
    token = fences.token(table_of(home, written))
    for at in range(len(token)):
        for wrong in (token[:at], token[:at] + "-" + token[at + 1 :], token[:at] + token[at + 1 :]):
            if wrong == token:
                continue
            with pytest.raises(InvalidFence):
                fences.fence(written.deployment_id, wrong)
