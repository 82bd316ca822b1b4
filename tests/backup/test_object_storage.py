"""A server whose snapshots lie in object storage outlives that storage's absence, and its own.

A stream of counted batches goes into a real server that checkpoints all the time; the server that
speaks S3 is killed in the middle of it, and started again. Then the server is killed and its whole
directory removed: on another one, with PostgreSQL and the storage, everything acknowledged must be
there. Backups go from storage to storage, beside the server, while it checkpoints.
"""

import itertools
import re
import shutil
import time
from pathlib import Path

import httpx
import pytest

from api_client import ask_pql, create_deployment, create_source, create_table
from bitbrook.stores.object_storage import ObjectStorage
from command import run
from s3_process import BUCKET, S3Process
from server_process import ServerProcess
from stored_directory import StoredDirectory, contents_of, records_of

OFTEN = ("--checkpoint-log-bytes", "20000", "--checkpoint-age-s", "0.3")
SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": False,
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        {"name": "number", "path": ["number"], "type": "int"},
        {"name": "word", "path": ["word"], "type": "string", "config": {"Mutex": True}},
    ],
}
BATCH = 100
WAIT_S = 60.0


def checkpoints(api: httpx.Client, outcome: str) -> float:
    found = re.search(
        rf'^bitbrook_checkpoints_total{{outcome="{outcome}"}} ([\d.]+)$',
        api.get("/metrics").text,
        re.MULTILINE,
    )
    return float(found.group(1)) if found else 0.0


class Stream:
    """Sends numbered batches over all shards; every one must be taken."""

    def __init__(self, api: httpx.Client, source_id: str) -> None:
        self._api = api
        self._source_id = source_id
        self.sent = 0

    def send(self, *, until: float) -> None:
        """Send until a moment, and at least ten batches."""
        for count in itertools.count():
            if count >= 10 and time.monotonic() > until:
                return
            first = self.sent * BATCH
            values = [
                {"id": i * 17 % (3 << 20), "number": i, "word": f"w{i % 11}"}
                for i in range(first, first + BATCH)
            ]
            records = [{"value": value} for value in values]
            answer = self._api.post(f"/v1/sinks/{self._source_id}", json={"records": records})
            assert answer.status_code == 200, answer.text
            assert answer.json()["success_count"] == BATCH
            self.sent += 1

    def wait_for(self, outcome: str) -> None:
        """Send until a checkpoint has ended so."""
        before, deadline = checkpoints(self._api, outcome), time.monotonic() + WAIT_S
        while checkpoints(self._api, outcome) == before:
            assert time.monotonic() < deadline
            self.send(until=time.monotonic() + 0.2)


