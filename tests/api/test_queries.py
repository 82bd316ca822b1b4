"""Statements are answered on every path and in every form, and failures say so as clients expect.

Asks by each path of both versions, with broken statements, in every media type, and for more than
is allowed.
"""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from api_client import (
    ask_sql,
    create_deployment,
    create_source,
    create_table,
    stream,
    wait_for_status,
)
from server_process import ServerProcess

VALUES = [
    {"id": 1, "amount": "5.10", "species": "setosa", "tags": ["a", "b"]},
    {"id": 2, "amount": "-0.05", "species": "virginica"},
    {"id": 3},
]


@pytest.fixture(scope="module")
def stocked(api: httpx.Client) -> tuple[str, str]:
    """A deployment and its table, which holds VALUES."""
    deployment_id = create_deployment(api)
    table = create_table(api, deployment_id)
    stream(api, create_source(api, deployment_id, table), VALUES)
    return deployment_id, table


JSON_PATHS = [
    "/v1/deployments/{}/query",
    "/v1/deployments/{}/query/",
    "/v1/{}/query",
    "/v2/databases/{}/query",
    "/v2/deployments/{}/query",
    "/v2/{}/query",
]
TEXT_PATHS = [
    "/databases/{}/query/sql",
    "/databases/{}/sql",
    "/v2/databases/{}/query/sql",
    "/v2/databases/{}/sql/",
]


@pytest.mark.parametrize("path", JSON_PATHS)
@pytest.mark.parametrize(
    "content_type", ["application/json", "Content-Type: application/json", "text/plain"]
)
def test_json_paths(
    api: httpx.Client, stocked: tuple[str, str], path: str, content_type: str
) -> None:
    deployment_id, table = stocked
    path = path.format(deployment_id)
    headers = {"Content-Type": content_type}
    body = json.dumps({"language": "SQL", "statement": f"select count(*) from {table}"})
    answer = api.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (200, [[3]])
    body = json.dumps({"language": "pql", "statement": f"[{table}]Count(All())"})
    answer = api.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"results": [3]})


