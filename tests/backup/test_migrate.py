"""A deployment moves to other stores and back, and nobody can tell but by where its files are.

A real server with every type of field, refused records and remembered requests is stopped, moved to
PostgreSQL and a server that speaks S3, started there, asked the same questions, written to, and
moved back to files. Moves are tried while a server runs, into places that are not empty, of what is
damaged, and interrupted at every step before the last.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import SCHEMA, ask_pql, ask_sql, create_deployment, create_source, stream
from bitbrook.backup.migrate import _Moves, migrate_stores
from bitbrook.errors import Overloaded
from bitbrook.stores.log import Log
from bitbrook.stores.sql import open_engine
from command import run
from s3_process import BUCKET, S3Process
from server_process import ServerProcess
from stored_directory import StoredDirectory, contents_of, records_of, settings_of


def answers_of(api: httpx.Client, deployment_id: str) -> list[Any]:
    """What a few questions in both languages say, and what the control plane lists."""
    return [
        ask_pql(api, deployment_id, "[things]Count(All())TopN(species)"),
        ask_sql(api, deployment_id, "SELECT species, COUNT(*), SUM(amount) FROM things"
                " GROUP BY species ORDER BY species"),
        ask_sql(api, deployment_id, "SELECT _id, amount, species, tags FROM things"
                " WHERE _id < 50 ORDER BY _id"),
        *(
            json.loads(api.get(path).text.replace(str(api.base_url).rstrip("/"), ""))
            for path in ("/v1/deployments", "/v1/sinks")
        ),
    ]  # fmt: skip


def values(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"id": i, "amount": i / 4, "species": f"s{i % 5}", "tags": [f"t{i % 3}", "all"]}
        for i in range(first, first + count)
    ]


def test_a_server_moves_and_comes_back(tmp_path: Path, database_url: str, s3: S3Process) -> None:
    storage = f"s3://{BUCKET}/{tmp_path.name}"
    away = ("--catalogue", database_url, "--storage", storage)
    moved = ("--to-catalogue", database_url, "--to-storage", storage)
    keyed = {"Idempotency-Key": "once"}
    with ServerProcess(tmp_path / "data") as server:
        token = server.token()
        with server.client(token) as api:
            deployment_id = create_deployment(api)
            table = {"name": "things", "options": {"keys": False}}
            assert api.post(f"/v1/tables/{deployment_id}", json=table).status_code == 201
            source_id = create_source(api, deployment_id, "things", SCHEMA)
            stream(api, source_id, values(0, 500))
            body = {"records": [{"value": value} for value in values(500, 10)]}
            body["records"].append({"value": {"id": "bad"}})
            first = api.post(f"/v1/sinks/{source_id}", json=body, headers=keyed).json()
            before = answers_of(api, deployment_id)
        said = run("migrate", "--data", tmp_path / "data", *moved, status=1)
        assert "another server" in said
    said = run("migrate", "--data", tmp_path / "data", *moved)
    assert "table 'things': 510 records" in said
    assert f"--storage {storage}" in said
    left = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert {"catalogue.db", "log.db", "snapshots"} <= set(left), "nothing is taken away"

    with ServerProcess(tmp_path / "elsewhere", *away) as server, server.client(token) as api:
        assert answers_of(api, deployment_id) == before
        again = api.post(f"/v1/sinks/{source_id}", json=body, headers=keyed)
        assert again.json() == first, "what was done once is not done again"
        stream(api, source_id, values(495, 105))
        after = answers_of(api, deployment_id)
        assert after != before
        back = ("--data", tmp_path / "elsewhere", *away, "--to-data", tmp_path / "back")
        assert "uses this" in run("migrate", *back, status=1)
        # From another machine, which cannot see the directory, the database tells.
        there = ("--data", tmp_path / "nowhere", *away, "--to-data", tmp_path / "back")
        assert "use this database" in run("migrate", *there, status=1)
    assert not (tmp_path / "elsewhere" / "log.db").exists()
    assert not (tmp_path / "elsewhere" / "snapshots").exists()
    assert "already" in run("migrate", "--data", tmp_path / "data", *moved, status=1)

    # From anywhere: all that is needed of the server is where its stores are.
    shutil.rmtree(tmp_path / "elsewhere")
    run("migrate", *back)
    assert "everything is what was written" in run("check", tmp_path / "back")
    with ServerProcess(tmp_path / "back") as server, server.client(token) as api:
        assert answers_of(api, deployment_id) == after


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two tables of every type of field, some of it in the log alone."""
    directory = tmp_path_factory.mktemp("written") / "data"
    stored = StoredDirectory(directory)
    for name, is_keyed in (("by_number", False), ("by_key", True)):
        table = stored.create_table(name, is_keyed=is_keyed)
        for number in range(4):
            if number == 2:
                stored.service.checkpoint()
            stored.write(table, records_of(number, 300, is_keyed=is_keyed, ids_max=5_000))
    stored.abandon()
    return directory


