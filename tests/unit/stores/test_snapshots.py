"""A block's pieces come back byte for byte or not at all.

Broken by flipping every byte of a block file in turn, by cutting it, lengthening it, exchanging it
for another block, removing it, at once or after it was opened, and by interrupting the write.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitbrook.errors import Damaged, Overloaded
from bitbrook.stores.snapshots import MAPPED_BYTES_MIN, PORTION_BYTES, Block, LocalSnapshots

SIZES = (0, 1, 63, 64, 65, MAPPED_BYTES_MIN - 1, MAPPED_BYTES_MIN, 2 * PORTION_BYTES + 4097)


@pytest.fixture
def snapshots(tmp_path: Path) -> LocalSnapshots:
    return LocalSnapshots(tmp_path / "snapshots")


def bodies_of(snapshots: LocalSnapshots, block: Block) -> list[bytes]:
    return [bytes(piece.read()) for piece in snapshots.read("t.0", block)]


def test_pieces_come_back(snapshots: LocalSnapshots) -> None:
    random = np.random.default_rng(1)
    bodies = [random.bytes(size) for size in SIZES]
    block = snapshots.write("t.0", "one", (memoryview(body) for body in bodies))
    pieces = snapshots.read("t.0", block)
    assert [piece.size_bytes for piece in pieces] == list(SIZES)
    assert [bytes(piece.read()) for piece in pieces] == bodies
    assert not any(piece.read().readonly for piece in pieces)
    assert bodies_of(snapshots, snapshots.write("t.0", "empty", [])) == []


@pytest.mark.parametrize("size", [100, MAPPED_BYTES_MIN])
def test_what_is_written_to_stays_with_who_wrote_it(snapshots: LocalSnapshots, size: int) -> None:
    block = snapshots.write("t.0", "one", [bytes(size)])
    (piece,) = snapshots.read("t.0", block)
    first, second = piece.read(), piece.read()
    first[0], first[-1] = 1, 2
    assert bytes(second) == bytes(size)
    assert bytes(piece.read()) == bytes(size)


def test_what_was_read_outlives_its_file(snapshots: LocalSnapshots) -> None:
    body = bytes(range(256)) * 1024
    block = snapshots.write("t.0", "one", [b"before", body])
    tail = snapshots.read("t.0", block)[1].read()[1:]
    snapshots.drop("t.0")
    assert bytes(tail) == body[1:]
    array = np.frombuffer(tail, dtype=np.uint8)
    del tail
    assert array.tobytes() == body[1:], "a view keeps the mapping"


def test_many_mappings_hold_no_descriptors(snapshots: LocalSnapshots) -> None:
    block = snapshots.write("t.0", "one", [bytes(MAPPED_BYTES_MIN)] * 50)
    held = len(list(Path("/proc/self/fd").iterdir()))
    bodies = [piece.read() for piece in snapshots.read("t.0", block)]
    assert len(list(Path("/proc/self/fd").iterdir())) == held
    maps = Path("/proc/self/maps").read_text()
    assert maps.count("/t.0/one") >= 1
    del bodies
    assert "/t.0/one" not in Path("/proc/self/maps").read_text(), "unmapped with the last view"


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


def test_a_changed_piece_leaves_the_others(snapshots: LocalSnapshots, tmp_path: Path) -> None:
    body = bytes(3 * MAPPED_BYTES_MIN)
    block = snapshots.write("t.0", "one", [body, body])
    with (tmp_path / "snapshots" / "t.0" / "one").open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"changed")
    first, second = snapshots.read("t.0", block)
    assert bytes(first.read()) == body
    for _ in range(2):
        with pytest.raises(Damaged, match=r"t\.0/one.*checksum"):
            second.read()


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:10]])
def test_another_length_is_noticed(
    snapshots: LocalSnapshots, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    block = snapshots.write("t.0", "one", [b"some content"])
    path = tmp_path / "snapshots" / "t.0" / "one"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Damaged):
        snapshots.read("t.0", block)


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


def test_another_good_block_under_the_name_is_noticed(snapshots: LocalSnapshots) -> None:
    block = snapshots.write("t.0", "one", [b"older"])
    snapshots.write("t.0", "one", [b"newer"])
    with pytest.raises(Damaged, match="checksum"):
        snapshots.read("t.0", block)


def test_a_missing_block_is_damage(snapshots: LocalSnapshots) -> None:
    with pytest.raises(Damaged, match="missing"):
        snapshots.read("t.0", Block("gone", 1, 2))


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