@pytest.mark.parametrize("path", TEXT_PATHS)
def test_text_paths(api: httpx.Client, stocked: tuple[str, str], path: str) -> None:
    deployment_id, table = stocked
    path = path.format(deployment_id)
    headers = {"Content-Type": "text/plain"}
    answer = api.post(path, content=f"select count(*) from {table}", headers=headers)
    assert (answer.status_code, answer.json()["data"]) == (200, [[3]])
    assert "error" not in answer.json()
    # A statement's own failure is told inside an answer here.
    answer = api.post(path, content="select nothing", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["error"]


def test_sql_answer_has_every_part(api: httpx.Client, stocked: tuple[str, str]) -> None:
    deployment_id, table = stocked
    statement = f"select _id, amount, species, tags from {table} order by _id"
    body = {"language": "sql", "statement": statement}
    answer = api.post(f"/v1/deployments/{deployment_id}/query", json=body)
    fields = answer.json()["schema"]["fields"]
    assert [field["name"] for field in fields] == ["_id", "amount", "species", "tags"]
    assert all(set(field) == {"name", "type", "base-type", "type-info"} for field in fields)
    assert answer.json()["data"] == [
        [1, 5.1, "setosa", ["a", "b"]],
        [2, -0.05, "virginica", None],
        [3, None, None, None],
    ]
    # Decimals are written with the digits of their scale, never through a float.
    assert b"5.10," in answer.content
    assert isinstance(answer.json()["execution-time"], int)


def test_failures_on_the_json_path(api: httpx.Client, stocked: tuple[str, str]) -> None:
    deployment_id, table = stocked
    path = f"/v1/deployments/{deployment_id}/query"
    for statement in ("select", f"select nope from {table}", "select * from nope", ""):
        answer = api.post(path, json={"language": "sql", "statement": statement})
        assert answer.status_code == 400, statement
        told = answer.json()
        assert isinstance(told["error"], str)
        assert told["data"] == []
        assert isinstance(told["execution-time"], int)
    for statement in ("Count(", "[nope]Count(All())", f"[{table}]Row(nope=1)", "Count(All())", ""):
        answer = api.post(path, json={"language": "pql", "statement": statement})
        assert answer.status_code == 400, statement
        assert list(answer.json()) == ["error"]
        assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"{}", "language"),
        (b'{"language": "sql"}', "statement"),
        (b'{"language": "mdx", "statement": "x"}', "mdx"),
        (b'{"language": "sql", "statement": 1}', "statement"),
        (b"\xff", "JSON"),
    ],
)
def test_bodies_that_are_no_statement(
    api: httpx.Client, stocked: tuple[str, str], body: bytes, word: str
) -> None:
    answer = api.post(f"/v1/deployments/{stocked[0]}/query", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "InvalidBody"
    assert word in answer.json()["message"]


def test_no_such_deployment(api: httpx.Client) -> None:
    statement = {"language": "sql", "statement": "select 1"}
    for path in JSON_PATHS:
        assert api.post(path.format("none"), json=statement).status_code == 404
    for path in TEXT_PATHS:
        assert api.post(path.format("none"), content="select 1").status_code == 404
    assert api.get("/v1/deployments/none/query").status_code in {404, 405}


def test_forms_of_answer(api: httpx.Client, stocked: tuple[str, str]) -> None:
    deployment_id, table = stocked
    path = f"/databases/{deployment_id}/sql"
    statement = f"select _id, amount, tags from {table} order by _id"

    def ask(accept: str) -> httpx.Response:
        answer = api.post(path, content=statement, headers={"Accept": accept})
        assert answer.status_code == 200
        return answer

    lines = ask("application/x-ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == [
        {"_id": 1, "amount": 5.1, "tags": ["a", "b"]},
        {"_id": 2, "amount": -0.05, "tags": None},
        {"_id": 3, "amount": None, "tags": None},
    ]
    rows = ask("text/csv;q=0.9, application/json;q=0.1").content
    assert rows.splitlines()[0].replace(b'"', b"") == b"_id,amount,tags"
    assert b"5.10" in rows
    arrow = pa.ipc.open_stream(ask("application/vnd.apache.arrow.stream").content).read_all()
    assert arrow.column("_id").to_pylist() == [1, 2, 3]
    packed = io.BytesIO(ask("application/vnd.apache.parquet").content)
    assert pyarrow.parquet.read_table(packed).num_rows == 3
    for accept in ("*/*", "text/html", "application/json", ""):
        assert ask(accept).json()["data"]
    # A failure is always JSON.
    answer = api.post(path, content="select", headers={"Accept": "text/csv"})
    assert answer.json()["error"]


def test_writes_and_definitions_in_sql(api: httpx.Client, deployment_id: str) -> None:
    ask_sql(api, deployment_id, "create table made (_id id, n int, s string)")
    ask_sql(api, deployment_id, "insert into made (_id, n, s) values (1, 10, 'a'), (2, 20, 'b')")
    assert ask_sql(api, deployment_id, "select sum(n) from made") == [[30]]
    assert api.get(f"/v1/tables/{deployment_id}/made").json()["record_count"] == 2
    ask_sql(api, deployment_id, "drop table made")
    assert api.get(f"/v1/tables/{deployment_id}/made").status_code == 404


def test_default_deployment(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        assert api.post("/sql", content="select 1").status_code == 409
        only = create_deployment(api)
        table = create_table(api, only)
        answer = api.post("/sql", content=f"select count(*) from {table}")
        assert answer.json()["data"] == [[0]]
        create_deployment(api)
        refused = api.post("/sql", content="select 1")
        assert refused.status_code == 409
        assert "default" in refused.json()["message"]
        body = {"name": "default", "deployment_options": {"shape": "8GB"}}
        named = api.post("/v1/deployments", json=body).json()["id"]
        wait_for_status(api, f"/v1/deployments/{named}", "RUNNING")
        table = create_table(api, named)
        answer = api.post("/v2/sql", content=f"select count(*) from {table}")
        assert answer.json()["data"] == [[0]]


def _stock_big(api: httpx.Client) -> str:
    deployment_id = create_deployment(api)
    table = {"name": "big"}
    assert api.post(f"/v1/tables/{deployment_id}", json=table).status_code == 201
    source_id = create_source(api, deployment_id, "big")
    stream(api, source_id, [{"id": n, "amount": n, "species": str(n)} for n in range(5_000)])
    return deployment_id


def test_answers_over_the_limit(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "data", "--answer-bytes-max", "2000") as server,
        server.client(server.token()) as api,
    ):
        deployment_id = _stock_big(api)
        path = f"/v1/deployments/{deployment_id}/query"
        asked: list[dict[str, Any]] = [
            {"language": "sql", "statement": "select * from big"},
            {"language": "pql", "statement": "[big]Extract(All(), Rows(species))"},
        ]
        for body in asked:
            answer = api.post(path, json=body)
            assert answer.status_code == 400, answer.text
            assert "2,000" in answer.json()["error"]
            assert "answer_bytes_max" in answer.json()["error"]
