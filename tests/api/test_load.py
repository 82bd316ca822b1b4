"""Files of every kind arrive as they are, each record once, however often a load is interrupted.

Tried with every kind of column, names that no field may have, records at fault, files that change,
a server that is killed and one that takes small bodies only, and everything that cannot be loaded.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from api_client import create_deployment, create_source, create_table, unique_name
from bitbrook.cli.load_state import SUFFIX, LoadState
from server_process import EMAIL, PASSWORD, ServerProcess

COUNT = 2_500
ROWS = [
    {
        "id": number,
        "Sepal Length": f"{number % 70}.{number % 10}",
        "species": None if number % 50 == 7 else f"s {number % 3}, é",
        "is_new": number % 2 == 0,
        "seen": datetime(2024, 2, 29, 12, 0, number % 60, tzinfo=UTC),
        "born": date(2024, 2, 1 + number % 28),
        "n": number - 1_000,
    }
    for number in range(COUNT)
]


def command(*arguments: object, server: ServerProcess | None = None) -> dict[str, Any]:
    """How `bitbrook load` is run."""
    environment = {name: text for name, text in os.environ.items() if "BITBROOK" not in name}
    if server is not None:
        environment |= {
            "BITBROOK_URL": server.url,
            "BITBROOK_EMAIL": EMAIL,
            "BITBROOK_PASSWORD": PASSWORD,
        }
    words = [sys.executable, "-m", "bitbrook.cli.main", "load", *map(str, arguments)]
    return {"args": words, "env": environment, "text": True}


def load(
    *arguments: object, server: ServerProcess | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        **command(*arguments, server=server), capture_output=True, timeout=120, check=False
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran


def exported(api: httpx.Client, deployment_id: str, table: str) -> list[dict[str, Any]]:
    path = f"/v1/tables/{deployment_id}/{table}/export"
    answer = api.get(path, params={"format": "arrow"})
    assert answer.status_code == 200, answer.text
    records: list[dict[str, Any]] = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    return records


def written(path: Path) -> Path:
    """The rows as a file of the kind that its name tells."""
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    columns["Sepal Length"] = [Decimal(text) for text in columns["Sepal Length"]]
    if path.suffix == ".parquet":
        parquet.write_table(pa.table(columns), path, row_group_size=700)
    elif path.suffix == ".arrow":
        feather.write_feather(pa.table(columns), path)
    elif path.suffix == ".arrows":
        table = pa.table(columns)
        with pa.ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table, 300)
    elif path.name.endswith((".csv", ".csv.gz")):
        lines = ["id,Sepal Length,species,is_new,seen,born,n"]
        for row in ROWS:
            species = "" if row["species"] is None else f'"{row["species"]}"'
            seen = row["seen"].strftime("%Y-%m-%d %H:%M:%S")
            born, is_new = row["born"].isoformat(), str(row["is_new"]).lower()
            lines.append(
                f"{row['id']},{row['Sepal Length']},{species},{is_new},{seen},{born},{row['n']}"
            )
        text = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    else:
        lines = []
        for row in ROWS:
            shown = row | {"seen": row["seen"].isoformat(), "born": row["born"].isoformat()}
            line = json.dumps(shown)
            # A number as it is written, not as a float would have it.
            lines.append(line.replace(f'"{row["Sepal Length"]}"', row["Sepal Length"]))
        path.write_text("\n\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name", ["f.csv", "f.csv.gz", "f.ndjson", "f.parquet", "f.arrow", "f.arrows"]
)
def test_every_kind_of_file_gives_the_same_table(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path, name: str
) -> None:
    file = written(tmp_path / name)
    table = unique_name("t")
    ran = load(file, "--deployment", deployment_id, "--table", table, server=server)
    assert ran.stdout == f"{name}: 2,500 records stored, 0 refused\n"
    records = exported(api, deployment_id, table)
    assert records == [
        {
            "_id": row["id"],
            "sepal_length": Decimal(row["Sepal Length"]),
            "species": row["species"],
            "is_new": row["is_new"],
            "seen": row["seen"].replace(tzinfo=None),
            "born": datetime(2024, 2, row["born"].day),  # noqa: DTZ001
            "n": row["n"],
        }
        for row in ROWS
    ]
    assert sorted(each.name for each in tmp_path.iterdir()) == [name]
    # Once more: the same records under the same keys.
    load(file, "--deployment", deployment_id, "--table", table, server=server)
    assert exported(api, deployment_id, table) == records


def test_a_dry_run_prints_a_schema_that_can_be_changed(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path
) -> None:
    file = written(tmp_path / "f.csv")
    printed = json.loads(load(file, "--dry-run").stdout)
    assert printed["id_field"] == "id"
    by_name = {entry["name"]: entry for entry in printed["definition"]}
    assert by_name["sepal_length"] == {
        "name": "sepal_length", "path": ["Sepal Length"], "type": "decimal", "config": {"Scale": 1},
    }  # fmt: skip
    assert by_name["seen"]["config"] == {"Layout": "2006-01-02 15:04:05"}
    by_name["n"]["type"] = "decimal"
    by_name["n"]["config"] = {"Scale": 3}
    changed = tmp_path / "schema.json"
    changed.write_text(json.dumps(printed))
    arguments = ("--deployment", deployment_id, "--table", "things", "--schema", changed)
    load(file, *arguments, server=server)
    fields = api.get(f"/v1/tables/{deployment_id}/things").json()["fields"]
    assert {field["name"]: field["type"] for field in fields}["n"] == "decimal"


def test_records_that_are_refused_are_written_down(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    lines = ["id,amount", *(f"{n},{n}" for n in range(100)), "100,x", "101,2,3", "102", "y,1"]
    file.write_text("\n".join(lines))
    schema = tmp_path / "schema.json"
    definition = [{"name": "id", "type": "id"}, {"name": "amount", "type": "int"}]
    schema.write_text(json.dumps({"id_field": "id", "definition": definition}))
    rejects = tmp_path / "rejects.ndjson"
    ran = load(
        file, "--deployment", deployment_id, "--table", "things", "--reject-file", rejects,
        "--schema", schema, server=server, code=1,
    )  # fmt: skip
    assert ran.stdout == "f.csv: 100 records stored, 4 refused\n"
    entries = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [entry["error_code"] for entry in entries] == [
        "InvalidValue", "InvalidId", "InvalidBody", "InvalidBody",
    ]  # fmt: skip
    assert [entry["value"] for entry in entries] == [
        '{"id":"100","amount":"x"}', '{"id":"y","amount":"1"}', "101,2,3", "102",
    ]  # fmt: skip
    assert "amount" in entries[0]["error_message"]
    assert len(exported(api, deployment_id, "things")) == 100


def test_a_later_file_may_have_more_columns(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_text('{"id": 1, "n": 5, "who": {"name": "ada", "tags": ["x"]}}\n')
    second.write_text('{"id": 2, "n": "7", "who": {"name": "eve"}, "size": 1.25}\n')
    for table, loads in (("apart", [(first,), (second,)]), ("together", [(first, second)])):
        for files in loads:
            load(*files, "--deployment", deployment_id, "--table", table, server=server)
        assert exported(api, deployment_id, table) == [
            {"_id": 1, "n": 5, "who_name": "ada", "who_tags": ["x"], "size": None},
            {"_id": 2, "n": 7, "who_name": "eve", "who_tags": None, "size": Decimal("1.25")},
        ]


def test_other_ways_to_identify_records_and_a_source_that_exists(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("a,b,n\nx,1,5\nx,2,6\n")
    options = ("--deployment", deployment_id)
    load(file, *options, "--table", "pairs", "--primary-key", "a,b", server=server)
    assert len(exported(api, deployment_id, "pairs")) == 2
    load(file, *options, "--table", "single", "--id-field", "a", server=server)
    assert exported(api, deployment_id, "single")[0]["_id"] == "x"
    table = create_table(api, deployment_id)
    schema = {
        "id_field": "key",
        "definition": [
            {"name": "key", "path": ["n"], "type": "id"},
            {"name": "a", "type": "strings"},
        ],
    }  # fmt: skip
    source_id = create_source(api, deployment_id, table, schema | {"allow_missing_fields": True})
    ran = load(file, "--source", source_id, server=server, code=1)
    assert "0 records stored, 2 refused" in ran.stdout


@pytest.fixture
def small(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that takes only small bodies, slowly."""
    flags = ("--body-bytes-max", "60000", "--source-records-per-s", "20000")
    with ServerProcess(tmp_path / "data", *flags) as running:
        yield running


