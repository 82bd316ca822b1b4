"""Refused records are kept whole, outlive a kill, and are taken once after the mend.

Refuses records in every form of body, reads them back in pages and as lines, kills the server right
after the answer, mends the source and retries: all, some, twice, and some that still cannot be.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import ask_sql, create_deployment, create_source, create_table, stream
from server_process import ServerProcess

SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "definition": [{"name": "id", "type": "id"}, {"name": "n", "type": "int"}],
}
MEND = {"schema": {"allow_missing_fields": True}}


@pytest.fixture
def strict_source(api: httpx.Client, deployment_id: str, table: str) -> str:
    """A source whose records lack nothing."""
    return create_source(api, deployment_id, table, SCHEMA)


def errors(api: httpx.Client, source_id: str, **params: Any) -> dict[str, Any]:
    answer = api.get(f"/v1/sinks/{source_id}/errors", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def retry(api: httpx.Client, source_id: str, body: Any = None) -> dict[str, Any]:
    path = f"/v1/sinks/{source_id}/errors/retry"
    answer = api.post(path) if body is None else api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_records_are_kept_as_they_were_sent(api: httpx.Client, strict_source: str) -> None:
    wrong = '{"id": 1, "n": "many", "unknown": {"deep": [1.50, null]},\n "text": "é"}'
    body = f'{{"records": [{{"value": {{"id": 9, "n": 1}}}}, {{"value": {wrong}}}, 7]}}'
    answer = api.post(
        f"/v1/sinks/{strict_source}", content=body, headers={"X-Request-Id": "the-one"}
    )
    assert answer.json()["error_count"] == 2
    lines = wrong.replace("\n", "") + "\nno JSON\n"
    ndjson = {"Content-Type": "application/x-ndjson"}
    api.post(f"/v1/sinks/{strict_source}", content=lines, headers=ndjson)
    listed = errors(api, strict_source)["errors"]
    assert [each["code"] for each in listed] == ["InvalidBody", "InvalidValue"] * 2
    no_json, line, no_object, whole = listed
    assert "record" not in no_json
    assert "record" not in no_object
    assert whole["request_id"] == "the-one"
    told = {name: whole[name] for name in ("field", "value", "expected")}
    assert told == {"field": "n", "value": "many", "expected": "a whole number"}
    assert whole["record"] == line["record"] == json.loads(wrong)
    path = f"/v1/sinks/{strict_source}/errors"
    streamed = [
        api.get(path, params={"format": "ndjson"}),
        api.get(path, headers={"Accept": "application/x-ndjson"}),
    ]
    for each in streamed:
        assert each.headers["content-type"].startswith("application/x-ndjson")
        assert [json.loads(line) for line in each.text.splitlines()] == listed
        # Numbers as they were written.
        assert '"deep":[1.50,null]' in each.text


def test_pages_follow_each_other(api: httpx.Client, strict_source: str) -> None:
    for number in range(5):
        stream(api, strict_source, [{"id": number, "n": f"x{n}"} for n in range(5)])
    every = errors(api, strict_source)
    assert "next" not in every
    assert [each["value"] for each in every["errors"]] == [f"x{n}" for n in range(4, -1, -1)] * 5
    found: list[Any] = []
    before: dict[str, Any] = {}
    while True:
        page = errors(api, strict_source, limit=4, **before)
        found += page["errors"]
        if "next" not in page:
            break
        before = {"before": page["next"]}
    assert found == every["errors"]
    path = f"/v1/sinks/{strict_source}/errors"
    limited = api.get(path, params={"format": "ndjson", "limit": 3, "before": found[1]["id"]})
    assert [json.loads(line) for line in limited.text.splitlines()] == found[2:5]
    for params in ({"before": "x"}, {"limit": "0"}, {"format": "xml"}, {"before": "1-" + "9" * 40}):
        assert api.get(path, params=params).status_code in {400, 422}, params


def test_a_retry_takes_what_passes_now(
    api: httpx.Client, deployment_id: str, table: str, strict_source: str
) -> None:
    stream(api, strict_source, [{"id": 1}, {"id": 2, "n": "x"}, {"id": 3}, 5])
    stream(api, strict_source, [{"id": 3}, {"id": 4}])
    before = retry(api, strict_source)
    assert (before["stored_count"], before["error_count"]) == (0, 6)
    assert "min_seq" not in before
    listed = errors(api, strict_source)["errors"]
    assert api.patch(f"/v1/sinks/{strict_source}", json=MEND).status_code == 200
    last, of_one = listed[0]["id"], listed[5]["id"]
    some = retry(api, strict_source, {"ids": [last, of_one, "1-2"]})
    assert (some["stored_count"], some["passed_over"]) == (2, ["1-2"])
    query = {"language": "sql", "statement": f"select _id, n from {table}"}
    seen = api.post(
        f"/v1/deployments/{deployment_id}/query",
        json=query,
        headers={"X-Min-Seq": some["min_seq"]},
    )
    assert sorted(seen.json()["data"]) == [[1, None], [4, None]]
    rest = retry(api, strict_source)
    assert (rest["stored_count"], rest["error_count"]) == (2, 2)
    error, no_object = rest["errors"]
    assert no_object["code"] == "InvalidBody"
    assert (error["code"], error["field"], error["value"]) == ("InvalidValue", "n", "x")
    left = errors(api, strict_source)["errors"]
    assert [each["code"] for each in left] == ["InvalidBody", "InvalidValue"]
    assert left[1]["id"] == error["id"]
    rows = ask_sql(api, deployment_id, f"select _id from {table}")
    assert sorted(rows) == [[1], [3], [4]]
    minutes = api.get(f"/v1/sinks/{strict_source}/metrics").json()["metrics"]
    assert sum(minute["records"] for minute in minutes) == 4
    for body in ({"ids": ["x"]}, {"ids": 5}, {"idz": []}):
        answer = api.post(f"/v1/sinks/{strict_source}/errors/retry", json=body)
        assert answer.status_code in {400, 422}, answer.text
    audit = api.get("/v1/audit", params={"action": "retry_errors"}).json()["entries"]
    assert any(strict_source in entry["resource"] for entry in audit)
    api.post(f"/v1/sinks/{strict_source}/pause")
    assert api.post(f"/v1/sinks/{strict_source}/errors/retry").status_code == 409


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed") / "data"


def test_a_killed_server_has_what_it_answered(data: Path) -> None:
    with ServerProcess(data) as server, server.client(server.token()) as api:
        deployment_id = create_deployment(api)
        table = create_table(api, deployment_id)
        source_id = create_source(api, deployment_id, table, SCHEMA)
        for number in range(3):
            stream(api, source_id, [{"id": number}, {"id": 9, "n": 1}])
        shown = errors(api, source_id)
        server.kill()
    with ServerProcess(data) as server, server.client(server.token()) as api:
        assert errors(api, source_id) == shown
        assert len(shown["errors"]) == 3
        api.patch(f"/v1/sinks/{source_id}", json=MEND)
        assert retry(api, source_id)["stored_count"] == 3
        assert errors(api, source_id) == {"errors": []}
        assert len(ask_sql(api, deployment_id, f"select _id from {table}")) == 4
        api.delete(f"/v1/sinks/{source_id}")
