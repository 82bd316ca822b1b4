"""Blocks in object storage: only what is asked for is fetched, once, and an outage is an outage.

A server process that speaks S3 is asked how often it was asked; it is killed, stopped in the middle
of a request and started again. The cache is filled beyond its bound, damaged, cut off and taken
away. Answers that got lost are played by blocks that are there already.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitbrook.errors import Conflict, InvalidValue, NotFound, Overloaded
from bitbrook.stores import object_pins, object_storage
from bitbrook.stores.block_cache import BlockCache
from bitbrook.stores.object_snapshots import ObjectSnapshots
from bitbrook.stores.object_storage import ObjectStorage
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.snapshots import MAPPED_BYTES_MIN
from s3_process import BUCKET, S3Process

MIB = 1 << 20


class CountingStorage(ObjectStorage):
    """Counts the bytes that are fetched."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fetched: list[int] = []

    def ranges(self, name: str, starts: Any, stops: Any) -> list[memoryview]:
        found = super().ranges(name, starts, stops)
        self.fetched += [len(each) for each in found]
        return found


@pytest.fixture
def storage(tmp_path: Path) -> CountingStorage:
    return CountingStorage(f"file://{tmp_path}/home")


def test_a_piece_is_fetched_alone_and_once(storage: CountingStorage, tmp_path: Path) -> None:
    bodies = [os.urandom(2 * MIB), os.urandom(MIB), b"small", os.urandom(3 * MIB)]
    writing = ObjectSnapshots(storage, BlockCache(tmp_path / "writing", 64 * MIB))
    block = writing.write("t.0", "one", bodies)
    assert [bytes(piece.read()) for piece in writing.read("t.0", block)] == bodies
    assert storage.fetched == [], "what was written is here"
    assert (writing.cache.hits, writing.cache.misses) == (4, 0)
    for expected in (64 + (64 << 10) + MIB, 0):
        # The second time as after a restart: the files are all that is left.
        reading = ObjectSnapshots(storage, BlockCache(tmp_path / "reading", 64 * MIB))
        storage.fetched.clear()
        pieces = reading.read("t.0", block)
        for _ in range(2):
            assert bytes(pieces[1].read()) == bodies[1]
        assert sum(storage.fetched) == expected
        misses = 1 if expected else 0
        assert (reading.cache.hits, reading.cache.misses) == (2 - misses, misses)
        assert MIB <= reading.cache.held_bytes < 2 * MIB
    used = sum(path.stat().st_blocks * 512 for path in (tmp_path / "reading").glob("*/*"))
    assert used < 1.5 * MIB, "the rest of the file is a hole"
    maps = Path("/proc/self/maps").read_text()
    body = pieces[1].read()
    assert Path("/proc/self/maps").read_text().count("reading/t.0/one") > maps.count(
        "reading/t.0/one"
    )
    del body


