"""Records go through a source into its table once they are acknowledged, and only once a key.

Tried with schemas that contradict the table, records at fault, idempotency keys that come again (at
once, later, after a failure), rates, sources in every state, deletions under load, and restarts.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from bitbrook.control.lifecycle import Status
from bitbrook.control.live_source import Terms
from bitbrook.errors import (
    BitbrookError,
    Conflict,
    InvalidBody,
    InvalidSchema,
    InvalidValue,
    NotFound,
    QuotaExceeded,
    Stopping,
    TableNotFound,
)


def body_of(*ids: Any, amount: int = 1) -> bytes:
    values = [{"value": {"id": each, "species": "setosa", "amount": amount}} for each in ids]
    return json.dumps({"records": values}).encode()


def count(home: Any, caller: Any) -> int:
    """How many records the table has."""
    [table] = home.service.tables.list(caller, home.deployment_id(caller))
    return table.statistics.record_count


def test_a_source_comes_takes_records_and_goes(home: Any, admin: Any) -> None:
    table = home.table(admin)
    home.service.lifecycle.hold()
    sources = home.service.sources
    made = sources.create(admin, "My stream", table.deployment_id, "things", home.source_schema())
    assert (made.status, made.table, made.name) == ("CREATING", "things", "My stream")
    assert made.schema == home.source_schema()
    with pytest.raises(Conflict, match="CREATING"):
        sources.begin_ingest(admin, made.id, body_of(1))
    found = home.service.tables.get(admin, table.deployment_id, "things")
    assert [field.name for field in found.schema.fields] == ["species", "amount"]
    home.restart()
    home.service.lifecycle.settle()
    sources = home.service.sources
    assert sources.get(admin, made.id).status is Status.RUNNING
    ingest = sources.begin_ingest(admin, made.id, body_of(1, 2, 2))
    assert ingest.durable.result(10) == {0: 1}
    assert ingest.outcomes.success_count == 3
    assert count(home, admin) == 2
    home.service.lifecycle.hold()
    assert sources.delete(admin, made.id).status is Status.DELETING
    assert sources.delete(admin, made.id).status is Status.DELETING
    with pytest.raises(Conflict, match="DELETING"):
        sources.begin_ingest(admin, made.id, body_of(1))
    home.restart()
    home.service.lifecycle.settle()
    for way in (home.service.sources.get, home.service.sources.delete):
        with pytest.raises(NotFound):
            way(admin, made.id)
    with pytest.raises(NotFound):
        home.service.sources.begin_ingest(admin, made.id, body_of(1))
    assert count(home, admin) == 2


def test_a_running_source_goes_on_after_a_restart(home: Any, admin: Any) -> None:
    made = home.source(admin)
    home.service.sources.begin_ingest(admin, made.id, body_of(1)).durable.result(10)
    home.restart()
    assert home.service.sources.list(admin) == [home.service.sources.get(admin, made.id)]
    home.service.sources.begin_ingest(admin, made.id, body_of(2)).durable.result(10)
    assert count(home, admin) == 2


def test_lines_are_taken_too(home: Any, admin: Any) -> None:
    made = home.source(admin)
    lines = b'{"id": 1, "species": "a", "amount": 2}\nnonsense\n'
    ingest = home.service.sources.begin_ingest(admin, made.id, lines, Terms(is_lines=True))
    ingest.durable.result(10)
    assert (ingest.outcomes.count, ingest.outcomes.success_count) == (2, 1)
    assert count(home, admin) == 1


def test_a_second_source_adds_its_fields(home: Any, admin: Any) -> None:
    home.source(admin)
    more = home.source_schema(
        [
            {"name": "id", "type": "id"},
            {"name": "amount", "type": "int"},
            {"name": "is_new", "type": "bool"},
        ]
    )
    second = home.source(admin, name="second", schema=more)
    body = b'{"records":[{"value":{"id":1,"amount":1,"is_new":true}}]}'
    home.service.sources.begin_ingest(admin, second.id, body).durable.result(10)
    [table] = home.service.tables.list(admin, second.deployment_id)
    assert [(f.name, f.id) for f in table.schema.fields] == [
        ("species", 1),
        ("amount", 2),
        ("is_new", 3),
    ]


def test_a_contradiction_names_both_definitions_and_changes_nothing(home: Any, admin: Any) -> None:
    first = home.source(admin)
    [before] = home.service.tables.list(admin, first.deployment_id)
    contradicting = home.source_schema(
        [
            {"name": "id", "type": "id"},
            {"name": "amount", "type": "decimal", "config": {"Scale": 2}},
            {"name": "species", "type": "strings"},
            {"name": "extra", "type": "bool"},
        ]
    )
    with pytest.raises(Conflict) as refusal:
        home.source(admin, name="second", schema=contradicting)
    assert len(refusal.value.details) == 2
    amount = next(fault for fault in refusal.value.details if "amount" in fault)
    assert "decimal with Scale 2" in amount
    assert "has int" in amount
    [after] = home.service.tables.list(admin, first.deployment_id)
    assert after.schema == before.schema
    assert len(home.service.sources.list(admin)) == 1


def test_what_a_source_cannot_be(home: Any, admin: Any) -> None:
    table = home.table(admin)
    create = home.service.sources.create
    with pytest.raises(InvalidSchema) as refusal:
        create(admin, "s", table.deployment_id, "things", home.source_schema([{"name": "Id"}]))
    assert len(refusal.value.details) >= 2
    with pytest.raises(TableNotFound):
        create(admin, "s", table.deployment_id, "nothing", home.source_schema())
    with pytest.raises(NotFound):
        create(admin, "s", "nowhere", "things", home.source_schema())
    with pytest.raises(InvalidValue):
        create(admin, "", table.deployment_id, "things", home.source_schema())
    create(admin, "s", table.deployment_id, "things", home.source_schema())
    with pytest.raises(Conflict, match="'s' already"):
        create(admin, "s", table.deployment_id, "things", home.source_schema())


def test_errors_and_minutes_are_kept(home: Any, admin: Any) -> None:
    made = home.source(admin)
    sources = home.service.sources
    began = datetime.fromtimestamp(home.clock.at_s // 60 * 60, UTC)
    assert sources.metrics(admin, made.id) == []
    sources.begin_ingest(admin, made.id, body_of(1, "x", 2)).durable.result(10)
    sources.begin_ingest(admin, made.id, body_of("y")).durable.result(10)
    home.clock.turn(180)
    sources.begin_ingest(admin, made.id, body_of(3)).durable.result(10)
    with pytest.raises(InvalidBody):
        sources.begin_ingest(admin, made.id, b"nonsense")
    minutes = sources.metrics(admin, made.id)
    assert [(m.records, m.requests, m.errors) for m in minutes] == [(2, 2, 2), (1, 1, 0)]
    assert minutes[0].at == began
    assert (minutes[1].at - began).total_seconds() == 180
    errors = sources.errors(admin, made.id)
    assert [(error.code, '"y"' in error.excerpt) for error in errors] == [
        ("InvalidId", True),
        ("InvalidId", False),
    ]
    for _ in range(6):
        sources.begin_ingest(admin, made.id, body_of(*["x"] * 300)).durable.result(10)
    assert len(sources.errors(admin, made.id)) == 1_000
    home.clock.turn(86_400)
    assert sources.metrics(admin, made.id) == []


def test_an_idempotency_key_is_answered_once_for_a_day(home: Any, admin: Any) -> None:
    made = home.source(admin)
    begin = home.service.sources.begin_ingest
    first = begin(admin, made.id, body_of(1, "x"), Terms(idempotency_key="k"))
    first.durable.result(10)
    for _ in range(3):
        again = begin(admin, made.id, body_of(5, 6, 7), Terms(idempotency_key="k"))
        assert again[:2] == first[:2]
        again.durable.result(10)
    assert count(home, admin) == 1
    assert [m.requests for m in home.service.sources.metrics(admin, made.id)] == [1]
    begin(admin, made.id, body_of(2), Terms(idempotency_key="other")).durable.result(10)
    home.clock.turn(86_400)
    begin(admin, made.id, body_of(5), Terms(idempotency_key="k")).durable.result(10)
    assert count(home, admin) == 3


def test_a_key_belongs_to_a_source(home: Any, admin: Any) -> None:
    one, two = home.source(admin), home.source(admin, name="two")
    for at, source in enumerate((one, two)):
        ingest = home.service.sources.begin_ingest(
            admin, source.id, body_of(at), Terms(idempotency_key="k")
        )
        ingest.durable.result(10)
    assert count(home, admin) == 2


def test_the_same_key_many_times_at_once_applies_once(home: Any, admin: Any) -> None:
    made = home.source(admin)

    def ingest(number: int) -> Any:
        begun = home.service.sources.begin_ingest(
            admin, made.id, body_of(number), Terms(idempotency_key="k")
        )
        begun.durable.result(10)
        return begun.outcomes

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(ingest, range(16)))
    assert all(each == outcomes[0] for each in outcomes)
    assert count(home, admin) == 1


def test_a_refused_request_uses_its_key_not_up(home: Any, admin: Any) -> None:
    made = home.source(admin)
    begin = home.service.sources.begin_ingest
    with pytest.raises(InvalidBody):
        begin(admin, made.id, b"nonsense", Terms(idempotency_key="k"))
    live = home.service.sources._live[made.id]
    live._compute.drop_table(live._table_id)
    with pytest.raises(TableNotFound):
        begin(admin, made.id, body_of(1), Terms(idempotency_key="k"))
    [table] = home.service.tables.list(admin, made.deployment_id)
    live._compute.open_table(table.schema)
    begin(admin, made.id, body_of(1), Terms(idempotency_key="k")).durable.result(10)
    assert count(home, admin) == 1


def test_a_caller_who_goes_away_cancels_nothing(home: Any, admin: Any) -> None:
    made = home.source(admin)
    begin = home.service.sources.begin_ingest
    gone = begin(admin, made.id, body_of(1), Terms(idempotency_key="k"))
    assert not gone.durable.cancel()
    again = begin(admin, made.id, body_of(1), Terms(idempotency_key="k"))
    assert again.durable.result(10) == {0: 1}
    assert count(home, admin) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_keys_that_cannot_be(home: Any, admin: Any, key: str) -> None:
    made = home.source(admin)
    with pytest.raises(InvalidValue, match="Idempotency-Key"):
        home.service.sources.begin_ingest(admin, made.id, body_of(1), Terms(idempotency_key=key))


def test_rates_are_kept_when_set(home: Any, admin: Any) -> None:
    made = home.source(admin)
    home.restart(source_records_per_s=10)
    begin = home.service.sources.begin_ingest
    begin(admin, made.id, body_of(*range(35))).durable.result(10)
    with pytest.raises(QuotaExceeded, match="10 records a second; try again in 3 s"):
        begin(admin, made.id, body_of(1))
    home.clock.turn(2.5)
    with pytest.raises(QuotaExceeded):
        begin(admin, made.id, body_of(1))
    home.clock.turn(0.1)
    begin(admin, made.id, body_of(1)).durable.result(10)
    home.restart(source_records_per_s=0, source_bytes_per_s=10)
    home.service.sources.begin_ingest(admin, made.id, body_of(1)).durable.result(10)
    with pytest.raises(QuotaExceeded, match="bytes a second"):
        home.service.sources.begin_ingest(admin, made.id, body_of(1))


def test_deleting_everything_under_load_loses_nothing_acknowledged(home: Any, admin: Any) -> None:
    made = home.source(admin)
    acknowledged: list[int] = []

    def feed(start: int) -> None:
        for number in range(start, start + 200):
            try:
                begun = home.service.sources.begin_ingest(admin, made.id, body_of(number))
                begun.durable.result(10)
            except BitbrookError:
                return
            acknowledged.append(number)

    with ThreadPoolExecutor(3) as threads:
        feeding = [threads.submit(feed, start) for start in (0, 1_000, 2_000)]
        while len(acknowledged) < 30 and not all(each.done() for each in feeding):
            pass
        home.service.sources.delete(admin, made.id)
        for each in feeding:
            each.result(30)
    home.restart()
    assert count(home, admin) == len(acknowledged)


def test_a_stopped_service_takes_nothing(home: Any, admin: Any) -> None:
    made = home.source(admin)
    service = home.service
    home.stop()
    with pytest.raises((Stopping, TableNotFound)):
        service.sources.begin_ingest(admin, made.id, body_of(1))
    with pytest.raises(Stopping), service.queries.budget():
        pass
    assert not service.is_ready


@pytest.mark.parametrize("checkpoints", [False, True])
def test_a_key_is_known_after_a_restart(home: Any, admin: Any, checkpoints: bool) -> None:
    made = home.source(admin)
    begin = home.service.sources.begin_ingest
    first = begin(admin, made.id, body_of(1, "x"), Terms(idempotency_key="k"))
    first.durable.result(10)
    begin(admin, made.id, body_of("x"), Terms(idempotency_key="nothing stored")).durable.result(10)
    if checkpoints:
        home.service.checkpoint()
    home.clock.turn(86_399)
    home.restart()
    begin = home.service.sources.begin_ingest
    again = begin(admin, made.id, body_of(5), Terms(idempotency_key="k"))
    again.durable.result(10)
    assert again.outcomes == first.outcomes
    assert count(home, admin) == 1
    home.clock.turn(1)
    home.restart()
    begin = home.service.sources.begin_ingest
    begin(admin, made.id, body_of(5), Terms(idempotency_key="k")).durable.result(10)
    assert count(home, admin) == 2
