"""Memory is bounded: waiting batches, kept answers, a body's values and a deployment's tables.

Tried with batches beyond the bound at once, thousands of keys with long answers, bodies of many
empty records over many fields, and tables that outgrow a shape made small for it.
"""

import json
from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.api.problems import problem_of
from bitbrook.control import deployments, idempotency
from bitbrook.control.batch_memory import BatchMemory
from bitbrook.control.live_source import Terms
from bitbrook.errors import LimitExceeded, Overloaded, ShapeExceeded
from bitbrook.query.sql import run_sql


def body_of(start: int, count: int, **changes: Any) -> bytes:
    value = {"species": "a", "amount": 1} | changes
    values = [{"value": {"id": number, **value}} for number in range(start, start + count)]
    return json.dumps({"records": values}).encode()


def test_waiting_batches_are_bounded_in_sum() -> None:
    memory = BatchMemory(100)
    memory.take(1_000)
    with pytest.raises(Overloaded) as refusal:
        memory.take(1)
    assert "1,000 bytes wait" in refusal.value.message
    assert problem_of(refusal.value).headers == {"retry-after": "1"}
    memory.give_back(1_000)
    memory.take(60)
    memory.take(40)
    with pytest.raises(Overloaded):
        memory.take(1)
    memory.give_back(60)
    memory.take(60)
    assert memory.held_bytes == 100


def test_a_batch_refused_for_memory_leaves_nothing(home: Any, admin: Any) -> None:
    made = home.source(admin)
    sources = home.service.sources
    sources._memory.take(1 << 40)
    with pytest.raises(Overloaded):
        sources.begin_ingest(admin, made.id, body_of(0, 10), Terms(idempotency_key="k"))
    sources._memory.give_back(1 << 40)
    assert sources.metrics(admin, made.id) == []
    sources.begin_ingest(admin, made.id, body_of(0, 10), Terms(idempotency_key="k")).durable.result(
        10
    )
    assert sources._memory.held_bytes == 0


def test_kept_answers_are_bounded_by_bytes(
    home: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "ANSWERS_BYTES_MAX", 100_000)
    made = home.source(admin)
    keys = home.service.sources._live[made.id]._keys
    for number in range(30):
        body = body_of(0, 50, amount="x" * 100)
        begun = home.service.sources.begin_ingest(
            admin, made.id, body, Terms(idempotency_key=f"k{number}")
        )
        begun.durable.result(10)
    assert 0 < keys._held_bytes <= 100_000
    assert keys.find("k0") is None
    assert keys.find("k29") is not None
    home.clock.turn(86_400)
    assert keys.find("k29") is None
    assert keys._held_bytes == 0


def test_values_of_a_body_are_bounded_before_they_take_memory(home: Any, admin: Any) -> None:
    entries = [{"name": f"f{number}", "type": "bool"} for number in range(4_000)]
    schema = home.source_schema([{"name": "id", "type": "id"}, *entries], allow_missing_fields=True)
    made = home.source(admin, schema=schema)
    begin = home.service.sources.begin_ingest
    lines = b"".join(b'{"id":%d}\n' % number for number in range(20_000))
    with pytest.raises(LimitExceeded, match="4,001 fields"):
        begin(admin, made.id, lines, Terms(is_lines=True))
    with pytest.raises(LimitExceeded, match="in several requests"):
        begin(admin, made.id, b'{"records":[%s]}' % b",".join([b'{"value":{"id":1}}'] * 20_000))
    begun = begin(admin, made.id, lines[:500], Terms(is_lines=True))
    begun.durable.result(30)
    assert begun.outcomes.success_count > 30


def test_a_deployment_takes_nothing_beyond_its_shape(
    home: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = deployments.Shape("8GB", 400_000, "development")
    monkeypatch.setattr(deployments, "SHAPES", (small,))
    made = home.source(admin)
    begin = home.service.sources.begin_ingest
    stored, refusal = 0, None
    while refusal is None and stored < 400_000:
        try:
            begin(admin, made.id, body_of(stored, 10_000)).durable.result(10)
            stored += 10_000
        except ShapeExceeded as error:
            refusal = error
        home.clock.turn(5)
    assert refusal is not None
    assert stored > 10_000
    problem = problem_of(refusal)
    assert (problem.status, problem.code) == (507, "ShapeExceeded")
    assert "'iris' hold" in problem.message
    assert "400,000" in problem.message
    # Questions go on, and so does whatever gives memory back.
    [table] = home.service.tables.list(admin, made.deployment_id)
    assert table.statistics.record_count == stored
    database = home.service.queries.database(admin, made.deployment_id)
    counted = run_sql("select count(*) from things", database, Budget())
    assert counted.table.column(0).to_pylist() == [stored]
    with pytest.raises(ShapeExceeded):
        run_sql("insert into things (_id, amount) values (900001, 5)", database, Budget())
    run_sql("delete from things where amount = 77", database, Budget())
    other = home.service.deployments.create(admin, "other", "8GB")
    home.service.lifecycle.settle()
    home.service.tables.create(admin, other.id, "things")
    fresh = home.service.sources.create(admin, "fresh", other.id, "things", home.source_schema())
    home.service.lifecycle.settle()
    begin(admin, fresh.id, body_of(0, 1)).durable.result(10)
    home.service.sources.delete(admin, made.id)
    home.service.lifecycle.settle()
    home.service.tables.delete(admin, made.deployment_id, "things")
    home.service.lifecycle.settle()
    again = home.source(admin, name="again")
    home.clock.turn(5)
    begin(admin, again.id, body_of(0, 10)).durable.result(10)


def test_memory_is_not_measured_for_each_request(
    home: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.source(admin)
    measured = []
    statistics = home.service._compute.statistics

    def watched(table_id: str) -> Any:
        measured.append(table_id)
        return statistics(table_id)

    monkeypatch.setattr(home.service._compute, "statistics", watched)
    for number in range(20):
        begun = home.service.sources.begin_ingest(admin, made.id, body_of(number, 1))
        begun.durable.result(10)
        home.clock.turn(0.5)
    assert len(measured) == 2
