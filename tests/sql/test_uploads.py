"""Files that come with a statement are read by BULK INSERT, whatever their format and size.

Each format is sent over HTTP beside the statement, larger than a body may be otherwise; parts are
missing, doubled, cut off, too long, and come in pieces of a few bytes. What is refused writes
nothing, and no request leaves a file behind.
"""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from api_client import ask_sql, create_deployment
from server_process import ServerProcess

COUNT = 60_000
TABLE = "create table t (_id id, n int, s string, at vector(2))"
KEYS = {"_id": "id", "n": "int", "s": "string", "at": "vector(2)"}


def records() -> pa.Table:
    """More than a megabyte in any format."""
    numbers = range(COUNT)
    return pa.table(
        {
            "_id": pa.array(numbers, pa.int64()),
            "n": pa.array([None if i % 7 == 0 else -i for i in numbers], pa.int64()),
            "s": pa.array([f"it's, number {i * 7919 % 100_003}" for i in numbers]),
            "at": pa.array([[i, 0.5] for i in numbers], pa.list_(pa.float64())),
        }
    )


def as_csv() -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in records().to_pylist():
        writer.writerow(["" if value is None else value for value in row.values()])
    return text.getvalue().encode()


def as_ndjson() -> bytes:
    return "\n".join(json.dumps(row) for row in records().to_pylist()).encode()


def as_parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(records(), sink, compression="none", use_dictionary=False)
    return sink.getvalue()


def as_orc() -> bytes:
    sink = io.BytesIO()
    orc.write_table(records(), sink, compression="uncompressed")
    return sink.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "CSV": as_csv,
    "NDJSON": as_ndjson,
    "PARQUET": as_parquet,
    "ORC": as_orc,
}


def statement(form: str, name: str = "file", options: str = "") -> str:
    place: Callable[[int, str], str] = {
        "CSV": lambda index, _: str(index),
        "NDJSON": lambda _, name: f"'$.{name}'",
    }.get(form, lambda _, name: f"'{name}'")
    mapped = ", ".join(f"{place(i, key)} {kind}" for i, (key, kind) in enumerate(KEYS.items()))
    return (
        f"bulk insert into t (_id, n, s, at) map ({mapped}) from '{name}' with {options} "
        f"format '{form}' input 'UPLOAD' csv_empty_string_as_null batchsize 10000"
    )


