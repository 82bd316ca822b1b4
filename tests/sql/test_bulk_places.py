"""BULK INSERT reads the operator's files and URLs, every format of them, and nothing else.

Files are written in each format with the same records; paths climb, links lead out, prefixes are
nearly right and a server redirects. What is refused must write nothing and say which setting
allows it.
"""

import csv
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError, Cancelled, InvalidStatement, NotSupported
from bitbrook.query.database import BulkPlaces
from bitbrook.query.sql import run_sql
from engine_database import EngineDatabase

COUNT = 250
TABLE = "create table t (_id id, n int, p decimal(2), s string, at timestamp, ok bool)"
AT = datetime(2024, 1, 1, 10, tzinfo=UTC)


def records() -> pa.Table:
    """A column of each plain type, with nulls."""
    numbers = range(COUNT)
    return pa.table(
        {
            "_id": pa.array(numbers, pa.int64()),
            "n": pa.array([None if i % 7 == 0 else -i for i in numbers], pa.int32()),
            "p": pa.array([Decimal(i) / 4 for i in numbers], pa.decimal128(9, 2)),
            "s": pa.array([f"it's, {i}" for i in numbers]),
            "at": pa.array([AT for _ in numbers], pa.timestamp("ms", tz="UTC")),
            "ok": pa.array([i % 2 == 0 for i in numbers]),
        }
    )


def write_csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(records().column_names)
        for row in records().to_pylist():
            row["at"] = row["at"].isoformat()
            writer.writerow(["" if value is None else value for value in row.values()])


def write_ndjson(path: Path) -> None:
    with path.open("w") as file:
        for row in records().to_pylist():
            row |= {"at": row["at"].isoformat(), "p": str(row["p"])}
            file.write(json.dumps(row) + "\n")


WRITERS: dict[str, Callable[[Path], None]] = {
    "CSV": write_csv,
    "NDJSON": write_ndjson,
    "PARQUET": lambda path: pq.write_table(records(), path, row_group_size=100),
    "ORC": lambda path: orc.write_table(records(), path, stripe_size=1024),
}
TYPES = {"_id": "id", "n": "int", "p": "decimal(2)", "s": "string", "at": "timestamp", "ok": "bool"}


def sources(form: str) -> str:
    """MAP's list of all columns."""
    places = {
        "CSV": [str(i) for i in range(len(TYPES))],
        "NDJSON": [f"'$.{name}'" for name in TYPES],
    }.get(form, [f"'{name}'" for name in TYPES])
    return ", ".join(f"{place} {kind}" for place, kind in zip(places, TYPES.values(), strict=True))


