"""Sources are created with a schema that fits their table, shown, watched and deleted.

Tries schemas with every kind of fault, schemas that contradict the table, and both versions' words.
"""

from typing import Any

import httpx

from api_client import SCHEMA, create_source, stream, unique_name, wait_for_status, wait_until_gone


def source_body(deployment_id: str, table: str, **changes: Any) -> dict[str, Any]:
    """A body that creates a source, unless a change breaks it."""
    details = {"deployment_id": deployment_id, "table": table}
    return {"name": unique_name("s"), "sink_details": details, "schema": SCHEMA} | changes


def test_life_of_a_source(api: httpx.Client, deployment_id: str, table: str) -> None:
    body = source_body(deployment_id, table)
    created = api.post("/v1/sinks", json=body)
    assert created.status_code == 201, created.text
    path = f"/v1/sinks/{created.json()['id']}"
    shown = wait_for_status(api, path, "RUNNING")
    assert shown["name"] == body["name"]
    assert shown["sink_details"] == body["sink_details"]
    assert shown["schema"]["definition"] == SCHEMA["definition"]
    assert shown["endpoint"].endswith(path)
    assert shown in api.get("/v1/sinks").json()["sinks"]
    stream(api, shown["id"], [{"id": 1, "amount": "1.5"}])
    deleted = api.delete(path)
    assert (deleted.status_code, deleted.json()["status"]) == (202, "DELETING")
    wait_until_gone(api, path)
    for method in ("GET", "DELETE", "POST"):
        assert api.request(method, path, json={"records": []}).status_code == 404
    # What it stored stays.
    assert api.get(f"/v1/tables/{deployment_id}/{table}").json()["record_count"] == 1


def test_later_version_says_active_and_database(
    api: httpx.Client, deployment_id: str, table: str
) -> None:
    body = source_body(deployment_id, table)
    body["sink_details"] = {"database_id": deployment_id, "table": table}
    created = api.post("/v2/sinks", json=body).json()
    shown = wait_for_status(api, f"/v2/sinks/{created['id']}", "ACTIVE")
    assert shown["sink_details"] == body["sink_details"]
    assert shown["endpoint"].endswith(f"/v2/sinks/{created['id']}")
    earlier = api.get(f"/v1/sinks/{created['id']}").json()
    assert earlier["status"] == "RUNNING"
    assert earlier["sink_details"] == {"deployment_id": deployment_id, "table": table}
    assert shown in api.get("/v2/sinks").json()["sinks"]


def test_missing_parts_are_named(api: httpx.Client, deployment_id: str, table: str) -> None:
    whole = source_body(deployment_id, table)
    for key in ("name", "sink_details", "schema"):
        answer = api.post("/v1/sinks", json={k: v for k, v in whole.items() if k != key})
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == key
    answer = api.post("/v1/sinks", json=whole | {"sink_details": {"table": table}})
    assert answer.json()["error"]["field"] == "sink_details.deployment_id"
    answer = api.post("/v1/sinks", json=whole | {"schema": SCHEMA | {"definition": 7}})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "schema.definition")


def test_every_fault_of_a_schema_is_told(api: httpx.Client, deployment_id: str, table: str) -> None:
    schema = {
        "id_field": "nope",
        "definition": [
            {"name": "a", "type": "strng"},
            {"name": "b", "type": "int", "config": {"Quantum": "YMD"}},
            {"name": "c", "type": "id", "config": {"Quantum": "YD"}},
        ],
    }
    answer = api.post("/v1/sinks", json=source_body(deployment_id, table, schema=schema))
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == ("InvalidSchema", "schema")
    assert len(error["details"]) == 4
    for word in ("nope", "strng", "Quantum", "YD"):
        assert any(word in detail for detail in error["details"]), word


def test_a_schema_that_contradicts_the_table(
    api: httpx.Client, deployment_id: str, table: str
) -> None:
    create_source(api, deployment_id, table)
    definition = [{"name": "id", "type": "id"}, {"name": "amount", "type": "string"}]
    schema = {"id_field": "id", "definition": definition}
    answer = api.post("/v1/sinks", json=source_body(deployment_id, table, schema=schema))
    assert answer.status_code == 409
    told = answer.json()["message"] + str(answer.json()["error"].get("details"))
    assert "amount" in told
    assert "decimal" in told
    # Nothing of the refused one is left.
    fields = api.get(f"/v1/tables/{deployment_id}/{table}").json()["fields"]
    assert [field["name"] for field in fields] == ["amount", "species", "tags"]


def test_what_does_not_exist(api: httpx.Client, deployment_id: str, table: str) -> None:
    assert api.post("/v1/sinks", json=source_body("none", table)).status_code == 404
    assert api.post("/v1/sinks", json=source_body(deployment_id, "none")).status_code == 404
    for tail in ("", "/errors", "/metrics"):
        assert api.get(f"/v1/sinks/none{tail}").status_code == 404


def test_errors_and_metrics(api: httpx.Client, source_id: str) -> None:
    for base in ("/v1", "/v2"):
        assert api.get(f"{base}/sinks/{source_id}/errors").json() == {"errors": []}
        assert api.get(f"{base}/sinks/{source_id}/metrics").json() == {"metrics": []}
    stream(api, source_id, [{"id": 1, "amount": "1"}, {"id": 2, "amount": "much"}])
    stream(api, source_id, [{"id": 3}])
    (error,) = api.get(f"/v1/sinks/{source_id}/errors").json()["errors"]
    assert "much" in error["message"]
    assert "amount" in error["message"]
    assert "much" in error["excerpt"]
    minutes = api.get(f"/v1/sinks/{source_id}/metrics").json()["metrics"]
    assert 1 <= len(minutes) <= 2
    assert sum(minute["records"] for minute in minutes) in {2, 3}
    assert sum(minute["requests"] for minute in minutes) == 2
    assert sum(minute["errors"] for minute in minutes) == 1
