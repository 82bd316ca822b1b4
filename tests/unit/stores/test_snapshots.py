"""Blocks in a directory: every byte is checked, and what files and mappings do is kept in bounds.

What every home of blocks promises is in `test_snapshot_homes.py`. Broken by flipping every byte of
a block's file in turn, cutting it after it was opened, disks and systems that refuse, and an
interrupted write; mappings and descriptors are counted.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from bitbrook.errors import Damaged, Overloaded
from bitbrook.stores.snapshots import MAPPED_BYTES_MIN, PORTION_BYTES, Block, LocalSnapshots


@pytest.fixture
def snapshots(tmp_path: Path) -> LocalSnapshots:
    return LocalSnapshots(tmp_path / "snapshots")


def bodies_of(snapshots: LocalSnapshots, block: Block) -> list[bytes]:
    return [bytes(piece.read()) for piece in snapshots.read("t.0", block)]


def test_a_view_keeps_the_mapping(snapshots: LocalSnapshots) -> None:
    body = bytes(range(256)) * 1024
    block = snapshots.write("t.0", "one", [b"before", body])
    tail = snapshots.read("t.0", block)[1].read()[1:]
    snapshots.drop("t.0")
    array = np.frombuffer(tail, dtype=np.uint8)
    del tail
    assert array.tobytes() == body[1:]


def test_many_mappings_hold_no_descriptors(snapshots: LocalSnapshots) -> None:
    block = snapshots.write("t.0", "one", [bytes(MAPPED_BYTES_MIN)] * 50)
    held = len(list(Path("/proc/self/fd").iterdir()))
    bodies = [piece.read() for piece in snapshots.read("t.0", block)]
    assert len(list(Path("/proc/self/fd").iterdir())) == held
    maps = Path("/proc/self/maps").read_text()
    assert maps.count("/t.0/one") >= 1
    del bodies
    assert "/t.0/one" not in Path("/proc/self/maps").read_text(), "unmapped with the last view"


def test_every_flipped_byte_is_noticed(snapshots: LocalSnapshots, tmp_path: Path) -> None:
    block = snapshots.write("t.0", "one", [b"some content", b"", b"and more"])
    path = tmp_path / "snapshots" / "t.0" / "one"
    good = path.read_bytes()
    assert len(good) == block.size_bytes
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(Damaged, match=r"t\.0/one.*backup"):
            bodies_of(snapshots, block)


@pytest.mark.parametrize("size", [100, PORTION_BYTES + 100])
def test_a_file_that_is_cut_after_it_was_opened_is_noticed(
    snapshots: LocalSnapshots, tmp_path: Path, size: int
) -> None:
    (piece,) = snapshots.read("t.0", snapshots.write("t.0", "one", [bytes(size)]))
    path = tmp_path / "snapshots" / "t.0" / "one"
    os.truncate(path, size // 2)
    with pytest.raises(Damaged, match="checksum"):
        piece.read()
    path.unlink()
    with pytest.raises(Damaged, match="missing"):
        piece.read()


@pytest.mark.parametrize(
    ("number", "error"), [(5, Damaged), (24, Overloaded)], ids=["bad disk", "no descriptors"]
)
def test_what_cannot_be_read_is_told_apart(
    snapshots: LocalSnapshots, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    (piece,) = snapshots.read("t.0", snapshots.write("t.0", "one", [bytes(MAPPED_BYTES_MIN)]))

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", fail)
        with pytest.raises(error, match=os.strerror(number)):
            piece.read()
    assert bytes(piece.read()) == bytes(MAPPED_BYTES_MIN)


def test_an_interrupted_write_leaves_no_block(
    snapshots: LocalSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        snapshots.write("t.0", "one", [b"abc"])
    assert "one" not in snapshots.names("t.0")
