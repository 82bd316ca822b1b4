"""A server under more than it can hold refuses in time, keeps its memory and loses no record.

Sends many large bodies at once, plain and unfolding, in every encoding and as chunks; and a long
stream of which every hundredth record is bad, over several connections.
"""

import concurrent.futures
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from api_client import ask_pql, ask_sql, create_deployment, create_source, create_table, stream
from server_process import ServerProcess

MIB = 1 << 20
RESIDENT_BYTES_MAX = 1_600 * MIB
"""What a server may take at most: 256 MiB of bodies, as much of batches and of the log, and what
decoding two bodies and the process itself take."""


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the limits that it has by default."""
    with ServerProcess(tmp_path_factory.mktemp("roomy") / "data") as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture
def client(roomy: ServerProcess) -> Iterator[httpx.Client]:
    with roomy.client(roomy.token(), limits=httpx.Limits(max_connections=100)) as client:
        client.timeout = httpx.Timeout(120.0)
        yield client


def resident_bytes_peak(server: ServerProcess) -> int:
    """The most memory that a server's process ever had."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1_024
    raise AssertionError("the kernel tells no peak")


def large_body(start: int, size_bytes: int) -> tuple[bytes, int]:
    """A body of about so many bytes, and how many records it has."""
    text = "x" * 800
    value = '{"value":{"id":%d,"amount":"1.25","species":"%s"}}'
    count = size_bytes // 850
    records = ",".join(value % (start + n, f"{n % 10}{text}") for n in range(count))
    return f'{{"records":[{records}]}}'.encode(), count


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
def test_many_large_bodies_at_once(
    roomy: ServerProcess, client: httpx.Client, is_packed: bool
) -> None:
    deployment_id = create_deployment(client)
    table = create_table(client, deployment_id)
    source_id = create_source(client, deployment_id, table)
    bodies = [large_body(number * 100_000, 15 * MIB) for number in range(4)]
    headers = {"Content-Encoding": "gzip"} if is_packed else {}
    contents = [gzip.compress(body, 1) if is_packed else body for body, _ in bodies]

    def send(number: int) -> httpx.Response | httpx.TransportError:
        try:
            content = contents[number % len(contents)]
            return client.post(f"/v1/sinks/{source_id}", content=content, headers=headers)
        except httpx.TransportError as error:
            # A server that has refused reads no further, which a client may meet while it sends.
            return error

    with concurrent.futures.ThreadPoolExecutor(48) as clients:
        answers = list(clients.map(send, range(48)))
    taken = [each for each in answers if getattr(each, "status_code", 0) == 200]
    refused = [each for each in answers if getattr(each, "status_code", 200) != 200]
    assert taken
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) >= 1
        assert "nothing was applied" in answer.json()["message"]
    if not is_packed:
        assert len(taken) < len(answers), "it took more than it may hold at once"
    assert resident_bytes_peak(roomy) < RESIDENT_BYTES_MAX
    # It is well afterwards, and what was refused can be sent again.
    for content in contents:
        answer = client.post(f"/v1/sinks/{source_id}", content=content, headers=headers)
        assert answer.status_code == 200, answer.text
    counted = ask_pql(client, deployment_id, f"[{table}]Count(All())")
    assert counted == [sum(count for _, count in bodies)]


def _as_body(values: list[dict[str, Any]]) -> bytes:
    return json.dumps({"records": [{"value": value} for value in values]}).encode()


def _as_lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize(
    ("form", "content_type"),
    [(_as_body, "application/json"), (_as_lines, "application/x-ndjson")],
    ids=["json", "lines"],
)
def test_every_way_to_send_a_body(
    *,
    api: httpx.Client,
    deployment_id: str,
    table: str,
    source_id: str,
    form: Callable[[list[dict[str, Any]]], bytes],
    content_type: str,
    encoding: str,
    is_chunked: bool,
) -> None:
    values: list[dict[str, Any]] = [
        {"id": number, "amount": "1.5", "species": "é" * (number % 7)} for number in range(2_000)
    ]
    values[77]["amount"] = "?"
    body = {
        "identity": bytes,
        "gzip": gzip.compress,
        "zstd": lambda plain: pa.Codec("zstd").compress(plain, asbytes=True),
    }[encoding](form(values))
    # The chunks cut through records, characters and compressed blocks.
    content: Any = (body[at : at + 997] for at in range(0, len(body), 997)) if is_chunked else body
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    answer = api.post(f"/v1/sinks/{source_id}", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert ("content-length" in answer.request.headers) is not is_chunked
    outcome = answer.json()
    assert (outcome["success_count"], outcome["error_count"]) == (1_999, 1)
    assert outcome["records"][77]["status"] == "error"
    (total,) = ask_pql(api, deployment_id, f"[{table}]Sum(field=amount)")
    assert total["count"] == 1_999


def test_a_long_stream_with_bad_records_ends_with_the_good_ones(client: httpx.Client) -> None:
    deployment_id = create_deployment(client)
    table = create_table(client, deployment_id)
    source_id = create_source(client, deployment_id, table)
    bad: tuple[dict[str, Any], ...] = (
        {"amount": "12,5"}, {"id": "none"}, {"amount": "1.234"}, {"species": 7}, {"tags": "a"},
        {"id": None}, {"amount": "1e30"}, {"tags": [None]}, {"id": -1}, {"species": ["a"]},
    )  # fmt: skip

    def value(number: int) -> dict[str, Any]:
        good = {"id": number, "amount": f"{number % 100}.25", "species": f"s{number % 3}"}
        return good | (bad[number // 100 % len(bad)] if number % 100 == 50 else {})

    def send(start: int) -> tuple[int, int]:
        outcome = stream(client, source_id, [value(n) for n in range(start, start + 1_000)])
        errors = [n for n, each in enumerate(outcome["records"]) if each["status"] == "error"]
        assert errors == list(range(50, 1_000, 100))
        return outcome["success_count"], outcome["error_count"]

    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        outcomes = list(clients.map(send, range(0, 300_000, 1_000)))
    assert [sum(column) for column in zip(*outcomes, strict=True)] == [297_000, 3_000]
    statement = f"[{table}]Count(All())Sum(field=amount)Count(Row(species='s1'))"
    counted, total, first_species = ask_pql(client, deployment_id, statement)
    good = [number for number in range(300_000) if number % 100 != 50]
    assert counted == len(good)
    assert total["count"] == len(good)
    (row,) = ask_sql(client, deployment_id, f"select sum(amount) from {table}")
    assert round(row[0] * 100) == sum(number % 100 * 100 + 25 for number in good)
    assert first_species == sum(number % 3 == 1 for number in good)
    shown = client.get(f"/v1/sinks/{source_id}/metrics").json()["metrics"]
    assert sum(minute["records"] for minute in shown) == 297_000
    assert sum(sum(minute["error_codes"].values()) for minute in shown) == 3_000
    assert len(client.get(f"/v1/sinks/{source_id}/errors").json()["errors"]) == 1_000
    assert ask_pql(
        client, deployment_id, f"[{table}]Count(Intersect(All(),ConstRow(columns=[50])))"
    ) == [0]
