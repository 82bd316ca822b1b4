"""Sources change over HTTP: they gain fields, pause, resume, and are held to rates of their own.

Tried with bodies that say too much or nothing, changes that contradict, both versions' words, rates
used up, and a restart of the server in between.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import (
    SCHEMA,
    ask_pql,
    create_deployment,
    create_source,
    create_table,
    stream,
    unique_name,
    wait_for_status,
)
from server_process import ServerProcess

SIZE = {"name": "size", "path": ["size"], "type": "int"}


def refused(api: httpx.Client, source_id: str, status: int) -> dict[str, Any]:
    """The error of a request of records."""
    answer = api.post(f"/v1/sinks/{source_id}", json={"records": [{"value": {"id": 999}}]})
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_a_source_gains_fields(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    path = f"/v1/sinks/{source_id}"
    stream(api, source_id, [{"id": 1, "size": 5}])
    for definition in ([SIZE], [*SCHEMA["definition"], SIZE]):
        changed = api.patch(path, json={"schema": {"definition": definition}})
        assert changed.status_code == 200, changed.text
        assert changed.json() == api.get(path).json()
        assert changed.json()["schema"]["definition"] == [*SCHEMA["definition"], SIZE]
    stream(api, source_id, [{"id": 2, "size": 6}, {"id": 3, "size": 7}])
    (total,) = ask_pql(api, deployment_id, f"[{table}]Sum(field=size)")
    assert (total["value"], total["count"]) == (13, 2)
    fields = api.get(f"/v1/tables/{deployment_id}/{table}").json()["fields"]
    assert [field["name"] for field in fields] == ["amount", "species", "tags", "size"]


def test_changes_that_cannot_be(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    path = f"/v1/sinks/{source_id}"
    before = api.get(path).json()

    def refusal(status: int, **body: Any) -> dict[str, Any]:
        answer = api.patch(path, json=body)
        assert answer.status_code == status, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error

    faulty = [{"name": "A", "type": "int"}, {"name": "b", "type": "strng"}]
    error = refusal(422, schema={"definition": faulty}, paused=True)
    assert (error["code"], len(error["details"])) == ("InvalidSchema", 2)
    other = {"name": "amount", "path": ["amount"], "type": "int"}
    error = refusal(409, schema={"definition": [SIZE, other]}, paused=True)
    assert '"decimal"' in error["details"][0]
    assert '"int"' in error["details"][0]
    assert refusal(400, name="new")["code"] == "InvalidBody"
    assert refusal(400, paused="yes")["field"] == "paused"
    assert refusal(400, rate_limits={"records_per_s": -1})["field"] == "rate_limits.records_per_s"
    assert api.patch("/v1/sinks/none", json={"paused": True}).status_code == 404
    assert api.patch(path, json={}).json() == before
    assert api.get(path).json() == before
    stream(api, source_id, [{"id": 1}])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_pausing_and_resuming(api: httpx.Client, source_id: str, version: str) -> None:
    path = f"/{version}/sinks/{source_id}"
    running = api.get(path).json()["status"]
    ways = [
        lambda is_paused: api.patch(path, json={"paused": is_paused}),
        lambda is_paused: api.post(f"{path}/{'pause' if is_paused else 'resume'}"),
    ]
    for change in ways:
        for _ in range(2):
            paused = change(True)
            assert (paused.status_code, paused.json()["status"]) == (200, "PAUSED"), paused.text
        error = refused(api, source_id, 409)
        assert "PAUSED; resume it" in error["message"]
        assert change(False).json()["status"] == running
        stream(api, source_id, [{"id": 1}])


def test_rates_of_a_source(api: httpx.Client, deployment_id: str, table: str) -> None:
    body = {
        "name": unique_name("s"),
        "sink_details": {"deployment_id": deployment_id, "table": table},
        "schema": SCHEMA,
        "rate_limits": {"records_per_s": 20},
    }
    created = api.post("/v1/sinks", json=body)
    assert created.status_code == 201, created.text
    assert created.json()["rate_limits"] == {"records_per_s": 20, "bytes_per_s": 0}
    path = f"/v1/sinks/{created.json()['id']}"
    wait_for_status(api, path, "RUNNING")
    taken = api.post(path, json={"records": [{"value": {"id": n}} for n in range(8)]})
    assert taken.status_code == 200
    assert taken.headers["ratelimit-limit"] == "20"
    assert 12 <= int(taken.headers["ratelimit-remaining"]) <= 13
    assert taken.headers["ratelimit-reset"] == "1"
    api.post(path, json={"records": [{"value": {"id": n}} for n in range(4_000)]})
    over = api.post(path, json={"records": []})
    assert over.status_code == 429
    assert over.headers["ratelimit-limit"] == "20"
    assert over.headers["ratelimit-remaining"] == "0"
    assert 190 <= int(over.headers["retry-after"]) <= 200
    assert over.headers["ratelimit-reset"] == over.headers["retry-after"]
    assert over.json()["error"]["code"] == "QuotaExceeded"
    assert "20 records a second" in over.json()["message"]
    changed = api.patch(path, json={"rate_limits": {"records_per_s": None, "bytes_per_s": 10**6}})
    assert changed.json()["rate_limits"] == {"records_per_s": 0, "bytes_per_s": 10**6}
    taken = api.post(path, json={"records": []})
    assert taken.status_code == 200
    assert taken.headers["ratelimit-limit"] == "1000000"
    assert "rate_limits" not in api.patch(path, json={"rate_limits": {"bytes_per_s": 0}}).json()
    unlimited = api.post(path, json={"records": []}).headers
    assert unlimited["ratelimit-limit"] == unlimited["ratelimit-remaining"] == "9" * 15


def test_error_codes_are_counted(
    api: httpx.Client, anonymous: httpx.Client, source_id: str
) -> None:
    values = [{"id": 1, "amount": "x"}, {"id": "y"}, {"amount": 1}, {"id": 2, "amount": "é" * 900}]
    stream(api, source_id, values)
    minutes = api.get(f"/v1/sinks/{source_id}/metrics").json()["metrics"]
    codes: dict[str, int] = {}
    for minute in minutes:
        for code, count in minute["error_codes"].items():
            codes[code] = codes.get(code, 0) + count
    assert codes == {"InvalidValue": 2, "InvalidId": 1, "MissingField": 1}
    newest = api.get(f"/v1/sinks/{source_id}/errors").json()["errors"][0]
    assert 1_020 <= len(newest["excerpt"].encode()) <= 1_024
    assert newest["excerpt"].endswith("é...")
    shown = anonymous.get("/metrics").text
    assert 'bitbrook_record_errors_total{code="InvalidId"}' in shown


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        deployment_id = create_deployment(api)
        source_id = create_source(api, deployment_id, create_table(api, deployment_id))
        path = f"/v1/sinks/{source_id}"
        stream(api, source_id, [{"id": 1}, {"id": "x"}])
        change = {
            "paused": True,
            "rate_limits": {"bytes_per_s": 7},
            "schema": {"definition": [SIZE]},
        }
        changed = api.patch(path, json=change).json()
        errors = api.get(f"{path}/errors").json()
        minutes = api.get(f"{path}/metrics").json()
        assert len(errors["errors"]) == 1
        assert server.stop() == 0
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        shown = api.get(path).json()
        assert shown | {"endpoint": ""} == changed | {"endpoint": ""}
        assert api.get(f"{path}/errors").json() == errors
        assert api.get(f"{path}/metrics").json() == minutes
        assert "PAUSED" in refused(api, source_id, 409)["message"]
        api.post(f"{path}/resume")
        stream(api, source_id, [{"id": 2, "size": 1}])
        assert "7 bytes a second" in refused(api, source_id, 429)["message"]


def test_what_was_changed_survives_a_kill(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        deployment_id = create_deployment(api)
        table = create_table(api, deployment_id)
        source_id = create_source(api, deployment_id, table)
        path = f"/v1/sinks/{source_id}"
        for number in range(5):
            entry = {"name": f"n{number}", "type": "int"}
            changed = api.patch(path, json={"schema": {"definition": [entry]}}).json()
            stream(api, source_id, [{"id": number, f"n{number}": number}])
        server.kill()
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        shown = api.get(path).json()
        assert shown["schema"] == changed["schema"]
        for number in range(5):
            (total,) = ask_pql(api, deployment_id, f"[{table}]Sum(field=n{number})")
            assert (total["value"], total["count"]) == (number, 1)
        stream(api, source_id, [{"id": 9, "n4": 1}])
