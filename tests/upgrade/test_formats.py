"""What earlier releases stored is opened and answers as it did; what later ones stored is refused.

Every file of this directory was written by the release that names it. Then each format that carries
a version (catalogue, manifest, block, batch in the log, backup) is given a later one, and must be
refused with the reason and without a change to what is stored.
"""

import json
import shutil
import sqlite3
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import bitbrook
from bitbrook.engine import batch, manifest
from bitbrook.errors import BitbrookError, Damaged
from bitbrook.stores import blocks
from command import run
from stored_directory import StoredDirectory, contents_of
from upgrade.write_fixture import digest_of

HOME = Path(__file__).parent
WRITTEN = sorted(HOME.glob("*.tar.xz"))


def unpacked(path: Path, place: Path) -> dict[str, object]:
    with tarfile.open(path) as archive:
        archive.extractall(place, filter="data")
    expected: dict[str, object] = json.loads((place / "expected.json").read_text())
    return expected


def test_this_release_has_written_its_file() -> None:
    assert HOME / f"{bitbrook.__version__}.tar.xz" in WRITTEN, "see docs/releasing.md"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_what_a_release_wrote_is_opened(path: Path, tmp_path: Path) -> None:
    expected = unpacked(path, tmp_path)
    assert "everything is what was written" in run("check", tmp_path / "data")
    for _ in range(2):
        # The second time from what this release stored in its place.
        contents = contents_of(tmp_path / "data")
        assert {name: table["count"] for name, table in contents.items()} == expected["records"]
        assert digest_of(contents) == expected["sha256"]
    run("backup", "create", tmp_path / "backups", "--data", tmp_path / "data")
    run("backup", "restore", tmp_path / "backups", tmp_path / "restored")
    assert digest_of(contents_of(tmp_path / "restored")) == expected["sha256"]


def later_catalogue(data: Path) -> None:
    with sqlite3.connect(data / "catalogue.db") as database:
        database.execute("UPDATE catalogue_version SET version_num = '9999'")
    database.close()


def later_manifest(data: Path) -> None:
    with sqlite3.connect(data / "log.db") as database:
        for name, encoded in database.execute("SELECT * FROM snapshot").fetchall():
            later = {**msgspec.json.decode(encoded[8:]), "format_version": 99}
            body = msgspec.json.encode(later)
            changed = f"{zlib.crc32(body):08x}".encode() + body
            update = "UPDATE snapshot SET manifest = ? WHERE partition = ?"
            database.execute(update, (changed, name))
    database.close()


def later_batch(data: Path) -> None:
    with sqlite3.connect(data / "log.db") as database:
        for name, sequence, body in database.execute("SELECT * FROM log").fetchall():
            _, *operations = msgspec.msgpack.decode(body[4:])
            later = msgspec.msgpack.encode([99, *operations])
            update = "UPDATE log SET body = ? WHERE partition = ? AND sequence = ?"
            changed = zlib.crc32(later).to_bytes(4, "little") + later
            database.execute(update, (changed, name, sequence))
    database.close()


def later_block(data: Path) -> None:
    for path in (data / "snapshots").glob("*/shard-*"):
        content = bytearray(path.read_bytes())
        content[8:12] = struct.pack("<I", 99)
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "reason", "stops"),
    [
        (later_catalogue, "the catalogue was written by another release", True),
        (later_manifest, "has format 99 and this is", False),
        (later_batch, "written in format 99, this is", False),
        (later_block, "has format 99 and this is", False),
    ],
)
def test_a_later_release_is_refused(
    tmp_path: Path, change: Callable[[Path], None], reason: str, *, stops: bool
) -> None:
    unpacked(WRITTEN[-1], tmp_path)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "data", whole)
    change(tmp_path / "data")
    said = run("check", tmp_path / "data", status=1)
    assert "99" in said
    if stops:
        with pytest.raises(Damaged, match=reason):
            StoredDirectory(tmp_path / "data")
    else:
        stored = StoredDirectory(tmp_path / "data")
        for entry in stored.service.tables._registry.tables():
            with pytest.raises(BitbrookError, match=reason):
                stored.service._compute.statistics(entry.row.id)
        stored.close()
    # The release that wrote it opens it as before: nothing was changed by trying.
    for path in (tmp_path / "data" / "snapshots").glob("*/*"):
        assert (whole / path.relative_to(tmp_path / "data")).exists(), path


def test_every_format_has_a_version() -> None:
    assert blocks.FORMAT_VERSION >= 2
    assert manifest.FORMAT_VERSION >= 2
    assert batch.FORMAT_VERSION >= 1
