"""An exported table holds every record once, exactly, in each format, and while it is written to.

Tried with ids over the whole range, keys, every type of field, nulls, nothing at all, pages of one
record, streams under way, and callers and formats that cannot be.
"""

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from api_client import create_source, create_table, stream
from bitbrook.algebra.budget import Budget
from bitbrook.control import exports
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.schema.field_types import FieldSchema, FieldType
from engine_database import EngineDatabase

FORMATS = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "type": "id"},
        {"name": "amount", "type": "decimal", "config": {"Scale": 2}},
        {"name": "species", "type": "string", "config": {"Mutex": True}},
        {"name": "tags", "type": "strings"},
        {"name": "ok", "type": "bool"},
        {"name": "n", "type": "int"},
        {"name": "at", "type": "timestamp", "config": {"Granularity": "ms"}},
    ],
}


class UnboundBudgets:
    """Budgets that nothing exceeds."""

    @contextmanager
    def budget(self) -> Iterator[Budget]:
        yield Budget()


def exported(api: httpx.Client, deployment_id: str, table: str, name: str) -> httpx.Response:
    path = f"/v1/tables/{deployment_id}/{table}/export"
    by_query = api.get(path, params={"format": name})
    by_accept = api.get(path, headers={"Accept": FORMATS[name]})
    for answer in (by_query, by_accept):
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].split(";")[0] == FORMATS[name]
        assert f'{table}.{name}"' in answer.headers["content-disposition"]
    assert by_query.content == by_accept.content
    return by_query


def as_table(answer: httpx.Response, name: str) -> pa.Table:
    if name == "arrow":
        return pa.ipc.open_stream(answer.content).read_all()
    return parquet.read_table(io.BytesIO(answer.content))


