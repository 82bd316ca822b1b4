"""`bitbrook check` says exactly what is wrong, all of it at once, and nothing where nothing is.

Each part of a data directory is damaged in turn: blocks flipped, cut off and removed, batches taken
from the middle and the end of the log and changed in place, manifests changed, databases
overwritten. Each time the place must be named, the exit code be 1, and the directory stay as it is.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from command import run
from stored_directory import StoredDirectory, records_of


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original") / "data"
    stored = StoredDirectory(directory)
    table = stored.create_table("things", is_keyed=True)
    for number in range(8):
        if number == 4:
            stored.service.checkpoint()
        stored.write(table, records_of(number, 400, is_keyed=True))
    stored.abandon()
    return directory


def change_log(statement: str) -> Callable[[Path], str]:
    def change(directory: Path) -> str:
        with sqlite3.connect(directory / "log.db") as database:
            database.execute(statement)
        database.close()
        return ""

    return change


def flip(pattern: str, place: float = 0.5) -> Callable[[Path], str]:
    def change(directory: Path) -> str:
        path = min(directory.glob(f"snapshots/*/{pattern}"))
        content = bytearray(path.read_bytes())
        content[int(len(content) * place)] ^= 4
        path.write_bytes(content)
        return path.name

    return change


def remove(pattern: str) -> Callable[[Path], str]:
    def change(directory: Path) -> str:
        path = min(directory.glob(f"snapshots/*/{pattern}"))
        path.unlink()
        return path.name

    return change


def overwrite(name: str) -> Callable[[Path], str]:
    def change(directory: Path) -> str:
        path = directory / name
        content = bytearray(path.read_bytes())
        content[16_384:18_384] = b"?" * 2_000
        path.write_bytes(content)
        return name

    return change


FAULTS: dict[str, tuple[Callable[[Path], str], str]] = {
    "flipped block": (flip("shard-*"), "does not match its checksum"),
    "flipped list of pieces": (flip("rows-*", 0.99), "does not match its checksum"),
    "missing block": (remove("keys-*"), "the block is missing"),
    "batch gone from the middle": (
        change_log("DELETE FROM log WHERE sequence = 6"),
        "the log lacks batch 6: 7 follows 5",
    ),
    "batches gone from the start": (
        change_log("DELETE FROM log WHERE sequence <= 6"),
        "the log lacks batch 5: 7 follows 4",
    ),
    "changed batch": (
        change_log("UPDATE log SET body = CAST(body || 'more' AS BLOB) WHERE sequence = 5"),
        "batch 5 of the log: the checksum does not match",
    ),
    "changed manifest": (
        change_log("UPDATE snapshot SET manifest = substr(manifest, 1, 60)"),
        "does not match its checksum",
    ),
    "manifest gone": (change_log("DELETE FROM snapshot"), "the log lacks batch 1: 5 follows 0"),
    "log overwritten": (overwrite("log.db"), "log.db"),
    "catalogue overwritten": (overwrite("catalogue.db"), "catalogue.db"),
}


def digest(directory: Path) -> dict[str, str]:
    # What SQLite keeps beside its databases while they are read is nothing that is stored.
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_named(original: Path, tmp_path: Path, fault: str) -> None:
    damage, message = FAULTS[fault]
    directory = tmp_path / "data"
    shutil.copytree(original, directory)
    place = damage(directory)
    before = digest(directory)
    said = run("check", directory, status=1)
    assert message in said, said
    assert place in said, said
    assert "DAMAGED" in said
    assert "bitbrook backup restore" in said
    assert digest(directory) == before
    # What is damaged is not backed up, so that no good backup is followed by a bad one.
    assert "bitbrook: " in run(
        "backup", "create", tmp_path / "backups", "--data", directory, status=1
    )
    assert not list((tmp_path / "backups").glob("backups/*"))


def test_several_faults_are_all_named(original: Path, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    shutil.copytree(original, directory)
    names = [remove("keys-*")(directory), flip("shard-*")(directory)]
    change_log("DELETE FROM log WHERE sequence = 6")(directory)
    said = run("check", directory, status=1)
    assert said.count("DAMAGED") == 3
    assert all(name in said for name in names)


def test_nothing_is_found_where_nothing_is_wrong(original: Path, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    shutil.copytree(original, directory)
    before = digest(directory)
    said = run("check", directory)
    assert "sound: table 'things'" in said
    assert "4 batches in the log" in said
    assert "everything is what was written" in said
    assert digest(directory) == before


def test_a_leftover_is_a_remark(original: Path, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    shutil.copytree(original, directory)
    (partition,) = (directory / "snapshots").iterdir()
    (partition / "shard-0-ffffffff.unfinished").write_bytes(b"half")
    said = run("check", directory)
    assert "remark" in said
    assert "shard-0-ffffffff.unfinished" in said


def test_what_is_no_data_directory_is_said(tmp_path: Path) -> None:
    assert "no such directory" in run("check", tmp_path / "nowhere", status=2)
    (tmp_path / "empty").mkdir()
    assert "there is no such database" in run("check", tmp_path / "empty", status=1)
