"""What a source took and refused is counted by minute and by code, and outlives an orderly stop.

Tried with more errors than are kept, records longer than an excerpt, cut through characters, and
bodies of nothing but bad records.
"""

import json
from typing import Any

from bitbrook.telemetry.metrics import render_metrics


def send(home: Any, caller: Any, source: Any, *values: Any) -> Any:
    body = json.dumps({"records": [{"value": v} for v in values]}, ensure_ascii=False).encode()
    begun = home.service.sources.begin_ingest(caller, source.id, body)
    begun.durable.result(10)
    return begun.outcomes


def record(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "species": "a", "amount": 1} | changes


def counted(code: str) -> float:
    """How many errors of a code the process has counted."""
    for line in render_metrics()[0].decode().splitlines():
        if line.startswith("bitbrook_record_errors_total") and f'"{code}"' in line:
            return float(line.rpartition(" ")[2])
    return 0.0


def test_codes_are_counted_by_minute_and_in_all(home: Any, admin: Any) -> None:
    made = home.source(admin)
    codes = ("InvalidId", "InvalidValue", "MissingField", "OutOfRange")
    before = {code: counted(code) for code in codes}
    send(home, admin, made, record(), record(id="x"), record(amount="x"), record(amount="y"))
    send(home, admin, made, record(amount=10**30), record(amount=None))
    home.clock.turn(60)
    send(home, admin, made, record(id=2), record(amount="z"))
    home.clock.turn(60)
    send(home, admin, made, record(id=2))
    minutes = home.service.sources.metrics(admin, made.id)
    assert [dict(minute.error_codes) for minute in minutes] == [
        {"InvalidId": 1, "InvalidValue": 2, "OutOfRange": 1, "MissingField": 1},
        {"InvalidValue": 1},
        {},
    ]
    assert [minute.errors for minute in minutes] == [5, 1, 0]
    grown = {code: counted(code) - before[code] for code in codes}
    assert grown == {"InvalidId": 1, "InvalidValue": 3, "MissingField": 1, "OutOfRange": 1}


def test_an_orderly_stop_keeps_errors_and_minutes(home: Any, admin: Any) -> None:
    made, other = home.source(admin), home.source(admin, name="other")
    send(home, admin, made, record(), *(record(id=f"x{n}") for n in range(700)))
    home.clock.turn(60)
    send(home, admin, made, *(record(amount=f"y{n}") for n in range(700)))
    for _ in range(2):
        errors = home.service.sources.errors(admin, made.id)
        assert len(errors) == 1_000
        assert "y699" in errors[0].excerpt
        assert "x400" in errors[-1].excerpt
        minutes = home.service.sources.metrics(admin, made.id)
        assert [(m.records, m.requests, m.errors) for m in minutes] == [(1, 1, 700), (0, 1, 700)]
        assert home.service.sources.errors(admin, other.id) == []
        home.restart()
    assert home.service.sources.errors(admin, made.id) == errors
    home.clock.turn(10)
    send(home, admin, made, record(), record(id="later"))
    errors = home.service.sources.errors(admin, made.id)
    assert (len(errors), "later" in errors[0].excerpt) == (1_000, True)
    minutes = home.service.sources.metrics(admin, made.id)
    assert [(m.records, m.requests, m.errors) for m in minutes] == [(1, 1, 700), (1, 2, 701)]
    home.service.sources.delete(admin, made.id)
    home.service.lifecycle.settle()
    home.restart()


def test_excerpts_are_cut_to_a_kilobyte_between_characters(home: Any, admin: Any) -> None:
    made = home.source(admin)
    for shift in range(4):
        species = "s" * shift + "€" * 2_000
        send(home, admin, made, record(id="x", species=species))
        error = home.service.sources.errors(admin, made.id)[0]
        assert 1_020 <= len(error.excerpt.encode()) <= 1_024
        assert error.excerpt.endswith("€...")


def test_a_body_of_bad_records_tells_the_last_thousand(home: Any, admin: Any) -> None:
    made = home.source(admin)
    outcomes = send(home, admin, made, *(record(id=f"x{n}") for n in range(2_500)))
    assert len(outcomes.errors) == 2_500
    assert all("x" in error.message for error in outcomes.errors)
    assert sum(bool(error.excerpt) for error in outcomes.errors) == 1_000
    errors = home.service.sources.errors(admin, made.id)
    assert all(error.excerpt for error in errors)
    assert len(errors) == 1_000