@pytest.fixture
def original(written: Path, tmp_path: Path) -> Path:
    """The same, to be done with as a test likes."""
    return Path(shutil.copytree(written, tmp_path / "data"))


@contextlib.contextmanager
def failing(patch: pytest.MonkeyPatch, owner: type, name: str, *, after: int) -> Iterator[None]:
    """Let a method fail when it was called so often."""
    calls = iter(range(1_000_000))
    done = getattr(owner, name)

    def call(*args: Any, **options: Any) -> Any:
        if next(calls) >= after:
            raise Overloaded("the network is gone")
        return done(*args, **options)

    with patch.context() as within:
        within.setattr(owner, name, call)
        yield


def test_an_interrupted_move_is_no_deployment_and_goes_on(
    original: Path,
    tmp_path: Path,
    database_url: str,
    s3: S3Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = settings_of(original)
    others = {"catalogue": database_url, "storage": f"s3://{BUCKET}/{tmp_path.name}"}
    target = settings_of(tmp_path / "there", **others)
    steps = (
        (_Moves, "_copy_block", 3),
        (Log, "append", 0),
        (Log, "keep_notes", 1),
        (_Moves, "copy_catalogue", 0),
    )
    copied = []
    for owner, name, after in steps:
        with failing(monkeypatch, owner, name, after=after), pytest.raises(Overloaded):
            migrate_stores(source, target, copied.append)
    moved = migrate_stores(source, target, copied.append)
    assert all(table.record_count > 0 for table in moved.tables)
    assert moved.batches == 2
    assert contents_of(tmp_path / "there", **others) == contents_of(original)
    log = Log(open_engine(database_url))
    assert log.notes("#migration", now_s=0.0) == []
    log.close()


def test_places_that_hold_something_else_are_left_alone(
    original: Path, tmp_path: Path, database_url: str
) -> None:
    other = StoredDirectory(tmp_path / "other")
    table = other.create_table("mine", is_keyed=False)
    other.write(table, records_of(1, 10, is_keyed=False, ids_max=5_000))
    other.close()
    for flag, place, words in (
        ("--to-data", tmp_path / "other", "there is a catalogue already"),
        ("--to-log", f"sqlite:///{tmp_path}/other/log.db", "there is a log already"),
        ("--to-storage", f"file://{tmp_path}/other", "snapshots of something else"),
    ):
        fresh = () if flag == "--to-data" else ("--to-data", tmp_path / "fresh")
        said = run("migrate", "--data", original, flag, place, *fresh, status=1)
        assert words in said, said
    assert contents_of(tmp_path / "other")["mine"]["count"] == 10
    said = run("migrate", "--data", tmp_path / "typo", "--to-data", tmp_path / "x", status=1)
    assert "no such directory" in said
    assert not (tmp_path / "typo").exists()
    said = run("migrate", "--data", original, status=2)
    assert "those that there are" in said
    assert "s5://" in run("migrate", "--data", original, "--to-storage", "s5://x", status=2)


def test_each_store_can_move_alone(original: Path, tmp_path: Path, database_url: str) -> None:
    expected = contents_of(original)
    place = f"file://{tmp_path}/blocks"
    run("migrate", "--data", original, "--to-storage", place)
    shutil.rmtree(original / "snapshots")
    assert contents_of(original, storage=place) == expected
    here = ("--data", original, "--storage", place)
    run("migrate", *here, "--to-log", database_url, "--to-storage", place)
    (original / "log.db").unlink()
    assert contents_of(original, storage=place, log=database_url) == expected
    # The catalogue last; its database has the log already.
    here = (*here, "--log", database_url)
    there = ("--to-log", database_url, "--to-storage", place, "--to-catalogue", database_url)
    run("migrate", *here, *there)
    assert contents_of(tmp_path / "new", catalogue=database_url, storage=place) == expected


def test_what_is_damaged_is_not_moved(original: Path, tmp_path: Path) -> None:
    path = min(original.glob("snapshots/*/shard-*"))
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    said = run("migrate", "--data", original, "--to-data", tmp_path / "there", status=1)
    assert path.name in said
    assert not (tmp_path / "there" / "catalogue.db").exists()
    path.unlink()
    said = run("migrate", "--data", original, "--to-data", tmp_path / "there", status=1)
    assert "nothing was moved" in said
    assert json.dumps(path.name)[1:-1] in said
