"""What tests over HTTP do again and again: create, wait, stream, ask."""

import itertools
import time
from typing import Any

import httpx

POLL_TIMEOUT_S = 30.0
_numbers = itertools.count(1)

SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        {"name": "amount", "path": ["amount"], "type": "decimal", "config": {"Scale": 2}},
        {"name": "species", "path": ["species"], "type": "string", "config": {"mutex": True}},
        {"name": "tags", "path": ["tags"], "type": "strings"},
    ],
}


def unique_name(kind: str) -> str:
    """Return a name that no other test of the session uses."""
    return f"{kind}_{next(_numbers)}"


def wait_for_status(api: httpx.Client, path: str, status: str) -> dict[str, Any]:
    """Return what is at a path once it has a status."""
    deadline = time.monotonic() + POLL_TIMEOUT_S
    while True:
        answer = api.get(path)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        if shown["status"] == status:
            return shown
        assert shown["status"] == "CREATING", shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.01)


def wait_until_gone(api: httpx.Client, path: str) -> None:
    """Return once there is nothing at a path any more."""
    deadline = time.monotonic() + POLL_TIMEOUT_S
    while True:
        answer = api.get(path)
        if answer.status_code == 404:
            return
        assert answer.json()["status"] == "DELETING", answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.01)


def create_deployment(api: httpx.Client) -> str:
    """Return the id of a new deployment that runs."""
    body = {"name": unique_name("d"), "deployment_options": {"shape": "8GB"}}
    answer = api.post("/v1/deployments", json=body)
    assert answer.status_code == 201, answer.text
    deployment_id: str = answer.json()["id"]
    wait_for_status(api, f"/v1/deployments/{deployment_id}", "RUNNING")
    return deployment_id


def create_table(api: httpx.Client, deployment_id: str, **options: Any) -> str:
    """Return the name of a new table."""
    name = unique_name("t")
    answer = api.post(f"/v1/tables/{deployment_id}", json={"name": name, **options})
    assert answer.status_code == 201, answer.text
    return name


def create_source(
    api: httpx.Client, deployment_id: str, table: str, schema: dict[str, Any] | None = None
) -> str:
    """Return the id of a new source that runs."""
    body = {
        "name": unique_name("s"),
        "sink_details": {"deployment_id": deployment_id, "table": table},
        "schema": schema or SCHEMA,
    }
    answer = api.post("/v1/sinks", json=body)
    assert answer.status_code == 201, answer.text
    source_id: str = answer.json()["id"]
    wait_for_status(api, f"/v1/sinks/{source_id}", "RUNNING")
    return source_id


def stream(api: httpx.Client, source_id: str, values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the outcome of streaming values into a source."""
    body = {"records": [{"value": value} for value in values]}
    answer = api.post(f"/v1/sinks/{source_id}", json=body)
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()
    return outcome


def ask_pql(api: httpx.Client, deployment_id: str, statement: str) -> list[Any]:
    """Return the results of a PQL statement."""
    body = {"language": "pql", "statement": statement}
    answer = api.post(f"/v1/deployments/{deployment_id}/query", json=body)
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()["results"]
    return results


def ask_sql(api: httpx.Client, deployment_id: str, statement: str) -> list[Any]:
    """Return the records of a SQL statement."""
    body = {"language": "sql", "statement": statement}
    answer = api.post(f"/v1/deployments/{deployment_id}/query", json=body)
    assert answer.status_code == 200, answer.text
    assert "error" not in answer.json()
    data: list[Any] = answer.json()["data"]
    return data
