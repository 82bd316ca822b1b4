"""What the API has for the console: live figures, schema checks, saved queries, words.

Over HTTP, as any client: figures go up by what was sent and are one organisation's own; a check
names the faults that creating would name and creates nothing; saved queries are private until they
are shared, and survive a restart. The stream must not keep a server from stopping.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import create_deployment, stream, unique_name
from console.stage import Stage
from server_process import ServerProcess

PASSWORD = "a password of somebody"


def figures(lines: Iterator[str]) -> dict[str, Any]:
    """Return the next event of a stream."""
    for line in lines:
        if line.startswith("data: "):
            event: dict[str, Any] = json.loads(line[6:])
            return event
    raise AssertionError("the stream ended")


@pytest.fixture
def somebody(console_api: httpx.Client, console_server: ServerProcess) -> Iterator[httpx.Client]:
    """A client of a user who is no administrator."""
    email = f"{unique_name('somebody')}@example.org"
    token = console_api.post("/v1/invites", json={"email": email}).json()["token"]
    console_api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    with console_server.client(console_server.token(email, PASSWORD)) as client:
        yield client


def test_figures_follow_what_is_sent(console_api: httpx.Client, stage: Stage) -> None:
    with console_api.stream("GET", "/v1/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        before = figures(lines)
        value = {"id": 1, "sepallength": 5, "sepalwidth": 3, "petallength": 1, "petalwidth": 1}
        stream(console_api, stage.source_id, [{**value, "species": "setosa"}] * 3 + [value])
        source = deployment = {}
        for _ in range(5):
            after = figures(lines)
            source = next(s for s in after["sources"] if s["id"] == stage.source_id)
            if source["requests"] > 1:
                deployment = next(d for d in after["deployments"] if d["id"] == stage.deployment_id)
                break
    earlier = next(s for s in before["sources"] if s["id"] == stage.source_id)
    assert source["records"] - earlier["records"] == 3
    assert source["errors"] - earlier["errors"] == 1
    assert source["requests"] - earlier["requests"] == 1
    table = console_api.get(f"/v1/tables/{stage.deployment_id}/{stage.table}").json()
    assert deployment["record_count"] == table["record_count"] == 150
    assert deployment["memory_bytes_max"] == 8 << 30
    assert deployment["status"] == "RUNNING"


def test_a_bound_key_sees_its_own_figures_alone(
    console_api: httpx.Client, console_server: ServerProcess, stage: Stage
) -> None:
    other = create_deployment(console_api)
    body = {"name": unique_name("key"), "scopes": ["query"], "deployment_id": other}
    key = console_api.post("/v1/api-keys", json=body).json()["key"]
    with console_server.client() as client:
        client.headers["X-API-Key"] = key
        with client.stream("GET", "/v1/live") as answer:
            seen = figures(answer.iter_lines())
    assert [each["id"] for each in seen["deployments"]] == [other]
    assert seen["sources"] == []
    with console_server.client() as client:
        assert client.get("/v1/live").status_code == 401


def test_a_stream_keeps_no_server_from_stopping(tmp_path: Path) -> None:
    """A server that waited for its streams would drain for ten minutes here."""
    with (
        ServerProcess(tmp_path / "data", "--drain-timeout-s", "600") as server,
        server.client(server.token()) as client,
        client.stream("GET", "/v1/live") as answer,
    ):
        lines = answer.iter_lines()
        figures(lines)
        assert server.stop() == 0
        assert len(list(lines)) < 20, "the stream has ended"


@pytest.mark.parametrize("table", [None, "iris_table"])
def test_a_check_names_faults_and_creates_nothing(
    console_api: httpx.Client, stage: Stage, table: str | None
) -> None:
    target = {"deployment_id": stage.deployment_id, **({"table": table} if table else {})}
    schema: dict[str, Any] = {
        "id_field": "id",
        "definition": [{"name": "id", "type": "id"}, {"name": "More", "type": "sting"}],
    }
    answer = console_api.post("/v1/schema-checks", json={"schema": schema, **target})
    assert answer.status_code == 200, answer.text
    faults = answer.json()["faults"]
    assert len(faults) == 2
    assert "did you mean 'string'" in " ".join(faults)
    schema["definition"][1] = {"name": "more", "type": "decimal", "config": {"Scale": 3}}
    answer = console_api.post("/v1/schema-checks", json={"schema": schema, **target}).json()
    assert answer["faults"] == []
    assert answer["keys"] is False
    made = {each["name"]: each for each in answer["fields"]}
    assert made["more"]["options"]["scale"] == 3
    assert ("species" in made) == (table is not None)
    schema["definition"][1] = {"name": "species", "type": "int"}
    answer = console_api.post("/v1/schema-checks", json={"schema": schema, **target}).json()
    assert bool(answer["faults"]) == (table is not None), "it contradicts the table's field"
    shown = console_api.get(f"/v1/tables/{stage.deployment_id}/iris_table").json()
    assert "more" not in [each["name"] for each in shown["fields"]]


def test_checks_need_a_deployment_that_is_there(console_api: httpx.Client) -> None:
    body: dict[str, Any] = {"schema": {"definition": []}}
    assert console_api.post("/v1/schema-checks", json=body).status_code == 400
    body["deployment_id"] = "0123456789abcdef"
    assert console_api.post("/v1/schema-checks", json=body).status_code == 404


def test_saved_queries_are_ones_own_until_shared(
    console_api: httpx.Client, somebody: httpx.Client
) -> None:
    name = unique_name("saved")
    body = {"name": name, "language": "sql", "statement": "select 1", "deployment_id": None}
    made = console_api.post("/v1/saved-queries", json=body)
    assert made.status_code == 201, made.text
    path = f"/v1/saved-queries/{made.json()['id']}"
    listed = somebody.get("/v1/saved-queries").json()["saved_queries"]
    assert name not in [each["name"] for each in listed]
    assert somebody.patch(path, json={"name": "mine"}).status_code == 404
    assert console_api.post("/v1/saved-queries", json=body).status_code == 409

    changed = console_api.patch(path, json={"is_shared": True, "statement": "select 2"}).json()
    assert (changed["name"], changed["statement"]) == (name, "select 2")
    assert changed["changed_at"] >= changed["created_at"]
    listed = somebody.get("/v1/saved-queries").json()["saved_queries"]
    assert [each["statement"] for each in listed if each["name"] == name] == ["select 2"]
    assert somebody.patch(path, json={"name": "mine"}).status_code == 403
    assert somebody.delete(path).status_code == 403
    assert console_api.delete(path).status_code == 204
    assert console_api.delete(path).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [({"name": ""}, "name"), ({"name": "a\nb"}, "name"), ({"statement": " "}, "statement")],
)
def test_what_cannot_be_saved_is_told(
    console_api: httpx.Client, change: dict[str, str], field: str
) -> None:
    body = {"name": unique_name("n"), "language": "pql", "statement": "[t]All()", **change}
    answer = console_api.post("/v1/saved-queries", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["field"] == field
    assert console_api.post("/v1/saved-queries", json={**body, "language": "no"}).status_code == 400


def test_saved_queries_outlive_their_server_and_deployment(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as client:
        deployment_id = create_deployment(client)
        body = {
            "name": "kept",
            "language": "sql",
            "statement": "select 1",
            "deployment_id": deployment_id,
        }
        assert client.post("/v1/saved-queries", json=body).status_code == 201
        assert client.delete(f"/v1/deployments/{deployment_id}").status_code == 202
        server.stop()
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as client:
        kept = client.get("/v1/saved-queries").json()["saved_queries"]
        assert [(each["name"], each["deployment_id"]) for each in kept] == [("kept", deployment_id)]


def test_the_words_of_the_languages(console_api: httpx.Client, stage: Stage) -> None:
    words = console_api.get("/v1/languages").json()
    assert {"count", "setcontains", "avg"} <= set(words["sql_functions"])
    assert {"GroupBy", "Row", "TopK", "Set"} <= set(words["pql_calls"])
    for call in ("All()", "Rows(species)"):
        assert call.partition("(")[0] in words["pql_calls"]
        body = {"language": "pql", "statement": f"[iris_table]{call}"}
        answer = console_api.post(f"/v1/deployments/{stage.deployment_id}/query", json=body)
        assert answer.status_code == 200, answer.text
