"""What a request of records may ask for is done, and told in its answer.

Sends good and bad records under every switch, in every form of body, wrong switches, and the same
key twice; asks how many records are there afterwards; looks at the headers of answers of each kind.
"""

import json
from typing import Any

import httpx
import pytest

from api_client import ask_pql, create_source, stream

GOOD = {"id": 1, "amount": "1.25"}
BAD = {"id": 2, "amount": "a lot"}


def send(api: httpx.Client, source_id: str, values: list[Any], **options: Any) -> httpx.Response:
    body = {"records": [{"value": value} for value in values]}
    return api.post(f"/v1/sinks/{source_id}", json=body, **options)


def count(api: httpx.Client, deployment_id: str, table: str) -> int:
    counted: int = ask_pql(api, deployment_id, f"[{table}]Count(All())")[0]
    return counted


def test_an_error_is_told_in_parts(api: httpx.Client, source_id: str) -> None:
    values = [GOOD, BAD, {"id": 3, "amount": "1.234"}, {"amount": 1}, {"id": 4, "tags": 7}, 5]
    answer = send(api, source_id, values).json()
    assert list(answer)[:3] == ["success_count", "error_count", "records"]
    assert (answer["success_count"], answer["error_count"]) == (1, 5)
    errors = answer["records"][1:]
    assert all(each["retryable"] is False for each in errors)
    parts = ("error_code", "field", "value", "expected", "mend")
    assert [tuple(each.get(part) for part in parts) for each in errors] == [
        (
            "InvalidValue",
            "amount",
            "a lot",
            "a number",
            'send digits, such as 5.1 or "5.1"',
        ),
        (
            "InvalidValue",
            "amount",
            "1.234",
            "at most 2 digits after the point",
            "round it, or define the field with a larger Scale",
        ),
        ("MissingField", "id", None, "a value", "it identifies the record, so send it"),
        ("InvalidValue", "tags", 7, "a list of texts", 'send quoted texts, such as ["a", "b"]'),
        ("InvalidBody", None, 5, "an object of fields", 'send {"value": {"<field>": ...}}'),
    ]


@pytest.mark.parametrize("form", ["json", "lines", "arriving"])
def test_reject_stores_all_or_nothing(
    api: httpx.Client, deployment_id: str, table: str, source_id: str, form: str
) -> None:
    values: list[Any] = [GOOD, BAD, {"id": 3}]
    body = json.dumps({"records": [{"value": each} for each in values]})
    headers = {}
    if form == "lines":
        body = "\n".join(map(json.dumps, values))
        headers = {"Content-Type": "application/x-ndjson"}
    if form == "arriving":
        headers = {"Content-Encoding": "identity"}
    path = f"/v1/sinks/{source_id}?on_error=reject&durability=group"
    answer = api.post(path, content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    refused = answer.json()
    assert (refused["success_count"], refused["error_count"]) == (0, 1)
    assert [each["status"] for each in refused["records"]] == ["not_stored", "error", "not_stored"]
    assert refused["records"][1]["field"] == "amount"
    assert (refused["on_error"], refused["durability"]) == ("reject", "fsync")
    assert refused["error"]["code"] == "RecordsRejected"
    assert "record 1: field 'amount'" in refused["message"]
    assert refused["request_id"] == answer.headers["x-request-id"]
    assert "min_seq" not in refused
    assert count(api, deployment_id, table) == 0
    assert api.get(f"/v1/sinks/{source_id}/errors").json() == {"errors": []}
    taken = send(api, source_id, [GOOD, {"id": 3}], params={"on_error": "reject"})
    assert (taken.status_code, taken.json()["success_count"]) == (200, 2)
    assert count(api, deployment_id, table) == 2


def test_a_rejected_request_leaves_its_key_free(api: httpx.Client, source_id: str) -> None:
    options: dict[str, Any] = {
        "params": {"on_error": "reject"},
        "headers": {"Idempotency-Key": "mended later"},
    }
    assert send(api, source_id, [BAD], **options).status_code == 422
    mended = send(api, source_id, [BAD | {"amount": 1}], **options)
    assert (mended.status_code, mended.json()["success_count"]) == (200, 1)
    assert send(api, source_id, [], **options).json() == mended.json()


@pytest.mark.parametrize("asked", ["fsync", "group", None])
def test_what_was_given_is_told(api: httpx.Client, source_id: str, asked: str | None) -> None:
    params = {} if asked is None else {"durability": asked}
    answer = send(api, source_id, [GOOD], params=params).json()
    assert (answer["on_error"], answer["durability"]) == ("partial", "fsync")


@pytest.mark.parametrize("query", ["on_error=drop", "durability=none", "on_error=", "durability=0"])
def test_switches_that_cannot_be(
    api: httpx.Client, deployment_id: str, table: str, source_id: str, query: str
) -> None:
    body = {"records": [{"value": GOOD}]}
    answer = api.post(f"/v1/sinks/{source_id}?{query}", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["field"] == query.partition("=")[0]
    assert count(api, deployment_id, table) == 0


def test_every_answer_of_a_source_tells_a_rate(
    api: httpx.Client, anonymous: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    path = f"/v1/sinks/{source_id}"
    answers = [
        send(api, source_id, [GOOD]),
        send(api, source_id, [BAD], params={"on_error": "reject"}),
        api.post(path, content=b"no JSON"),
        api.post("/v2/sinks/nothing", json={"records": []}),
        anonymous.post(path, json={"records": []}),
        api.get(path),
        api.get(f"{path}/errors"),
        api.get("/v1/sinks"),
        api.post(f"{path}/webhook", json={}),
    ]
    names = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
    for answer in answers:
        assert [answer.headers[name].isdigit() for name in names] == [True] * 3, answer.url
        assert len(answer.headers.get_list("ratelimit-limit")) == 1
    limited = create_source(api, deployment_id, table)
    api.patch(f"/v1/sinks/{limited}", json={"rate_limits": {"records_per_s": 50}})
    stream(api, limited, [GOOD] * 10)
    for answer in (send(api, limited, [GOOD]), api.post(f"/v1/sinks/{limited}", content=b"{")):
        assert answer.headers["ratelimit-limit"] == "50"
        assert 30 <= int(answer.headers["ratelimit-remaining"]) <= 50
