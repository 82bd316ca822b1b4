"""Records that are good are stored and seen at once; those that are not are told why.

Sends bodies in every encoding and form, broken in every way, too long, twice, and many at once.
"""

import concurrent.futures
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from api_client import ask_pql, create_deployment, create_source, create_table, stream
from server_process import ServerProcess

LIMIT = 1_000_000  # of the server that these tests share


def body_of(values: list[Any]) -> bytes:
    """Values as a body of records."""
    return json.dumps({"records": [{"value": value} for value in values]}).encode()


def count(api: httpx.Client, deployment_id: str, table: str) -> int:
    """How many records a table has."""
    counted: int = ask_pql(api, deployment_id, f"[{table}]Count(All())")[0]
    return counted


def test_reads_see_every_answered_write(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    for number in range(1, 40):
        stream(api, source_id, [{"id": number, "amount": "1"}])
        assert count(api, deployment_id, table) == number


def test_one_bad_decimal_among_many(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    values: list[dict[str, Any]] = [{"id": n, "amount": f"{n}.25"} for n in range(500)]
    values[123]["amount"] = "12,5"
    answer = api.post(f"/v1/sinks/{source_id}", content=body_of(values))
    assert answer.status_code == 200
    outcome = answer.json()
    assert list(outcome)[:3] == ["success_count", "error_count", "records"]
    assert (outcome["success_count"], outcome["error_count"]) == (499, 1)
    statuses = [record["status"] for record in outcome["records"]]
    assert statuses.index("error") == 123
    error = outcome["records"][123]
    assert list(error)[:3] == ["status", "error_code", "error_message"]
    assert "amount" in error["error_message"]
    assert "12,5" in error["error_message"]
    assert outcome["records"][0] == {"status": "success"}
    assert count(api, deployment_id, table) == 499
    (total,) = ask_pql(api, deployment_id, f"[{table}]Sum(field=amount)")
    assert total["count"] == 499


def test_numbers_as_text_and_values_of_every_kind(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    values: list[Any] = [
        {"id": "1", "amount": "5.10", "species": "setosa"},
        {"id": 2, "amount": 5.1, "species": "setosa", "tags": ["a", "b"], "unknown": {"x": 1}},
        {"id": 3, "amount": None},
        {"id": "one"},
        {"amount": 1},
        {"id": 4, "tags": "a"},
        {"id": 5, "species": 7},
        [],
        None,
    ]
    outcome = stream(api, source_id, values)
    statuses = [record["status"] for record in outcome["records"]]
    assert statuses[:3] == ["success"] * 3
    assert statuses[3:5] == ["error"] * 2
    assert statuses[7:] == ["error"] * 2
    assert outcome["success_count"] == count(api, deployment_id, table)


def test_upserts_replace_and_accumulate(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    stream(
        api,
        source_id,
        [
            {"id": 1, "amount": "1", "species": "a", "tags": ["x"]},
            {"id": 1, "amount": "2", "species": "b", "tags": ["y"]},
        ],
    )
    stream(api, source_id, [{"id": 1, "tags": ["z"]}])
    statement = (
        f"[{table}]Count(Row(species='a'))Count(Row(species='b'))Count(Row(amount==2))"
        "Count(Intersect(Row(tags='x'),Row(tags='y'),Row(tags='z')))"
    )
    assert ask_pql(api, deployment_id, statement) == [0, 1, 1, 1]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "zstd", "identity", "GZIP"])
def test_encoded_bodies(
    api: httpx.Client, deployment_id: str, table: str, source_id: str, encoding: str
) -> None:
    plain = body_of([{"id": n} for n in range(1_000)])
    packed = {
        "gzip": gzip.compress,
        "zstd": lambda body: pa.Codec("zstd").compress(body, asbytes=True),
        "identity": bytes,
    }[encoding.lower().removeprefix("x-")](plain)
    headers = {"Content-Encoding": encoding}
    answer = api.post(f"/v1/sinks/{source_id}", content=packed, headers=headers)
    assert answer.status_code == 200, answer.text
    assert count(api, deployment_id, table) == 1_000


def test_encoded_bodies_that_cannot_be_read(api: httpx.Client, source_id: str) -> None:
    plain = body_of([{"id": 1}])
    cut = gzip.compress(plain)[:-9]
    for encoding, body in (("gzip", plain), ("gzip", cut), ("zstd", plain), ("br", plain)):
        headers = {"Content-Encoding": encoding}
        answer = api.post(f"/v1/sinks/{source_id}", content=body, headers=headers)
        assert answer.status_code == 400, (encoding, answer.text)


def test_too_long_a_body(api: httpx.Client, deployment_id: str, table: str, source_id: str) -> None:
    path = f"/v1/sinks/{source_id}"
    long = body_of([{"id": 1, "species": "x" * LIMIT}])
    answers = [
        api.post(path, content=long),
        api.post(path, content=(long[at : at + 50_000] for at in range(0, len(long), 50_000))),
        api.post(path, content=gzip.compress(long), headers={"Content-Encoding": "gzip"}),
    ]
    for answer in answers:
        assert answer.status_code == 413, answer.text
        assert "1,000,000" in answer.json()["message"]
    assert count(api, deployment_id, table) == 0


@pytest.mark.parametrize(
    "content_type", ["application/x-ndjson", "application/x-ndjson; charset=utf-8"]
)
def test_lines(
    api: httpx.Client, deployment_id: str, table: str, source_id: str, content_type: str
) -> None:
    body = b'{"id": 1}\n\n{"id": 2, "amount": "x"}\nnot json\n{"id": 3}\r\n{"id": 4}'
    headers = {"Content-Type": content_type}
    answer = api.post(f"/v1/sinks/{source_id}", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    statuses = [record["status"] for record in answer.json()["records"]]
    assert statuses == ["success", "error", "error", "success", "success"]
    assert count(api, deployment_id, table) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"records": {}}',
        b'{"records": [{"value": {"id": 1}}',
        b'{"records": [{"value": {"id": 1}}]} x',
        b"\xff\xfe",
        b'{"records":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_bodies_without_records_store_nothing(
    api: httpx.Client, deployment_id: str, table: str, source_id: str, body: bytes
) -> None:
    answer = api.post(f"/v1/sinks/{source_id}", content=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "InvalidBody"
    assert count(api, deployment_id, table) == 0


def test_an_empty_list_is_a_body(api: httpx.Client, source_id: str) -> None:
    nothing = {"success_count": 0, "error_count": 0, "records": []}
    assert stream(api, source_id, []).items() >= nothing.items()


def test_content_type_does_not_matter(api: httpx.Client, source_id: str) -> None:
    for content_type in ("Content-Type: application/json", "text/html", "a/b/c;;", ""):
        headers = {"Content-Type": content_type}
        answer = api.post(f"/v1/sinks/{source_id}/", content=body_of([{"id": 1}]), headers=headers)
        assert answer.status_code == 200, answer.text


def test_a_repeated_key_applies_nothing(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    def send(values: list[Any]) -> httpx.Response:
        headers = {"Idempotency-Key": "once"}
        return api.post(f"/v1/sinks/{source_id}", content=body_of(values), headers=headers)

    first = send([{"id": 1}, {"id": "bad"}])
    assert first.json()["success_count"] == 1
    again = send([{"id": 1}, {"id": "bad"}])
    assert (again.status_code, again.content) == (200, first.content)
    assert count(api, deployment_id, table) == 1


def test_many_clients_at_once(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    def send(client_number: int) -> int:
        start = client_number * 1_000
        values = [{"id": start + n, "species": f"c{client_number}"} for n in range(100)]
        parts = [values[at : at + 10] for at in range(0, 100, 10)]
        return sum(stream(api, source_id, part)["success_count"] for part in parts)

    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        assert list(clients.map(send, range(8))) == [100] * 8
    assert count(api, deployment_id, table) == 800


def test_missing_fields_where_they_are_not_allowed(
    api: httpx.Client, deployment_id: str, table: str
) -> None:
    schema = {
        "id_field": "id",
        "allow_missing_fields": False,
        "definition": [{"name": "id", "type": "id"}, {"name": "n", "type": "int"}],
    }
    source_id = create_source(api, deployment_id, table, schema)
    outcome = stream(api, source_id, [{"id": 1, "n": 1}, {"id": 2}, {"id": 3, "n": None}])
    statuses = [record["status"] for record in outcome["records"]]
    assert statuses == ["success", "error", "error"]
    assert "n" in outcome["records"][1]["error_message"]


def test_a_source_over_its_rate_is_told_when_to_come_back(tmp_path: Path) -> None:
    flags = ("--source-records-per-s", "10")
    with ServerProcess(tmp_path / "data", *flags) as server, server.client(server.token()) as api:
        deployment_id = create_deployment(api)
        table = create_table(api, deployment_id)
        source_id = create_source(api, deployment_id, table)
        stream(api, source_id, [{"id": n} for n in range(50)])
        refused = api.post(f"/v1/sinks/{source_id}", content=body_of([{"id": 50}]))
        assert refused.status_code == 429, refused.text
        assert refused.json()["error"]["code"] == "QuotaExceeded"
        wait_s = int(refused.headers["retry-after"])
        assert 1 <= wait_s <= 5
        assert refused.headers["ratelimit-limit"] == "10"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert refused.headers["ratelimit-reset"] == str(wait_s)
        assert count(api, deployment_id, table) == 50
