"""Every fault of the table in docs/operations.md ends in a clear state, shown on a real server.

A full disk is a small file system that is filled; logs and blocks are changed as a failing disk
would; a lock is held by another process; the clock, the descriptors and the memory of a running
server are turned. Each time: reads go on where they can, writes are refused with the reason,
nothing acknowledged is lost, and when the fault is over it goes on without anybody's help.
"""

import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api_client import ask_pql
from command import run
from faulty_server import FaultyServer
from server_process import ServerProcess

FAKETIME = next((Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), Path("/nowhere"))
OFTEN = ("--checkpoint-log-bytes", "100000", "--checkpoint-age-s", "0.5")
SELDOM = ("--checkpoint-log-bytes", "1000000000", "--checkpoint-age-s", "1000")
WAIT_S = 60.0


def wait_until_taken(server: FaultyServer, **options: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while server.send(**options).status_code != 200:
        assert time.monotonic() < deadline, server.refusals[-1].text
        time.sleep(0.2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_disk_full(small_disk: Path, tmp_path: Path) -> None:
    ballast = small_disk / "ballast"
    with FaultyServer(small_disk / "data", *OFTEN) as server:
        server.send(100)
        free = os.statvfs(small_disk)
        ballast.write_bytes(bytes(free.f_bavail * free.f_bsize - (1 << 20)))
        for _ in range(400):
            if server.send(100, text_bytes=2_000).status_code != 200:
                break
        refused = server.refusals[0]
        assert refused.status_code == 503, refused.text
        assert "the log cannot be written" in refused.json()["message"]
        assert "nothing was applied" in refused.json()["message"]
        assert refused.headers["retry-after"]
        server.check_complete()
        assert server.api.get("/healthz").status_code == 200
        ballast.unlink()
        wait_until_taken(server)
        server.check_complete()
        assert server.server.stop() == 0
        server.start()
        server.check_complete()
    assert "everything is what was written" in run("check", small_disk / "data")


def test_log_torn_at_its_end(tmp_path: Path) -> None:
    """What a power failure leaves of a commit that nobody was told of is forgotten."""
    with FaultyServer(tmp_path / "data", *SELDOM) as server:
        for _ in range(5):
            server.send()
        server.server.kill()
        log = tmp_path / "data" / "log.db-wal"
        whole = log.read_bytes()
        # Half a frame more, of the same file: the salts of its header and random pages.
        log.write_bytes(whole + whole[32 : 32 + 24] + os.urandom(3_000))
        # It is sound, and can be backed up, as the power failure left it.
        assert "everything is what was written" in run("check", tmp_path / "data")
        run("backup", "create", tmp_path / "backups", "--data", tmp_path / "data")
        server.start()
        server.check_complete()
        server.send()
        server.check_complete()
    said = run("backup", "restore", tmp_path / "backups", tmp_path / "restored")
    assert f"{server.table}: 50 records" in said


def test_log_changed_in_its_middle(tmp_path: Path) -> None:
    """Acknowledged batches behind damage are not silently forgotten: the start says where."""
    with FaultyServer(tmp_path / "data", *SELDOM) as server:
        server.send()
        run("backup", "create", tmp_path / "backups", "--data", tmp_path / "data")
        for _ in range(5):
            server.send()
        server.server.kill()
        log = tmp_path / "data" / "log.db-wal"
        whole = log.read_bytes()
        changed = bytearray(whole)
        changed[len(changed) // 2] ^= 1
        log.write_bytes(changed)
        with pytest.raises(AssertionError, match=r"log\.db-wal: frame .* restore the data"):
            server.start()
        said = run("check", tmp_path / "data", status=1)
        assert "log.db-wal" in said
        assert "DAMAGED" in said
        # Nothing was made worse by trying: with the right bytes everything is there.
        log.write_bytes(whole)
        server.start()
        server.check_complete()
    run("backup", "restore", tmp_path / "backups", tmp_path / "restored")
    with ServerProcess(tmp_path / "restored") as again, again.client(again.token()) as api:
        assert ask_pql(api, server.deployment_id, f"[{server.table}]Count(All())") == [10]


def test_flipped_bit_in_a_block(tmp_path: Path) -> None:
    with FaultyServer(tmp_path / "data") as server:
        server.send(1_000)
        other, other_source = server.new_table()
        assert server.server.stop() == 0
        (block,) = (tmp_path / "data").glob("snapshots/*/shard-*")
        whole = block.read_bytes()
        changed = bytearray(whole)
        changed[len(changed) // 2] ^= 16
        block.write_bytes(changed)
        server.start()
        answers = [server.ask(f"[{server.table}]Sum(field=number)"), server.send()]
        answers.append(server.ask(f"[{server.table}]Extract(All(), Rows(text), Rows(number))"))
        assert {answer.status_code for answer in answers[1:]} == {500}, answers
        assert {answer.json()["error"]["code"] for answer in answers[1:]} == {"Damaged"}
        # The operator's log names the file, which is nobody else's to know.
        assert block.name in server.server.errors()
        assert block.name not in answers[1].text
        # Another table of the same deployment is read and written.
        assert server.count(other) == 0
        body = {"records": [{"value": {"id": 1, "number": 1}}]}
        assert server.api.post(f"/v1/sinks/{other_source}", json=body).status_code == 200
        assert server.count(other) == 1
        assert block.name in run("check", tmp_path / "data", status=1)
        server.server.stop()
        block.write_bytes(whole)
        server.start()
        # What was refused may have been logged already; sent again, it is there once.
        assert server.count() in {server.acknowledged, server.acknowledged + 10}
        assert server.send().status_code == 200
        server.check_complete()
        assert server.count(other) == 1


def test_catalogue_locked(tmp_path: Path) -> None:
    with FaultyServer(tmp_path / "data") as server:
        server.send()
        holder = sqlite3.connect(tmp_path / "data" / "catalogue.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        refused = server.api.post(f"/v1/tables/{server.deployment_id}", json={"name": "new"})
        assert refused.status_code == 503, refused.text
        assert "the catalogue cannot be used" in refused.json()["message"]
        assert "nothing was changed" in refused.json()["message"]
        server.send()
        server.check_complete()
        holder.execute("ROLLBACK")
        holder.close()
        made = server.api.post(f"/v1/tables/{server.deployment_id}", json={"name": "new"})
        assert made.status_code == 201, made.text


@pytest.mark.skipif(not FAKETIME.exists(), reason="needs Debian's libfaketime")
def test_clock_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years on, and two days back: tokens expire and come back, records do neither."""
    turned = tmp_path / "clock"

    def turn(offset: str) -> None:
        turned.write_text(offset)

    turn("+0")
    monkeypatch.setenv("LD_PRELOAD", str(FAKETIME))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(turned))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    with FaultyServer(tmp_path / "data", *OFTEN) as server:
        monkeypatch.delenv("LD_PRELOAD")
        server.send()
        for offset in ("+3650d", "-2d"):
            turn(offset)
            refused = server.send()
            if offset == "+3650d":
                assert refused.status_code == 401, refused.text
            # Whoever signs in anew goes on at once.
            server.api.headers["Authorization"] = server.server.token()
            assert server.send().status_code == 200
            server.check_complete()
            assert server.api.get("/readyz").status_code == 200
        turn("+0")
        server.api.headers["Authorization"] = server.server.token()
        wait_until_taken(server)
        server.check_complete()
        server.server.kill()
        server.start()
        server.check_complete()


def test_descriptors_used_up(tmp_path: Path) -> None:
    with FaultyServer(tmp_path / "data", *OFTEN) as server:
        server.send(500)
        pid = server.server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 3, before[1]))
        guests = [server.server.client() for _ in range(12)]
        gone = 0
        for guest in guests:
            try:
                guest.get("/healthz", timeout=2.0)
            except httpx.TransportError:
                gone += 1
        assert gone, "some were not let in"
        # Who is connected is still served, as far as no file must be opened.
        answers = [server.send(20) for _ in range(20)]
        assert {answer.status_code for answer in answers} <= {200, 503}, answers[-1].text
        assert server.count() == server.acknowledged
        for guest in guests:
            guest.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        wait_until_taken(server)
        with server.server.client() as guest:
            assert guest.get("/healthz").status_code == 200
        server.check_complete()
        assert server.server.stop() == 0
        server.start()
        server.check_complete()


def test_memory_used_up(tmp_path: Path) -> None:
    with FaultyServer(tmp_path / "data", *OFTEN, "--body-bytes-max", "200000000") as server:
        server.send(500)
        pid = server.server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_AS)
        status = Path(f"/proc/{pid}/status").read_text()
        (size_kib,) = [int(line.split()[1]) for line in status.splitlines() if "VmSize" in line]
        resource.prlimit(pid, resource.RLIMIT_AS, (size_kib * 1024 + (24 << 20), before[1]))
        for _ in range(4):
            refused = server.send(20_000, text_bytes=2_000)
        assert refused.status_code in {500, 503}, refused.text
        resource.prlimit(pid, resource.RLIMIT_AS, before)
        assert server.server.process.poll() is None, "it lives"
        deadline = time.monotonic() + WAIT_S
        # A batch that was durable and could not be applied is applied when its table is rebuilt.
        while server.ask(f"[{server.table}]Count(All())").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert server.count() >= server.acknowledged
        server.acknowledged = server.count()
        wait_until_taken(server)
        server.check_complete()
        assert server.server.stop() == 0
        server.start()
        server.check_complete()
