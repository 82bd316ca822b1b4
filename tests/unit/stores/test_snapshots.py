"""A block comes back byte for byte or not at all.

Broken by flipping every byte of a block file in turn, by cutting it, lengthening it, exchanging it
for another block, removing it, and by interrupting the write.
"""

import os
from pathlib import Path

import pytest

from bitbrook.errors import Damaged
from bitbrook.stores.snapshots import Block, LocalSnapshots


@pytest.fixture
def snapshots(tmp_path: Path) -> LocalSnapshots:
    return LocalSnapshots(tmp_path / "snapshots")


def test_blocks_come_back(snapshots: LocalSnapshots) -> None:
    block = snapshots.write("t.0", "one", [b"abc", memoryview(b"defg"), b""])
    assert block.size_bytes == 7
    body = snapshots.read("t.0", block)
    assert bytes(body) == b"abcdefg"
    assert not body.readonly
    assert bytes(snapshots.read("t.0", snapshots.write("t.0", "empty", []))) == b""


def test_names_and_deletion(snapshots: LocalSnapshots) -> None:
    assert snapshots.names("t.0") == set()
    for name in ("one", "two"):
        snapshots.write("t.0", name, [name.encode()])
    assert snapshots.names("t.0") == {"one", "two"}
    snapshots.delete("t.0", ["one", "never was"])
    assert snapshots.names("t.0") == {"two"}
    snapshots.drop("t.0")
    snapshots.drop("t.0")
    assert snapshots.names("t.0") == set()


def test_every_flipped_byte_is_noticed(snapshots: LocalSnapshots, tmp_path: Path) -> None:
    block = snapshots.write("t.0", "one", [b"some content"])
    path = tmp_path / "snapshots" / "t.0" / "one"
    good = path.read_bytes()
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(Damaged, match=r"t\.0/one.*backup"):
            snapshots.read("t.0", block)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:10]])
def test_another_length_is_noticed(
    snapshots: LocalSnapshots, tmp_path: Path, change: object
) -> None:
    assert callable(change)
    block = snapshots.write("t.0", "one", [b"some content"])
    path = tmp_path / "snapshots" / "t.0" / "one"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Damaged):
        snapshots.read("t.0", block)


def test_another_good_block_under_the_name_is_noticed(snapshots: LocalSnapshots) -> None:
    block = snapshots.write("t.0", "one", [b"older"])
    snapshots.write("t.0", "one", [b"newer"])
    with pytest.raises(Damaged, match="checksum"):
        snapshots.read("t.0", block)


def test_a_missing_block_is_damage(snapshots: LocalSnapshots) -> None:
    with pytest.raises(Damaged, match="missing"):
        snapshots.read("t.0", Block("gone", 1, 2))


def test_an_interrupted_write_leaves_no_block(
    snapshots: LocalSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        snapshots.write("t.0", "one", [b"abc"])
    assert "one" not in snapshots.names("t.0")
