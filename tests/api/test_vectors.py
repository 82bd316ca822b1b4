"""Vectors come in and go out over every path: streams, statements, tables, exports, every form.

Sent as JSON with good and bad ones among them, read back in each format of answers and exports,
kept over a restart after a kill, and asked for in the language that knows them and in the one that
does not.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import parquet

from api_client import ask_sql, create_deployment, create_source, create_table, stream
from server_process import ServerProcess

SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "type": "id"},
        {"name": "spot", "type": "vector", "config": {"Dimensions": 3}},
    ],
}
SENT = [
    {"id": 1, "spot": [1, 0.5, -2]},
    {"id": 2, "spot": [0.1, 0, 3e2]},
    {"id": 3},
    {"id": 4, "spot": [1, 2]},
    {"id": 5, "spot": [1, 2, 1e39]},
    {"id": 6, "spot": [1, "x", 3]},
]
STORED = [[1, [1, 0.5, -2]], [2, [0.1, 0, 300]], [3, None]]


def near(found: list[Any]) -> list[Any]:
    """Rows with the vectors' numbers as 32 bits know them."""
    return [[id_, None if spot is None else pytest.approx(spot)] for id_, spot in found]


def filled(api: httpx.Client) -> tuple[str, str]:
    """A deployment and its table, into which `SENT` was streamed."""
    deployment_id = create_deployment(api)
    table = create_table(api, deployment_id)
    outcome = stream(api, create_source(api, deployment_id, table, SCHEMA), SENT)
    codes = [record.get("error_code") for record in outcome["records"]]
    assert codes == [None, None, None, "InvalidValue", "OutOfRange", "InvalidValue"]
    assert "send a list of 3 numbers" in outcome["records"][3]["error_message"]
    return deployment_id, table


def test_streams_and_forms_of_answers(api: httpx.Client) -> None:
    """The same records in each."""
    deployment_id, table = filled(api)
    path = f"/v1/deployments/{deployment_id}/query"
    body = {"language": "sql", "statement": f"select _id, spot from {table}"}

    def asked(form: str) -> httpx.Response:
        answer = api.post(path, json=body, headers={"Accept": form})
        assert answer.status_code == 200, answer.text
        return answer

    answer = asked("application/json").json()
    assert answer["data"] == STORED
    assert answer["schema"]["fields"][1] == {
        "name": "spot",
        "type": "vector(3)",
        "base-type": "vector",
        "type-info": {"length": 3},
    }
    for kind, export in (("text/csv", "csv"), ("application/x-ndjson", "ndjson")):
        assert asked(kind).text == exported(api, deployment_id, table, export).text
    rows = list(csv.reader(io.StringIO(asked("text/csv").text)))
    assert rows == [["_id", "spot"], ["1", "[1,0.5,-2]"], ["2", "[0.1,0,300]"], ["3", ""]]
    lines = asked("application/x-ndjson").text.splitlines()
    assert [list(json.loads(line).values()) for line in lines] == STORED
    stream_type = "application/vnd.apache.arrow.stream"
    for content in (asked(stream_type), exported(api, deployment_id, table, "arrow")):
        read = pa.ipc.open_stream(content.content).read_all()
        assert read.schema.field("spot").type == pa.list_(pa.float32(), 3)
        found = [list(row.values()) for row in read.to_pylist()]
        assert found == near(STORED)
    file_type = "application/vnd.apache.parquet"
    for content in (asked(file_type), exported(api, deployment_id, table, "parquet")):
        read = parquet.read_table(io.BytesIO(content.content))
        assert [list(row.values()) for row in read.to_pylist()] == near(STORED)


def exported(api: httpx.Client, deployment_id: str, table: str, form: str) -> httpx.Response:
    answer = api.get(f"/v1/tables/{deployment_id}/{table}/export", params={"format": form})
    assert answer.status_code == 200, answer.text
    return answer


