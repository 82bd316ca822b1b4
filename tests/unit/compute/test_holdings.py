"""Partitions pass from one owner that goes on to another without a wait for its lease.

The lease is far longer than anybody would wait. The second owner looks at the very moment at which
the partitions become its own, while the first has them open and has not heard of it; what the first
never gives back is taken all the same.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.owner import Owner
from bitbrook.compute.requests import Asked, Spending, form_of
from bitbrook.engine.recovery import partition_name
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.ownership import Held, Ownership, Placement
from bitbrook.stores.sql import open_engine

FIRST, SECOND = "d.1.0.0", "d.1.1.0"
LONG_S, SHORT_S = 60.0, 1.0
TIMEOUT_S = 20.0


@pytest.fixture
def ownership(owner_settings: OwnerSettings, schema: TableSchema) -> Iterator[Ownership]:
    """Two owners; the first has the whole table."""
    engine = open_engine(owner_settings.log_database)
    ownership = Ownership(engine)
    ownership.place(Placement("d", 1, 2), [FIRST, SECOND])
    ownership.store_table("t", "d", msgspec.msgpack.encode(schema))
    numbers = range(schema.partition_count)
    ownership.assign({Held(partition_name("t", n), "t", n): FIRST for n in numbers})
    yield ownership
    engine.dispose()


@pytest.fixture
def owners(
    request: pytest.FixtureRequest, owner_settings: OwnerSettings, ownership: Ownership
) -> Iterator[list[Owner]]:
    """Both, begun, with a lease as the test says."""
    settings = replace(owner_settings, lease_s=request.param)
    owners = [Owner(name, settings) for name in (FIRST, SECOND)]
    eventually(lambda: all(owner.ping() for owner in owners))
    yield owners
    for owner in owners:
        owner.close()


def eventually(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def answers(owner: Owner, schema: TableSchema) -> bool:
    """Whether an owner answers for all partitions."""
    spending, numbers = Spending.of(Budget.starting_now(30.0)), tuple(range(schema.partition_count))
    asked = Asked("t", form_of(schema), schema.is_keyed, numbers, CountRecords(), spending, "s")
    return isinstance(owner.ask(asked), list)


def move(ownership: Ownership, schema: TableSchema) -> None:
    numbers = range(schema.partition_count)
    ownership.reassign({partition_name("t", number): SECOND for number in numbers})


@pytest.mark.parametrize("owners", [LONG_S], indirect=True)
def test_what_moves_is_given_back_before_it_is_taken(
    ownership: Ownership, owners: list[Owner], schema: TableSchema
) -> None:
    first, second = owners
    assert answers(first, schema)
    move(ownership, schema)
    running: Any = second._running
    running.holdings.reconcile_all()
    eventually(lambda: answers(second, schema))
    assert not answers(first, schema)


@pytest.mark.parametrize("owners", [SHORT_S], indirect=True)
def test_what_is_not_given_back_is_taken(
    ownership: Ownership,
    owners: list[Owner],
    schema: TableSchema,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first looks no more, as one whose thread hangs."""
    first, second = owners
    monkeypatch.setattr("bitbrook.compute.holdings.YIELDED_FOR_S", 0.0)
    running: Any = first._running
    monkeypatch.setattr(running.holdings, "reconcile_all", lambda: None)
    move(ownership, schema)
    eventually(lambda: answers(second, schema))
    assert not answers(first, schema)