def statement(name: str, form: str, options: str = "", origin: str = "FILE") -> str:
    header = "header_row csv_empty_string_as_null" if form == "CSV" else ""
    return (
        f"bulk insert into t map ({sources(form)}) from '{name}' "
        f"with {options} {header} format '{form}' input '{origin}'"
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The operator's directory."""
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


@pytest.fixture
def database(open_database: Callable[..., Any], data: Path) -> EngineDatabase:
    database: EngineDatabase = open_database(partition_count=2)
    database.places = BulkPlaces((data,))
    ask(database, TABLE)
    return database


def ask(database: EngineDatabase, text: str, budget: Budget | None = None) -> list[Any]:
    table = run_sql(text, database, budget or Budget()).table
    return [list(row.values()) for row in table.to_pylist()]


def refusal(database: EngineDatabase, text: str, kind: type[BitbrookError]) -> str:
    """What a statement is refused with; it must have written nothing."""
    with pytest.raises(kind) as refused:
        ask(database, text)
    assert ask(database, "select count(*) from t") == [[0]]
    return refused.value.message


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_records(
    form: str, database: EngineDatabase, data: Path
) -> None:
    """Batch by batch, nulls and all; by its path and by its name."""
    WRITERS[form](data / "records")
    expected = [
        [r["_id"], r["n"], r["p"], r["s"], r["at"].replace(tzinfo=None), r["ok"]]
        for r in records().to_pylist()
    ]
    for name in ("records", str(data / "records"), "below/../records"):
        ask(database, statement(name, form, "batchsize 60"))
        assert ask(database, "select * from t") == expected
        ask(database, "delete from t")
    ask(database, statement("records", form, "batchsize 60 rowslimit 130"))
    assert ask(database, "select * from t") == expected[:130]


def test_columns_of_other_types(database: EngineDatabase, data: Path) -> None:
    """Doubles are the decimals they are shortest written as; lists are sets; others are refused."""
    ask(database, "alter table t add column tags stringset")
    table = pa.table(
        {
            "k": pa.array([1, 2, 3], pa.int16()),
            "x": [0.1, 12.34, None],
            "l": [["b", "a", "b"], [], None],
            "d": pa.array(["u", "u", "v"]).dictionary_encode(),
            "big": [2.0**70, 0.0, 0.0],
        }
    )
    pq.write_table(table, data / "f")
    mapped = "'k' id, 'x' decimal(2), 'l' stringset, 'd' string"
    text = f"bulk insert into t (_id, p, tags, s) map ({mapped}) from 'f' with format 'PARQUET' "
    ask(database, text + "input 'FILE'")
    assert ask(database, "select _id, p, tags, s from t") == [
        [1, Decimal("0.10"), ["a", "b"], "u"],
        [2, Decimal("12.34"), None, "u"],
        [3, None, None, "v"],
    ]
    ask(database, "delete from t")
    for source, message in (
        ("'x' int", "unable to convert '0.1' to type 'int' (row 1)"),
        ("'big' decimal(2)", "to type 'decimal(2)' (row 1)"),
        ("'l' int", "unable to convert"),
        ("'nope' int", "the file has no column 'nope'"),
        ("1 int", "MAP takes names of columns for this format, not 1"),
    ):
        column = "p" if "decimal" in source else "n"
        text = f"bulk insert into t (_id, {column}) map ('k' id, {source}) from 'f' with format "
        assert message in refusal(database, text + "'PARQUET' input 'FILE'", InvalidStatement)
    text = "bulk insert into t (_id, n) map ('k' id, 'nope' int) from 'f' with format 'PARQUET' "
    ask(database, text + "input 'FILE' allow_missing_values")
    assert ask(database, "select _id, n from t") == [[1, None], [2, None], [3, None]]


@pytest.mark.parametrize("form", ["PARQUET", "ORC"])
def test_a_file_of_another_format_is_refused(
    form: str, database: EngineDatabase, data: Path
) -> None:
    """With where it was named."""
    (data / "f").write_bytes(b"PAR1 is what it begins with, but nothing else of it fits PAR0")
    message = refusal(database, statement("f", form), InvalidStatement)
    assert "the content cannot be read" in message
    assert message.startswith("[1:"), message
    assert not message.startswith("[1:1]"), message


def test_texts_that_are_no_texts(database: EngineDatabase, data: Path) -> None:
    """Bytes that are not UTF-8."""
    (data / "f").write_bytes(b"h\n1,\xff\xfe")
    for form in ("CSV", "NDJSON"):
        assert "UTF-8" in refusal(database, statement("f", form), InvalidStatement)


def test_nothing_is_read_unless_the_operator_says_so(database: EngineDatabase, data: Path) -> None:
    """And the refusal says how."""
    write_csv(data / "f")
    database.places = BulkPlaces()
    file = refusal(database, statement(str(data / "f"), "CSV"), NotSupported)
    assert "bulk_directories" in file
    url = refusal(database, statement("http://127.0.0.1:1/f", "CSV", origin="URL"), NotSupported)
    assert "bulk_url_prefixes" in url


def test_nothing_outside_the_directories_is_read(database: EngineDatabase, data: Path) -> None:
    """By climbing, absolute paths, links of every kind, neighbours with a longer name."""
    outside = data.parent / "secret"
    write_csv(outside)
    (data.parent / "data-2").mkdir()
    write_csv(data.parent / "data-2" / "f")
    (data / "link").symlink_to(outside)
    (data / "climb").symlink_to("../secret")
    (data / "up").symlink_to(data.parent, target_is_directory=True)
    (data / "loop").symlink_to("loop")
    for name in (
        "../secret",
        str(outside),
        "x/../../secret",
        str(data / ".." / "secret"),
        str(data.parent / "data-2" / "f"),
        "link",
        "climb",
        "up/secret",
        "up/nope",
        "/etc/passwd",
        ".",
        "",
        "f\0",
    ):
        message = refusal(database, statement(name, "CSV"), InvalidStatement)
        assert "is not below a directory of the setting bulk_directories" in message, name
    for name in ("nope", "loop", "nope/f"):
        message = refusal(database, statement(name, "CSV"), InvalidStatement)
        assert "cannot be read" in message, name


def test_links_inside_and_several_directories(database: EngineDatabase, data: Path) -> None:
    """A link to a file below the same directory is followed; the first directory that has it."""
    other = data.parent / "other"
    other.mkdir()
    write_csv(other / "f")
    (data / "sub").mkdir()
    write_csv(data / "sub" / "g")
    (data / "g").symlink_to("sub/g")
    database.places = BulkPlaces.listed(f"{data}, {other}", None)
    for name in ("f", "g"):
        ask(database, statement(name, "CSV"))
        assert ask(database, "select count(*) from t") == [[COUNT]]
        ask(database, "delete from t")


def test_only_regular_files(database: EngineDatabase, data: Path) -> None:
    """A pipe does not hang the statement, a directory is no file."""
    os.mkfifo(data / "pipe")
    (data / "directory").mkdir()
    for name in ("pipe", "directory"):
        message = refusal(database, statement(name, "CSV"), InvalidStatement)
        assert "it is no regular file" in message


def test_a_fault_in_a_later_batch(database: EngineDatabase, data: Path) -> None:
    """Of a file the batches before it are written; of a text in the statement nothing."""
    text = "\n".join([f"{i},{i}" for i in range(100)] + ["100,x"])
    (data / "f").write_text(text)
    head = "bulk insert into t (_id, n) map (0 id, 1 int) from"
    tail = "with batchsize 40 format 'CSV'"
    assert "(row 101)" in refusal(database, f"{head} '{text}' {tail} input 'INLINE'", BitbrookError)
    with pytest.raises(InvalidStatement, match=r"\[1:52\] unable to convert 'x' .* \(row 101\)"):
        ask(database, f"{head} 'f' {tail} input 'FILE'")
    assert ask(database, "select count(*) from t") == [[80]]


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves `data/records`, redirects, and breaks off."""

    content = b""

    def do_GET(self) -> None:
        match self.path:
            case "/data/records":
                self.send_response(200)
                self.send_header("Content-Length", str(len(self.content)))
                self.end_headers()
                self.wfile.write(self.content)
            case "/data/away":
                self.send_response(302)
                self.send_header("Location", "/data/records")
                self.end_headers()
            case "/data/short":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"half")
            case _:
                self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server's address."""
    pq.write_table(records(), tmp_path / "served")
    _Handler.content = (tmp_path / "served").read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_urls(database: EngineDatabase, server: str) -> None:
    """Below the prefix; whatever else is asked for is not even connected to."""
    database.places = BulkPlaces.listed(None, f"https://example.invalid/, {server}/data")
    ask(database, statement(f"{server}/data/records", "PARQUET", origin="URL"))
    assert ask(database, "select count(*), sum(p) from t") == [[COUNT, Decimal("7781.25")]]
    ask(database, "delete from t")
    host = server.removeprefix("http://")
    for url in (
        f"{server}/records",
        f"{server}/data-2/records",
        f"{server}/data/../records",
        f"{server}/data/%2e%2e/records",
        f"{server}/data/..\\records",
        f"http://user:word@{host}/data/records",
        f"http://{host}.example.invalid/data/records",
        f"http://{host}1/data/records",
        f"https://{host}/data/records",
        f"file://{host}/data/records",
        "/etc/passwd",
        "http://[bad/data/records",
    ):
        message = refusal(database, statement(url, "PARQUET", origin="URL"), InvalidStatement)
        assert "begins like none of the setting bulk_url_prefixes" in message, url
    for path, words in (
        ("nope", "answers 404 Not Found"),
        ("away", "answers 302 Found"),
        ("short", "cannot be read"),
    ):
        url = f"{server}/data/{path}"
        message = refusal(database, statement(url, "PARQUET", origin="URL"), InvalidStatement)
        assert words in message, path


def test_a_cancelled_statement_reads_no_more(database: EngineDatabase, server: str) -> None:
    """Between the parts of a content."""
    database.places = BulkPlaces.listed(None, server)
    budget = Budget()
    budget.cancelled.set()
    with pytest.raises(Cancelled):
        ask(database, statement(f"{server}/data/records", "PARQUET", origin="URL"), budget)
