"""A source changes wholly or not at all, while records stream, and is the same after a restart.

Tried with changes that contradict the source or its table, several sources of one table, streams
under way on other threads, every state, callers without the right, and restarts after each.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from bitbrook.control.lifecycle import Status
from bitbrook.control.live_source import Terms
from bitbrook.control.rates import RateLimits, RateLimitsChange
from bitbrook.control.sources import SourceChange
from bitbrook.errors import Conflict, InvalidSchema, NotAllowed, NotFound, QuotaExceeded
from bitbrook.sources.schema_change import SchemaChange

TAGS = {"name": "tags", "path": ["tags"], "type": "strings"}


def body_of(*values: dict[str, Any]) -> bytes:
    return json.dumps({"records": [{"value": value} for value in values]}).encode()


def adding(*definition: dict[str, Any], **options: Any) -> SourceChange:
    schema = msgspec.convert({"definition": list(definition), **options}, SchemaChange)
    return SourceChange(schema=schema)


def fields_of(home: Any, caller: Any) -> list[str]:
    [table] = home.service.tables.list(caller, home.deployment_id(caller))
    return [field.name for field in table.schema.fields]


def count(home: Any, caller: Any) -> int:
    [table] = home.service.tables.list(caller, home.deployment_id(caller))
    return table.statistics.record_count


def send(
    home: Any, caller: Any, source: Any, *values: dict[str, Any], key: str | None = None
) -> Any:
    begun = home.service.sources.begin_ingest(
        caller, source.id, body_of(*values), Terms(idempotency_key=key)
    )
    begun.durable.result(10)
    return begun.outcomes


def test_added_fields_are_in_the_table_and_taken_at_once(home: Any, admin: Any) -> None:
    made = home.source(admin)
    send(home, admin, made, {"id": 1, "species": "a", "amount": 1, "tags": ["early"]})
    changed = home.service.sources.change(admin, made.id, adding(TAGS, allow_missing_fields=True))
    assert changed.schema.definition[:3] == made.schema.definition
    assert changed.schema.definition[3].name == "tags"
    assert fields_of(home, admin) == ["species", "amount", "tags"]
    send(home, admin, made, {"id": 2, "tags": ["late"]}, {"id": 3, "species": "a", "amount": 1})
    home.restart()
    assert home.service.sources.get(admin, made.id) == changed
    send(home, admin, made, {"id": 4, "tags": ["later"]})
    assert count(home, admin) == 4
    [table] = home.service.tables.list(admin, made.deployment_id)
    assert {field.name: field.rows for field in table.statistics.fields}["tags"] == 2


def test_a_refused_change_changes_nothing(home: Any, admin: Any) -> None:
    made = home.source(admin)
    other = home.source_schema([{"name": "id", "type": "id"}, {"name": "size", "type": "int"}])
    home.source(admin, name="other", schema=other)
    change = home.service.sources.change
    with pytest.raises(InvalidSchema):
        change(admin, made.id, adding(TAGS, {"name": "x", "type": "?"}))
    with pytest.raises(Conflict, match="amount"):
        change(admin, made.id, adding(TAGS, {"name": "amount", "type": "string"}))
    with pytest.raises(Conflict) as refusal:
        change(admin, made.id, adding(TAGS, {"name": "size", "type": "decimal"}))
    [told] = refusal.value.details
    assert "decimal" in told
    assert "has int" in told
    both = msgspec.structs.replace(
        adding({"name": "amount", "type": "bool"}),
        is_paused=True,
        limits=RateLimitsChange(records_per_s=1),
    )
    with pytest.raises(Conflict):
        change(admin, made.id, both)
    for _ in range(2):
        assert home.service.sources.get(admin, made.id) == msgspec.structs.replace(
            made, status=Status.RUNNING
        )
        assert fields_of(home, admin) == ["species", "amount", "size"]
        send(home, admin, made, *({"id": n, "species": "a", "amount": 1} for n in range(20)))
        home.restart()


def test_several_sources_feed_one_table_and_gain_each_others_fields(home: Any, admin: Any) -> None:
    made = home.source(admin)
    narrow = home.source_schema([{"name": "id", "type": "id"}, TAGS], allow_missing_fields=True)
    second = home.source(admin, name="second", schema=narrow)
    home.service.sources.change(admin, made.id, adding(TAGS, allow_missing_fields=True))
    home.service.sources.change(admin, second.id, adding({"name": "amount", "type": "int"}))
    send(home, admin, made, {"id": 1, "tags": ["a"]})
    send(home, admin, second, {"id": 1, "tags": ["b"], "amount": 5})
    assert fields_of(home, admin) == ["species", "amount", "tags"]
    [table] = home.service.tables.list(admin, made.deployment_id)
    assert {field.name: field.rows for field in table.statistics.fields}["tags"] == 2
    assert count(home, admin) == 1


def test_streams_under_way_are_not_disturbed(home: Any, admin: Any) -> None:
    made = home.source(admin)
    other = home.source(admin, name="other")

    def feed(source: Any, start: int) -> int:
        stored = 0
        for number in range(start, start + 150):
            value = {"id": number, "species": "a", "amount": 1, "f0": True}
            stored += send(home, admin, source, value).success_count
        return stored

    with ThreadPoolExecutor(4) as threads:
        feeding = [
            threads.submit(feed, source, 1_000 * place)
            for place, source in enumerate((made, made, other))
        ]
        for number in range(12):
            entry = {"name": f"f{number}", "type": "bool"}
            change = adding(entry, allow_missing_fields=True)
            home.service.sources.change(admin, made.id, change)
        assert [each.result(60) for each in feeding] == [150] * 3
    assert count(home, admin) == 450
    home.restart()
    assert count(home, admin) == 450
    assert len(fields_of(home, admin)) == 14


def test_a_paused_source_takes_nothing_until_it_is_resumed(home: Any, admin: Any) -> None:
    made = home.source(admin)
    value = {"id": 1, "species": "a", "amount": 1}
    send(home, admin, made, value, key="k")
    sources = home.service.sources
    for _ in range(2):
        assert sources.change(admin, made.id, SourceChange(is_paused=True)).status == "PAUSED"
    for _ in range(2):
        assert home.service.sources.get(admin, made.id).status is Status.PAUSED
        with pytest.raises(Conflict, match="'stream' is PAUSED; resume it"):
            send(home, admin, made, {"id": 2, "species": "a", "amount": 1})
        assert [m.requests for m in home.service.sources.metrics(admin, made.id)] == [1]
        home.restart()
    for _ in range(2):
        resumed = home.service.sources.change(admin, made.id, SourceChange(is_paused=False))
        assert resumed.status is Status.RUNNING
    send(home, admin, made, {"id": 7, "species": "a", "amount": 1}, key="k")
    send(home, admin, made, {"id": 2, "species": "a", "amount": 1})
    assert count(home, admin) == 2
    home.restart()
    assert home.service.sources.get(admin, made.id).status is Status.RUNNING


def test_a_paused_source_can_change_and_go(home: Any, admin: Any) -> None:
    made = home.source(admin)
    change = home.service.sources.change
    change(admin, made.id, SourceChange(is_paused=True))
    assert change(admin, made.id, adding(TAGS)).status is Status.PAUSED
    assert "tags" in fields_of(home, admin)
    home.service.sources.delete(admin, made.id)
    home.service.lifecycle.settle()
    with pytest.raises(NotFound):
        home.service.sources.get(admin, made.id)
    home.restart()


def test_only_what_runs_or_pauses_can_change(home: Any, admin: Any) -> None:
    table = home.table(admin)
    home.service.lifecycle.hold()
    sources = home.service.sources
    made = sources.create(admin, "s", table.deployment_id, "things", home.source_schema())
    with pytest.raises(Conflict, match="CREATING"):
        sources.change(admin, made.id, adding(TAGS))
    home.service.lifecycle.release()
    home.service.lifecycle.settle()
    home.service.lifecycle.hold()
    sources.delete(admin, made.id)
    with pytest.raises(Conflict, match="DELETING"):
        sources.change(admin, made.id, SourceChange(is_paused=True))
    with pytest.raises(NotFound):
        sources.change(admin, "none", SourceChange())
    assert fields_of(home, admin) == ["species", "amount"]


def test_others_may_not_change_it(home: Any, admin: Any) -> None:
    made = home.source(admin)
    user = home.join("bob@example.org")
    key = home.service.api_keys.create(user, "k", scopes=["ingest"])
    ingester = home.service.identity.authenticate_key(key.key)
    with pytest.raises(NotAllowed):
        home.service.sources.change(ingester, made.id, SourceChange(is_paused=True))
    with pytest.raises(NotFound):
        home.service.sources.change(home.foreigner(), made.id, SourceChange(is_paused=True))
    assert home.service.sources.get(admin, made.id).status is Status.RUNNING


def test_a_source_has_rates_of_its_own(home: Any, admin: Any) -> None:
    deployment_id = home.table(admin).deployment_id
    sources = home.service.sources
    limits = RateLimits(records_per_s=10)
    made = sources.create(admin, "s", deployment_id, "things", home.source_schema(), limits=limits)
    home.service.lifecycle.settle()
    assert made.limits == RateLimits(10, 0)
    values = [{"id": n, "species": "a", "amount": 1} for n in range(35)]
    begun = sources.begin_ingest(admin, made.id, body_of(*values))
    assert begun.allowance == (10, 0, 4)
    with pytest.raises(QuotaExceeded, match="10 records a second; try again in 3 s"):
        send(home, admin, made, values[0])
    # What is owed stays owed at another rate.
    change = RateLimitsChange(records_per_s=25, bytes_per_s=1_000_000)
    changed = sources.change(admin, made.id, SourceChange(limits=change))
    assert changed.limits == RateLimits(25, 1_000_000)
    with pytest.raises(QuotaExceeded, match="25 records a second; try again in 1 s"):
        send(home, admin, made, values[0])
    home.clock.turn(1.1)
    send(home, admin, made, values[0])
    home.restart(source_records_per_s=3)
    sources = home.service.sources
    assert sources.get(admin, made.id).limits == RateLimits(25, 1_000_000)
    by_default = RateLimitsChange(records_per_s=None)
    assert sources.change(admin, made.id, SourceChange(limits=by_default)).limits == RateLimits(
        3, 1_000_000
    )
    none = RateLimitsChange(records_per_s=0, bytes_per_s=0)
    assert sources.change(admin, made.id, SourceChange(limits=none)).limits == RateLimits(0, 0)
    for _ in range(3):
        send(home, admin, made, *values)
    home.restart()
    assert home.service.sources.get(admin, made.id).limits == RateLimits(0, 0)


def test_the_rate_nearer_to_its_end_is_told(home: Any, admin: Any) -> None:
    made = home.source(admin)
    body = body_of({"id": 1, "species": "a", "amount": 1})
    limits = RateLimitsChange(records_per_s=4, bytes_per_s=len(body) * 2)
    sources = home.service.sources
    sources.change(admin, made.id, SourceChange(limits=limits))
    assert sources.begin_ingest(admin, made.id, body).allowance == (2 * len(body), len(body), 1)
    sources.change(admin, made.id, SourceChange(limits=RateLimitsChange(bytes_per_s=10**6)))
    home.clock.turn(10)
    values = [{"id": n, "species": "a", "amount": 1} for n in range(3)]
    assert sources.begin_ingest(admin, made.id, body_of(*values)).allowance == (4, 1, 1)