def test_chunks_fit_the_server_and_wait_for_its_rates(small: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "f.ndjson"
    file.write_text("".join(f'{{"id": {n}, "s": "{"x" * 30}{n % 9}"}}\n' for n in range(30_000)))
    with small.client(small.token()) as api:
        deployment_id = create_deployment(api)
        load(file, "--deployment", deployment_id, "--table", "things", server=small)
        assert [record["_id"] for record in exported(api, deployment_id, "things")] == list(
            range(30_000)
        )


@pytest.mark.parametrize("name", ["f.ndjson", "f.csv"])
def test_an_interrupted_load_goes_on_where_it_was(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    count = 120_000
    if name == "f.csv":
        file.write_text("id,n\n" + "".join(f"{n},{n % 100}\n" for n in range(count)))
    else:
        file.write_text("".join(f'{{"id": {n}, "n": {n % 100}}}\n' for n in range(count)))
    state = tmp_path / f"{name}{SUFFIX}"
    with (
        ServerProcess(tmp_path / "data", "--source-records-per-s", "30000") as server,
        server.client(server.token()) as api,
    ):
        deployment_id = create_deployment(api)
        arguments = (file, "--deployment", deployment_id, "--table", "things")
        for sign in (signal.SIGINT, signal.SIGKILL):
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            earlier = state.read_bytes() if state.exists() else b""
            with subprocess.Popen(**command(*arguments, server=server), **pipes) as loading:
                _wait_until(
                    lambda earlier=earlier: state.exists() and state.read_bytes() != earlier
                )
                loading.send_signal(sign)
                loading.wait(60)
            assert loading.returncode in {1, -signal.SIGKILL}
        progress = json.loads(state.read_text())
        assert 0 < progress["stored"] < count
        ran = load(*arguments, server=server)
        first, last = ran.stdout.splitlines()
        assert first.startswith(f"{name}: goes on after ")
        assert last == f"{name}: {count:,} records stored, 0 refused"
        assert not state.exists()
        records = exported(api, deployment_id, "things")
        assert [record["_id"] for record in records] == list(range(count))


def test_a_file_that_changed_is_loaded_anew(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.ndjson"
    file.write_text('{"id": 1}\n')
    arguments = (file, "--deployment", deployment_id, "--table", "things")
    load(*arguments, server=server)
    place = tmp_path / f"f.ndjson{SUFFIX}"
    stale = {"fingerprint": "of another", "source_id": "x", "position": 9, "stored": 1}
    for text in (json.dumps(stale), "not json"):
        place.write_text(text)
        assert "goes on" not in load(*arguments, server=server).stdout
        assert not place.exists()


def test_beginning_anew_when_asked(
    server: ServerProcess, api: httpx.Client, deployment_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.ndjson"
    lines = [f'{{"id": {n}}}\n' for n in range(10)]
    file.write_text("".join(lines))
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    for options, told in (((), "goes on after 4"), (("--restart",), "f.ndjson: 10 records")):
        LoadState(file, source_id).advance(sum(map(len, lines[:4])), stored=4, refused=0)
        ran = load(file, "--source", source_id, *options, server=server)
        assert ran.stdout.startswith(("f.ndjson: " + told, told))
        expected = list(range(10) if options else range(4, 10))
        assert [record["_id"] for record in exported(api, deployment_id, table)] == expected


def test_a_server_that_restarts_meanwhile_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "f.ndjson"
    file.write_text("".join(f'{{"id": {n}, "n": 1}}\n' for n in range(60_000)))
    state = tmp_path / f"f.ndjson{SUFFIX}"
    flags = ("--source-records-per-s", "20000")
    first = ServerProcess(tmp_path / "data", *flags)
    port = first.url.rpartition(":")[2]
    with first.client(first.token()) as api:
        deployment_id = create_deployment(api)
    results: list[Any] = []
    arguments = (file, "--deployment", deployment_id, "--table", "things")
    loading = threading.Thread(target=lambda: results.append(load(*arguments, server=first)))
    loading.start()
    _wait_until(state.exists)
    first.kill()
    with (
        first,
        ServerProcess(tmp_path / "data", *flags, "--port", port) as second,
        second.client(second.token()) as api,
    ):
        loading.join()
        assert results[0].stdout == "f.ndjson: 60,000 records stored, 0 refused\n"
        assert len(exported(api, deployment_id, "things")) == 60_000


@pytest.mark.parametrize(
    ("name", "content", "options", "told"),
    [
        ("f.csv", b"a,b\n1,2\n", (), "nothing says what identifies a record"),
        ("f.csv", b"a,b\n1,2\n", ("--id-field", "c"), "there is no column 'c'; there are a, b"),
        ("f.csv", b"", (), "is no CSV"),
        ("f.txt", b"x", (), "give --format"),
        ("f.parquet", b"PAR1 no", (), "is no Parquet file"),
        ("f.arrow", b"nothing of the kind", (), "is no Arrow file"),
        ("f.ndjson", b'{"id": ', (), "give --schema"),
    ],
)
def test_files_that_cannot_be_loaded(
    tmp_path: Path, name: str, content: bytes, options: tuple[str, ...], told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ran = load(tmp_path / name, "--dry-run", *options, code=1)
    assert told in ran.stderr
    assert ran.stderr.startswith("bitbrook: ")
    assert "Traceback" not in ran.stderr


def test_calls_that_cannot_be(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "f.ndjson"
    file.write_text('{"id": 1}\n')
    assert "is no file" in load(tmp_path / "none.csv", "--dry-run", code=1).stderr
    assert "no credentials" in load(file, "--table", "t", code=1).stderr
    assert "--deployment and --table" in load(file, server=server, code=1).stderr
    options = ("--deployment", "none", "--table", "t")
    assert "no deployment 'none'" in load(file, *options, server=server, code=1).stderr
    assert "no source 'none'" in load(file, "--source", "none", server=server, code=1).stderr


def _wait_until(holds: Any) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