def test_what_changes_in_the_cache_is_fetched_again(
    storage: CountingStorage, tmp_path: Path
) -> None:
    bodies = [os.urandom(MIB), os.urandom(200_000)]
    snapshots = ObjectSnapshots(storage, BlockCache(tmp_path / "cache", 64 * MIB))
    block = snapshots.write("t.0", "one", bodies)
    path = tmp_path / "cache" / "t.0" / "one"
    good = path.read_bytes()
    for changed in (
        bytes(len(good)),
        good[: len(good) // 2],
        good[:500] + b"?" + good[501:],
        good + b"longer",
        b"",
    ):
        path.write_bytes(changed)
        assert [bytes(piece.read()) for piece in snapshots.read("t.0", block)] == bodies
    path.unlink()
    assert [bytes(piece.read()) for piece in snapshots.read("t.0", block)] == bodies


def test_the_bound_holds_and_the_last_used_stay(storage: CountingStorage, tmp_path: Path) -> None:
    snapshots = ObjectSnapshots(storage, BlockCache(tmp_path / "cache", 5 * MIB))
    blocks = [snapshots.write("t.0", f"b{n}", [bytes([n]) * MIB]) for n in range(8)]
    pieces = [snapshots.read("t.0", block)[0] for block in blocks]
    first = pieces[0].read()
    for n in (1, 2, 3, 0, 4, 5, 6, 0, 7):
        assert bytes(pieces[n].read()) == bytes([n]) * MIB
    names = {path.name for path in (tmp_path / "cache").glob("*/*")}
    used = sum(path.stat().st_blocks * 512 for path in (tmp_path / "cache").glob("*/*"))
    assert used <= 5 * MIB
    assert {"b7", "b0", "b6"} <= names
    assert bytes(first) == bytes(MIB), "what is mapped stays"
    # After a restart the bound holds for what was there before.
    opened = BlockCache(tmp_path / "cache", 2 * MIB)
    ObjectSnapshots(storage, opened).write("t.0", "new", [bytes(MIB)])
    used = sum(path.stat().st_blocks * 512 for path in (tmp_path / "cache").glob("*/*"))
    assert used <= 2 * MIB


def test_without_a_disk_pieces_are_read_all_the_same(
    storage: CountingStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [os.urandom(MIB), b"small"]
    block = ObjectSnapshots(storage, BlockCache(tmp_path / "writing", MIB)).write(
        "t.0", "one", bodies
    )

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    snapshots = ObjectSnapshots(storage, BlockCache(tmp_path / "cache", 64 * MIB))
    monkeypatch.setattr(os, "pwrite", full)
    assert [bytes(piece.read()) for piece in snapshots.read("t.0", block)] == bodies
    assert not snapshots.read("t.0", block)[0].read().readonly


def test_large_blocks_go_in_parts(s3: S3Process, tmp_path: Path) -> None:
    body = np.random.default_rng(1).bytes(20 * MIB)
    snapshots = open_snapshots(f"s3://{BUCKET}/large", tmp_path / "cache")
    block = snapshots.write("t.0", "one", [body, b"end"])
    anew = open_snapshots(f"s3://{BUCKET}/large", tmp_path / "other")
    assert bytes(anew.read("t.0", block)[0].read()) == body
    with pytest.raises(Conflict, match="already"):
        anew.write("t.0", "one", [body, b"END"])


@pytest.mark.parametrize("size", [1000, 17 * MIB])
def test_an_answer_that_got_lost_is_no_conflict(
    storage: CountingStorage, tmp_path: Path, size: int
) -> None:
    """Sent again, a block that arrived the first time is found to be the same."""
    path = tmp_path / "block"
    path.write_bytes(bytes(size))
    for _ in range(2):
        storage.create("snapshots/t.0/one", path)
    path.write_bytes(bytes(size - 1) + b"x")
    with pytest.raises(Conflict):
        storage.create("snapshots/t.0/one", path)
    path.write_bytes(bytes(size - 1))
    with pytest.raises(Conflict):
        storage.create("snapshots/t.0/one", path)


def test_an_outage_is_told_and_what_is_here_goes_on(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Process(tmp_path_factory.mktemp("s3")) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(object_storage, "RETRY_TIMEOUT", object_storage.CONNECT_TIMEOUT / 10)
        url = f"s3://{BUCKET}/outage"
        writing = open_snapshots(url, tmp_path / "writing")
        bodies = [os.urandom(MAPPED_BYTES_MIN * 3), os.urandom(MAPPED_BYTES_MIN * 2)]
        block = writing.write("t.0", "one", bodies)
        reading = open_snapshots(url, tmp_path / "reading")
        cached, other = reading.read("t.0", block)
        cached.read()
        server.kill()
        assert bytes(cached.read()) == bodies[0]
        assert len(reading.read("t.0", block)) == 2
        anew = open_snapshots(url, tmp_path / "anew")
        for refused in (
            other.read,
            lambda: anew.read("t.0", block),
            lambda: anew.names("t.0"),
            lambda: anew.write("t.0", "two", [b"x"]),
            lambda: anew.drop("t.0"),
        ):
            with pytest.raises(Overloaded, match="cannot be reached"):
                refused()
        anew.delete("t.0", ["one"])
        assert not (tmp_path / "anew" / "t.0" / "two").exists(), "no block that is nowhere else"
        server.start()
        assert bytes(other.read()) == bodies[1]
        assert anew.names("t.0") == {"one"}, "what was acknowledged is there, and nothing else"


def test_blocks_stay_while_a_lease_stands(
    storage: CountingStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = ObjectSnapshots(storage, BlockCache(tmp_path / "cache", 64 * MIB))
    owner.write("t.0", "one", [b"x"])
    # A reader that died without a word.
    storage.put(f"{object_pins.PINS}/dead", b"somewhere")
    owner.delete("t.0", ["one"])
    assert owner.names("t.0") == {"one"}
    monkeypatch.setattr(object_pins, "LEASE_S", 0.0)
    owner.delete("t.0", ["one"])
    assert owner.names("t.0") == set()


def test_what_cannot_be_used_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidValue, match="cannot be used"):
        open_snapshots("s5://bucket/x", tmp_path)
    with pytest.raises(NotFound):
        list(ObjectStorage(f"file://{tmp_path}").read("nothing"))
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(InvalidValue, match=r"pip install 'bitbrook\[s3\]'"):
        open_snapshots("s3://bucket/x", tmp_path)


def test_credentials_that_are_refused_are_said(s3: S3Process, tmp_path: Path) -> None:
    snapshots = open_snapshots("s3://nobodys-bucket/x", tmp_path)
    with pytest.raises(Overloaded, match=r"cannot be reached|let this server in"):
        snapshots.names("t.0")