def test_every_type_in_every_format(api: httpx.Client, deployment_id: str, table: str) -> None:
    source_id = create_source(api, deployment_id, table, SCHEMA)
    largest = 2**64 - 1
    values = [
        {
            "id": 5, "amount": "1.50", "species": 'a "b", c', "tags": ["y", "x"], "ok": True,
            "n": -(2**63), "at": "2024-02-29T12:00:00.25Z",
        },
        {"id": largest, "n": 2**63 - 1},
        {"id": 2**40, "species": ""},
    ]  # fmt: skip
    assert stream(api, source_id, values)["success_count"] == 3
    text = exported(api, deployment_id, table, "ndjson").text
    lines = [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    assert [line["_id"] for line in lines] == [5, 2**40, largest]
    assert lines[0] == {
        "_id": 5, "amount": Decimal("1.50"), "species": 'a "b", c', "tags": ["x", "y"],
        "ok": True, "n": -(2**63), "at": "2024-02-29T12:00:00.25Z",
    }  # fmt: skip
    assert lines[2]["n"] == 2**63 - 1
    assert lines[2]["amount"] is None
    rows = list(csv.reader(io.StringIO(exported(api, deployment_id, table, "csv").text)))
    assert rows[0] == ["_id", "amount", "species", "tags", "ok", "n", "at"]
    assert rows[1] == [
        "5", "1.50", 'a "b", c', '["x","y"]', "true", str(-(2**63)), "2024-02-29T12:00:00.25Z",
    ]  # fmt: skip
    assert rows[3][0] == str(largest)
    for name in ("arrow", "parquet"):
        records = as_table(exported(api, deployment_id, table, name), name).to_pylist()
        assert [record["_id"] for record in records] == [5, 2**40, largest]
        assert records[0]["amount"] == Decimal("1.50")
        assert records[0]["tags"] == ["x", "y"]
        assert records[2]["n"] == 2**63 - 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("is_keyed", [True, False, None])
def test_an_empty_table(
    api: httpx.Client, deployment_id: str, name: str, is_keyed: bool | None
) -> None:
    options = {} if is_keyed is None else {"options": {"keys": is_keyed}}
    table = create_table(api, deployment_id, **options)
    answer = exported(api, deployment_id, table, name)
    if name in {"arrow", "parquet"}:
        assert as_table(answer, name).num_rows == 0
        assert as_table(answer, name).column_names == ["_id"]
    else:
        assert answer.text.strip('_id"\n') == ""


@pytest.mark.parametrize("name", FORMATS)
def test_many_pages_of_keys(api: httpx.Client, deployment_id: str, table: str, name: str) -> None:
    schema = {
        "primary_key_fields": ["id"],
        "definition": [{"name": "id", "type": "string"}, {"name": "n", "type": "int"}],
    }
    source_id = create_source(api, deployment_id, table, schema)
    for start in range(0, 30_000, 10_000):
        stream(api, source_id, [{"id": f"k{n}", "n": n} for n in range(start, start + 10_000)])
    answer = exported(api, deployment_id, table, name)
    if name == "ndjson":
        records = [json.loads(line) for line in answer.text.splitlines()]
    elif name == "csv":
        records = list(csv.DictReader(io.StringIO(answer.text)))
    else:
        records = as_table(answer, name).to_pylist()
    got = sorted((int(record["n"]), record["_id"]) for record in records)
    assert got == [(n, f"k{n}") for n in range(30_000)]


def test_while_records_come(api: httpx.Client, deployment_id: str, table: str) -> None:
    source_id = create_source(api, deployment_id, table)
    for start in range(0, 60_000, 10_000):
        stream(api, source_id, [{"id": 2 * n} for n in range(start, start + 10_000)])
    stop = threading.Event()

    def feed() -> None:
        start = 0
        while not stop.is_set():
            stream(api, source_id, [{"id": 2 * n + 1} for n in range(start, start + 500)])
            start += 500

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        for _ in range(5):
            path = f"/v1/tables/{deployment_id}/{table}/export"
            lines = api.get(path, params={"format": "csv"}).text.splitlines()
            ids = [int(row[0]) for row in csv.reader(lines[1:])]
            assert ids == sorted(set(ids))
            assert [each for each in ids if each % 2 == 0] == list(range(0, 120_000, 2))
    finally:
        stop.set()
        feeding.join()


def test_what_cannot_be(
    api: httpx.Client, anonymous: httpx.Client, deployment_id: str, table: str
) -> None:
    path = f"/v1/tables/{deployment_id}/{table}/export"
    answer = api.get(path, params={"format": "xml"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "format")
    assert "parquet" in answer.json()["message"]
    assert anonymous.get(path).status_code == 401
    assert api.get(f"/v1/tables/{deployment_id}/none/export").status_code == 404
    assert api.get(f"/v1/tables/none/{table}/export").status_code == 404
    key = api.post("/v1/api-keys", json={"name": "k", "scopes": ["ingest"]}).json()["key"]
    assert anonymous.get(path, headers={"X-API-Key": key}).status_code == 403
    for accept in ("*/*", "application/json", ""):
        answer = api.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"].startswith("application/x-ndjson")


@pytest.mark.parametrize("is_keyed", [False, True])
@pytest.mark.parametrize("partition_count", [1, 3])
def test_pages_of_any_size_over_partitions_and_holes(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, is_keyed: bool, partition_count: int
) -> None:
    monkeypatch.setattr(exports, "FIRST_PAGE_RECORDS", 7)
    monkeypatch.setattr(exports, "PAGE_RECORDS_MAX", 50)
    database = EngineDatabase(tmp_path, partition_count=partition_count)
    fields = (FieldSchema("n", FieldType.INT),)
    table = database.create_table("things", is_keyed=is_keyed, fields=fields)
    numbers = list(range(2_000))
    ids: list[Any] = [f"k{n}" for n in numbers] if is_keyed else [n * 1_000_003 for n in numbers]
    kind = pa.string() if is_keyed else pa.uint64()

    def write(kind_of: OperationKind, columns: dict[str, pa.Array]) -> None:
        records = pa.RecordBatch.from_pydict(columns)
        database.write(table, Batch([Operation(kind_of, records)]))

    write(OperationKind.UPSERT, {"_id": pa.array(ids, kind), "n": pa.array(numbers)})
    write(OperationKind.DELETE, {"_id": pa.array(ids[100:1_500], kind)})
    pages = list(exports.Export(database, table, UnboundBudgets()).pages())
    got = {record["_id"]: record["n"] for page in pages for record in page.to_pylist()}
    assert sum(page.num_rows for page in pages) == len(got) == 600
    assert got == {ids[n]: n for n in (*range(100), *range(1_500, 2_000))}
    assert len(pages) > 6
    database.close()