class Sending:
    """A deployment with a table, and requests with files to it."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        self.id = create_deployment(api)
        self.ask(TABLE)

    def ask(self, text: str) -> list[Any]:
        return ask_sql(self.api, self.id, text)

    def send(self, text: str | None, path: str = "/query", **files: bytes) -> httpx.Response:
        """The answer to a statement with files."""
        base = f"/v1/deployments/{self.id}" if path == "/query" else f"/databases/{self.id}"
        form = {} if text is None else {"statement": text}
        return self.api.post(base + path, data=form, files=files)

    def send_raw(self, body: bytes | Iterator[bytes], boundary: str = "x") -> httpx.Response:
        kind = f"multipart/form-data; boundary={boundary}" if boundary else "multipart/form-data"
        path = f"/v1/deployments/{self.id}/query"
        return self.api.post(path, content=body, headers={"Content-Type": kind})


@pytest.fixture
def sending(api: httpx.Client) -> Iterator[Sending]:
    sending = Sending(api)
    yield sending
    with contextlib.suppress(AssertionError):
        sending.ask("drop table t")
    api.delete(f"/v1/deployments/{sending.id}")


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(form: str, sending: Sending) -> None:
    """The body is larger than one without files may be."""
    content = FORMATS[form]()
    assert len(content) > 1_000_000
    answer = sending.send(statement(form), file=content)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"] == []
    assert answer.headers["x-query-id"]
    expected = sum(-i for i in range(COUNT) if i % 7)
    assert sending.ask("select count(*), count(n), sum(n), count(distinct s) from t") == [
        [COUNT, COUNT - COUNT // 7 - 1, expected, COUNT]
    ]
    assert sending.ask("select s, at from t where _id = 6") == [["it's, number 47514", [6, 0.5]]]


def test_on_the_routes_of_text_too(sending: Sending) -> None:
    """Where a failure is told with status 200, as of every statement there."""
    answer = sending.send(statement("CSV"), "/query/sql", file=b'1,2,a,"1,2"')
    assert "error" not in answer.json()
    assert sending.ask("select * from t") == [[1, 2, "a", [1, 2]]]
    answer = sending.send(statement("CSV"), "/sql", file=b"1,x,a,")
    assert answer.status_code == 200
    assert "unable to convert 'x' to type 'int' (row 1)" in answer.json()["error"]


def test_several_files_and_statements_that_read_none(sending: Sending) -> None:
    """Each by its name; what nobody reads is no error."""
    answer = sending.send(statement("CSV", "b.csv"), **{"a": b"zzz", "b.csv": b"1,2,c,"})
    assert answer.status_code == 200, answer.text
    assert sending.send("select s from t", file=b"x").json()["data"] == [["c"]]
    assert sending.send("bulk replace" + statement("CSV")[11:], file=b"1,,d,").status_code == 200
    assert sending.ask("select * from t") == [[1, None, "d", None]]


def test_a_fault_in_the_file(sending: Sending) -> None:
    """It says where; the batches before it are written, as of any file."""
    content = b"".join(b"%d,%d,a,\n" % (i, i) for i in range(25_000)) + b"25000,x,a,\n"
    answer = sending.send(statement("CSV"), file=content)
    assert answer.status_code == 400
    assert "unable to convert 'x' to type 'int' (row 25001)" in answer.json()["error"]
    assert sending.ask("select count(*) from t") == [[20_000]]


def test_names_that_did_not_come(sending: Sending) -> None:
    """The refusal lists what came; without files none can have come."""
    answer = sending.send(statement("CSV", "nope"), file=b"1,2,a,", other=b"")
    assert answer.status_code == 400
    assert "no file 'nope' came with the statement (came: file, other)" in answer.json()["error"]
    body = {"language": "sql", "statement": statement("CSV")}
    answer = sending.api.post(f"/v1/deployments/{sending.id}/query", json=body)
    assert answer.status_code == 400
    assert "(none came)" in answer.json()["error"]
    assert sending.ask("select count(*) from t") == [[0]]


PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


@pytest.mark.parametrize(
    ("body", "boundary", "words"),
    [
        (b"", "x", "multipart"),
        (b"nothing of the sort", "x", "multipart"),
        (PART % (b"statement", b"select 1") + b"--x--", "", "boundary"),
        (PART % (b"file", b"1") + b"--x--", "x", "'statement' is missing"),
        (PART % (b"statement", b"select 1"), "x", "multipart"),
        (PART % (b"statement", b"\xff") + b"--x--", "x", "not UTF-8"),
        (2 * (PART % (b"statement", b"select 1")) + b"--x--", "x", "two parts 'statement'"),
        (2 * (PART % (b"file", b"1")) + b"--x--", "x", "two parts 'file'"),
        (b"".join(PART % (b"f%d" % i, b"") for i in range(17)) + b"--x--", "x", "16 files"),
        (PART % (b"statement", b" " * 1_000_001) + b"--x--", "x", "1,000,000 bytes"),
    ],
)
def test_bodies_that_cannot_be(body: bytes, boundary: str, words: str, sending: Sending) -> None:
    """Each is a 400 that says why."""
    answer = sending.send_raw(body, boundary)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]


def test_bodies_in_small_pieces(sending: Sending) -> None:
    """Cut within marks and lines alike."""
    parts = PART % (b"statement", statement("CSV").encode())
    body = parts + PART % (b"file", b"1,2,a,\r\n2,3,b,") + b"--x--\r\n"
    answer = sending.send_raw(body[i : i + 3] for i in range(0, len(body), 3))
    assert answer.status_code == 200, answer.text
    assert sending.ask("select _id, n, s from t") == [[1, 2, "a"], [2, 3, "b"]]


def test_nobody_unknown_sends_files(sending: Sending, server: ServerProcess) -> None:
    """Before anything of the body is read; and nobody to what is not theirs."""
    with server.client() as stranger:
        path = f"/v1/deployments/{sending.id}/query"
        answer = stranger.post(path, data={"statement": "select 1"}, files={"file": b"1"})
        assert answer.status_code == 401
    answer = sending.api.post(
        "/v1/deployments/nope/query", data={"statement": "select 1"}, files={"file": b"1"}
    )
    assert answer.status_code == 404
    headers = {"Content-Encoding": "gzip"}
    answer = sending.api.post(path, data={}, files={"file": b"1"}, headers=headers)
    assert answer.status_code == 400
    assert "leave Content-Encoding out" in answer.json()["error"]["message"]


def test_the_limit_and_what_is_left_behind(tmp_path: Path) -> None:
    """A file beyond upload_bytes_max is a 413 that names it; no request leaves a file open."""
    data = tmp_path / "data"
    with ServerProcess(data, "--upload-bytes-max", "100000") as server:
        with server.client(server.token()) as api:
            sending = Sending(api)
            rows = b"".join(b"%d,1,a,\n" % i for i in range(1_000))
            for _ in range(3):
                assert sending.send(statement("CSV"), file=rows).status_code == 200
            answer = sending.send(statement("CSV"), file=rows * 20)
            assert answer.status_code == 413, answer.text
            assert "upload_bytes_max" in answer.json()["error"]["message"]
            assert sending.send(statement("CSV"), file=b"1,x").status_code == 400
            assert sending.ask("select count(*) from t") == [[1_000]]
            opened = Path(f"/proc/{server.process.pid}/fd").iterdir()
            places = [str(each.readlink()) for each in opened if each.is_symlink()]
            assert not [place for place in places if "deleted" in place], places
        assert server.stop() == 0, server.errors()
    assert not [path.name for path in data.iterdir() if path.name.startswith("tmp")]