def test_the_storage_goes_and_comes_and_then_the_server_does(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Process(tmp_path) as storage:
        for name, value in storage.environment.items():
            monkeypatch.setenv(name, value)
        stores = ("--catalogue", database_url, "--storage", f"s3://{BUCKET}/it")

        with ServerProcess(tmp_path / "data", *stores, *OFTEN) as server:
            token = server.token()
            with server.client(token) as api:
                deployment_id = create_deployment(api)
                table = create_table(api, deployment_id)
                stream = Stream(api, create_source(api, deployment_id, table, SCHEMA))
                asked = f"[{table}]Count(All())Sum(field=number)TopN(word)"
                stream.wait_for("success")
                # In the middle of a checkpoint, since there is always one.
                storage.kill()
                stream.wait_for("Overloaded")
                count, total, _ = ask_pql(api, deployment_id, asked)
                assert count == stream.sent * BATCH
                assert total["value"] == sum(range(stream.sent * BATCH))
                storage.start()
                stream.wait_for("success")
                storage.pause()
                stream.send(until=time.monotonic() + 1.0)
                storage.go_on()
                stream.wait_for("success")
                expected = ask_pql(api, deployment_id, asked)
            server.kill()
        shutil.rmtree(tmp_path / "data")
        with (
            ServerProcess(tmp_path / "another", *stores) as server,
            server.client(token) as api,
        ):
            assert ask_pql(api, deployment_id, asked) == expected
            assert expected[0] == stream.sent * BATCH
        said = run("check", tmp_path / "another", *stores)
        assert "everything is what was written" in said


def test_backups_go_from_storage_to_storage(
    tmp_path: Path, database_url: str, s3: S3Process
) -> None:
    place = f"s3://{BUCKET}/{tmp_path.name}"
    stores = {"catalogue": database_url, "storage": f"{place}/live"}
    flags = ("--catalogue", database_url, "--storage", f"{place}/live")
    stored = StoredDirectory(tmp_path / "data", **stores)
    table = stored.create_table("t", is_keyed=True)
    for number in range(3):
        stored.write(table, records_of(number, 300, is_keyed=True, ids_max=5_000))
        if number == 1:
            stored.service.checkpoint()
        said = run("backup", "create", f"{place}/backups", "--data", tmp_path / "data", *flags)
        assert "created backup" in said
    said = run("backup", "create", f"{place}/backups", "--data", tmp_path / "data", *flags)
    assert " 0 of them new" in said, "beside the server, and of nothing that was there"
    stored.abandon()
    expected = contents_of(tmp_path / "data", **stores)
    assert len(run("backup", "list", f"{place}/backups").splitlines()) == 4
    assert "DAMAGED" not in run("backup", "verify", f"{place}/backups", "--all")
    run("backup", "restore", f"{place}/backups", tmp_path / "files")
    assert contents_of(tmp_path / "files") == expected

    into = ("--catalogue", f"sqlite:///{tmp_path}/c.db", "--storage", f"{place}/restored")
    run("backup", "restore", f"{place}/backups", tmp_path / "new", *into)
    others = {"catalogue": f"sqlite:///{tmp_path}/c.db", "storage": f"{place}/restored"}
    assert contents_of(tmp_path / "new", **others) == expected
    said = run("backup", "restore", f"{place}/backups", tmp_path / "no", *flags, status=1)
    assert "already" in said
    assert not (tmp_path / "no").exists()
    said = run("backup", "prune", f"{place}/backups", "--keep", "1")
    assert said.startswith("forgot 3 backups")
    assert "DAMAGED" not in run("backup", "verify", f"{place}/backups", "--all")


def test_a_damaged_object_is_named(tmp_path: Path, s3: S3Process) -> None:
    place = f"{BUCKET}/{tmp_path.name}"
    stored = StoredDirectory(tmp_path / "data", storage=f"s3://{place}")
    table = stored.create_table("t", is_keyed=False)
    stored.write(table, records_of(1, 300, is_keyed=False, ids_max=5_000))
    stored.close()
    flags = ("--storage", f"s3://{place}")
    assert "everything is what was written" in run("check", tmp_path / "data", *flags)
    bucket = ObjectStorage(f"s3://{place}")
    key = min(name for name in bucket.names("snapshots") if "/shard-0-" in name)
    body = bytearray(b"".join(bucket.read(key)))
    body[len(body) // 2] ^= 1
    bucket.put(key, bytes(body))
    said = run("check", tmp_path / "data", *flags, status=1)
    assert f"s3://{place}/{key}: piece" in said
    bucket.delete([key])
    assert "the block is missing" in run("check", tmp_path / "data", *flags, status=1)
    assert key in run(
        "backup", "create", tmp_path / "backups", "--data", tmp_path / "data", *flags, status=1
    )


def test_a_restore_that_fails_leaves_the_stores_empty(
    tmp_path: Path, database_url: str, s3: S3Process
) -> None:
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False)
    stored.write(table, records_of(1, 300, is_keyed=False, ids_max=5_000))
    stored.service.checkpoint()
    stored.write(table, records_of(2, 300, is_keyed=False, ids_max=5_000))
    stored.abandon()
    repository = tmp_path / "backups"
    run("backup", "create", repository, "--data", tmp_path / "data")
    largest = max(repository.glob("contents/*/*"), key=lambda path: path.stat().st_size)
    good = largest.read_bytes()
    largest.write_bytes(good[:-1])
    others = {"catalogue": database_url, "storage": f"s3://{BUCKET}/{tmp_path.name}"}
    into = ("--catalogue", database_url, "--storage", others["storage"])
    for parting in ((), ("--partitions", "2")):
        restore = ("backup", "restore", repository, tmp_path / "new", *into, *parting)
        assert "is not what was written" in run(*restore, status=1)
        assert ObjectStorage(others["storage"]).names("snapshots") == set()
        assert not (tmp_path / "new").exists()
    largest.write_bytes(good)
    run(*restore)
    assert contents_of(tmp_path / "new", **others) == contents_of(tmp_path / "data")
