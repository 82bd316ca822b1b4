"""A deployment that is full says so, and takes nothing of what it cannot hold.

Starts a server whose smallest shape really is small, streams until it is full, in one piece and in
parts, repeats what was refused, makes room and streams again; and holds the source's metrics and
errors against what was sent, code by code.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api_client import (
    ask_pql,
    create_deployment,
    create_source,
    create_table,
    stream,
    wait_until_gone,
)
from server_process import ServerProcess

SMALL = """
from bitbrook.control import deployments, shape_memory
deployments.SHAPES = (deployments.Shape("8GB", 400_000, "development"),)
shape_memory.MEASURED_EVERY_S = 0.0
from bitbrook.cli.main import app
app()
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a shape of 400 kB, measured with each request."""
    data = tmp_path_factory.mktemp("full") / "data"
    with ServerProcess(data, program=("-c", SMALL)) as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture
def client(small: ServerProcess) -> Iterator[httpx.Client]:
    with small.client(small.token()) as client:
        yield client


def body_of(start: int, count: int) -> bytes:
    values = ({"value": {"id": n, "species": f"s{n % 7}"}} for n in range(start, start + count))
    return json.dumps({"records": list(values)}).encode()


def test_what_is_full_takes_nothing(client: httpx.Client) -> None:
    deployment_id = create_deployment(client)
    table = create_table(client, deployment_id)
    source_id = create_source(client, deployment_id, table)
    path = f"/v1/sinks/{source_id}"
    stored = 0
    while True:
        answer = client.post(path, content=body_of(stored, 5_000))
        if answer.status_code != 200:
            break
        stored += 5_000
        assert stored < 1_000_000, "it is never full"
    assert stored > 0
    # In one piece, in parts, as lines and under a key: all the same.
    long = body_of(stored, 40_000)
    ways: list[dict[str, Any]] = [
        {"content": body_of(stored, 1)},
        {"content": body_of(stored, 1), "headers": {"Idempotency-Key": "full"}},
        {"content": iter([long[:700_000], long[700_000:]])},
        {"content": b'{"id":1}', "headers": {"Content-Type": "application/x-ndjson"}},
    ]
    for way in ways:
        refused = client.post(path, **way)
        assert refused.status_code == 507, refused.text
        problem = refused.json()
        assert problem["error"]["code"] == "ShapeExceeded"
        assert "nothing was applied" in problem["message"]
        assert "400,000" in problem["message"]
    assert ask_pql(client, deployment_id, f"[{table}]Count(All())") == [stored]
    assert (
        sum(each["records"] for each in client.get(f"{path}/metrics").json()["metrics"]) == stored
    )
    # Room is made, and the next records find it.
    client.delete(path).raise_for_status()
    wait_until_gone(client, path)
    client.delete(f"/v1/tables/{deployment_id}/{table}").raise_for_status()
    wait_until_gone(client, f"/v1/tables/{deployment_id}/{table}")
    again = create_source(client, deployment_id, create_table(client, deployment_id))
    assert stream(client, again, [{"id": 1}])["success_count"] == 1


def test_metrics_and_errors_tell_every_code(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    bad: list[tuple[Any, str]] = [
        ({"id": 1, "amount": "much"}, "InvalidValue"),
        ({"id": 1, "tags": "a"}, "InvalidValue"),
        ({"id": "one"}, "InvalidId"),
        ({"id": -1}, "InvalidId"),
        ({"amount": 1}, "MissingField"),
        ({"id": 1, "amount": "1e30"}, "OutOfRange"),
        (5, "InvalidBody"),
    ]
    expected: Counter[str] = Counter()
    for times, (value, code) in enumerate(bad, 1):
        outcome = stream(api, source_id, [{"id": times}, *[value] * times])
        assert [each["error_code"] for each in outcome["records"][1:]] == [code] * times
        expected[code] += times
    minutes = api.get(f"/v1/sinks/{source_id}/metrics").json()["metrics"]
    counted: Counter[str] = Counter()
    for minute in minutes:
        counted.update(minute["error_codes"])
    assert counted == expected
    assert sum(minute["errors"] for minute in minutes) == expected.total()
    assert sum(minute["records"] for minute in minutes) == len(bad)
    assert sum(minute["requests"] for minute in minutes) == len(bad)
    errors = api.get(f"/v1/sinks/{source_id}/errors").json()["errors"]
    assert Counter(each["code"] for each in errors) == expected
    assert all(len(each["excerpt"]) <= 1_024 for each in errors)
    # The same, over all sources, for whoever watches the server.
    shown = api.get("/metrics").text
    for code in expected:
        assert code in shown