def test_tables_and_fields(api: httpx.Client) -> None:
    """Options are shown as they are given; a source that contradicts them is refused."""
    deployment_id, table = filled(api)
    path = f"/v1/tables/{deployment_id}/{table}"
    for name, options in (
        ("more", {"type": "vector", "dimensions": 2}),
        ("note", {"type": "mutex", "keys": True, "maxLength": 5}),
    ):
        answer = api.post(f"{path}/fields/{name}", json={"options": options})
        assert answer.status_code == 201, answer.text
    fields = {field["name"]: field["options"] for field in api.get(path).json()["fields"]}
    assert fields["spot"] == {"type": "vector", "dimensions": 3}
    assert fields["more"] == {"type": "vector", "dimensions": 2}
    assert fields["note"] == {"type": "mutex", "keys": True, "maxLength": 5}
    ((ddl,),) = ask_sql(api, deployment_id, f"show create table {table}")
    assert "spot vector(3), more vector(2), note varchar(5)" in ddl
    contradiction = json.loads(json.dumps(SCHEMA).replace('"Dimensions": 3', '"Dimensions": 4'))
    body = {
        "name": "contradicts",
        "sink_details": {"deployment_id": deployment_id, "table": table},
        "schema": contradiction,
    }
    answer = api.post("/v1/sinks", json=body)
    assert answer.status_code == 409, answer.text
    assert "vector with Dimensions 4" in answer.text
    assert "vector with Dimensions 3" in answer.text
    answer = api.post(f"{path}/fields/bad", json={"options": {"type": "vector"}})
    assert answer.status_code == 422
    assert "dimensions are missing" in answer.json()["error"]["message"]


def test_pql_says_that_it_knows_no_vectors(api: httpx.Client) -> None:
    """Whatever it is asked about one."""
    deployment_id, table = filled(api)
    for call in (
        "Row(spot=1)",
        "Row(spot != null)",
        "Rows(spot)",
        "Extract(All(), Rows(spot))",
        "Sort(All(), field=spot)",
        "Sum(field=spot)",
        "Distinct(field=spot)",
        "GroupBy(Rows(spot))",
        "Set(1, spot=1)",
        "Clear(1, spot=1)",
        "ClearRow(spot=1)",
        "TopN(spot)",
        "Percentile(field=spot, nth=50)",
        "IncludesColumn(Row(spot=1), column=1)",
    ):
        body = {"language": "pql", "statement": f"[{table}]{call}"}
        answer = api.post(f"/v1/deployments/{deployment_id}/query", json=body)
        assert answer.status_code == 400, (call, answer.text)
        assert "SQL reads and PQL does not" in answer.json()["error"], call
    body = {"language": "pql", "statement": f"[{table}]Count(All())"}
    answer = api.post(f"/v1/deployments/{deployment_id}/query", json=body)
    assert answer.json()["results"] == [3]


def test_a_kill(tmp_path: Path) -> None:
    """Vectors come back out of the log, and out of a snapshot with the log behind it."""
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        with server.client(server.token()) as api:
            deployment_id, table = filled(api)
        server.kill()
    for number in (7, 8):
        with ServerProcess(data) as server:
            with server.client(server.token()) as api:
                found = ask_sql(api, deployment_id, f"select _id, spot from {table} where _id < 4")
                assert found == STORED
                ask_sql(
                    api, deployment_id, f"insert into {table} values ({number}, [{number}, 0, 0])"
                )
            if number == 7:
                assert server.stop() == 0
            else:
                server.kill()
    with ServerProcess(data) as server:
        with server.client(server.token()) as api:
            nearest = "order by euclidean_distance(spot, [7.6, 0, 0]) limit 2"
            found = ask_sql(api, deployment_id, f"select _id, spot from {table} {nearest}")
            assert found == [[8, [8, 0, 0]], [7, [7, 0, 0]]]
        assert server.stop() == 0, server.errors()
