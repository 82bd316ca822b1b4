"""Every home of blocks keeps the same promises: a directory, and object storage in two kinds.

Blocks with pieces of all sizes are written and read in each, changed behind its back (flipped, cut,
lengthened, exchanged, removed), deleted, pinned and moved from one to the other. Object storage is
a directory behind the same protocol, and a server process that speaks S3.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitbrook.errors import Conflict, Damaged
from bitbrook.stores.blocks import check_block, portions_of
from bitbrook.stores.snapshots import MAPPED_BYTES_MIN, PORTION_BYTES, Block, Piece, SnapshotStore
from unit.stores.snapshot_homes import DirectoryHome, FilesHome, Home, S3Home

SIZES = (0, 1, 63, 64, 65, MAPPED_BYTES_MIN - 1, MAPPED_BYTES_MIN, 2 * PORTION_BYTES + 4097)


@pytest.fixture(params=["directory", "files", "s3"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    if request.param == "directory":
        return DirectoryHome(tmp_path)
    if request.param == "files":
        return FilesHome(tmp_path)
    request.getfixturevalue("s3")
    return S3Home(tmp_path)


def bodies_of(store: SnapshotStore, block: Block) -> list[bytes]:
    return [bytes(piece.read()) for piece in store.read("t.0", block)]


def test_pieces_come_back(home: Home) -> None:
    random = np.random.default_rng(1)
    bodies = [random.bytes(size) for size in SIZES]
    writing = home.open()
    block = writing.write("t.0", "one", (memoryview(body) for body in bodies))
    for store in (writing, home.open()):
        for _ in range(2):
            pieces = store.read("t.0", block)
            assert all(isinstance(piece, Piece) for piece in pieces)
            assert [piece.size_bytes for piece in pieces] == list(SIZES)
            assert [bytes(piece.read()) for piece in pieces] == bodies
            assert not any(piece.read().readonly for piece in pieces)
    assert bodies_of(home.open(), writing.write("t.0", "empty", [])) == []


def test_the_same_bytes_lie_in_every_home(home: Home, tmp_path: Path) -> None:
    other = DirectoryHome(tmp_path / "other").open()
    block = other.write("t.0", "one", [b"a", bytes(200_000)])
    store = home.open()
    with other.open_block("t.0", block) as file:
        store.adopt("t.0", block, portions_of(file))
    with home.open().open_block("t.0", block) as file:
        check_block(file, block, "there")
        assert b"".join(portions_of(file))[:8] == b"bitbrook"
    assert bodies_of(home.open(), block) == [b"a", bytes(200_000)]


@pytest.mark.parametrize("size", [100, MAPPED_BYTES_MIN])
def test_what_is_written_to_stays_with_who_wrote_it(home: Home, size: int) -> None:
    store = home.open()
    (piece,) = store.read("t.0", store.write("t.0", "one", [bytes(size)]))
    first, second = piece.read(), piece.read()
    first[0], first[-1] = 1, 2
    assert bytes(second) == bytes(size)
    assert bytes(piece.read()) == bytes(size)


def test_what_was_read_outlives_its_block(home: Home) -> None:
    body = bytes(range(256)) * 1024
    store = home.open()
    block = store.write("t.0", "one", [b"before", body])
    tail = store.read("t.0", block)[1].read()[1:]
    store.drop("t.0")
    assert bytes(tail) == body[1:]
    with pytest.raises(Damaged, match=r"t\.0/one.*missing"):
        home.open().read("t.0", block)


def test_names_and_deletion(home: Home) -> None:
    store = home.open()
    assert store.names("t.0") == set()
    assert store.partitions() == set()
    for name in ("one", "two"):
        store.write("t.0", name, [name.encode()])
    other = store.write("t.00", "one", [b"another partition, whose name begins the same"])
    assert store.names("t.0") == {"one", "two"}
    assert store.partitions() == {"t.0", "t.00"}
    store.delete("t.0", ["one", "never was"])
    store.delete("t.0", [])
    assert store.names("t.0") == {"two"}
    for _ in range(2):
        store.drop("t.0")
    assert store.names("t.0") == set()
    assert len(store.read("t.00", other)) == 1


def test_a_name_is_given_once(home: Home) -> None:
    store = home.open()
    block = store.write("t.0", "one", [b"first"])
    with pytest.raises(Conflict, match="already"):
        home.open().write("t.0", "one", [b"second"])
    assert bodies_of(home.open(), block) == [b"first"]


FLIPPED = (0, 8, 12, 16, 24, 40, 64, 75, 100, 128, 140, 192, 200, 220)


def test_flipped_bytes_are_noticed(home: Home) -> None:
    block = home.open().write("t.0", "one", [b"some content", b"", b"and more"])
    for place in FLIPPED:

        def flip(good: bytes, place: int = place) -> bytes:
            assert len(good) == block.size_bytes
            changed = bytearray(good)
            changed[place] ^= 0x10
            return bytes(changed)

        home.change("one", flip)
        with pytest.raises(Damaged, match=r"t\.0/one.*backup"):
            bodies_of(home.open(), block)
        home.change("one", flip)
    assert bodies_of(home.open(), block) == [b"some content", b"", b"and more"]


def test_a_changed_piece_leaves_the_others(home: Home) -> None:
    body = bytes(3 * MAPPED_BYTES_MIN)
    block = home.open().write("t.0", "one", [body, body])
    home.change("one", lambda good: good[:-1000] + b"changed" + good[-993:])
    first, second = home.open().read("t.0", block)
    assert bytes(first.read()) == body
    for _ in range(2):
        with pytest.raises(Damaged, match=r"t\.0/one.*checksum"):
            second.read()


@pytest.mark.parametrize("size", [12, 300_000])
@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:10], lambda _: b""]
)
def test_another_length_is_noticed(home: Home, size: int, change: Callable[[bytes], bytes]) -> None:
    block = home.open().write("t.0", "one", [bytes(size)])
    home.change("one", change)
    with pytest.raises(Damaged, match=r"t\.0/one"):
        bodies_of(home.open(), block)


def test_a_block_that_goes_after_it_was_opened_is_noticed(home: Home) -> None:
    block = home.open().write("t.0", "one", [b"some" * 75_000, b"end"])
    piece, _ = home.open().read("t.0", block)
    home.change("one", lambda _: None)
    with pytest.raises(Damaged, match=r"t\.0/one.*missing"):
        piece.read()
    with (
        pytest.raises(Damaged, match=r"t\.0/one.*missing"),
        home.open().open_block("t.0", block),
    ):
        pass


def test_another_good_block_under_the_name_is_noticed(home: Home) -> None:
    store = home.open()
    block = store.write("t.0", "one", [b"older"])
    home.change("one", lambda _: None)
    home.open().write("t.0", "one", [b"newer"])
    with pytest.raises(Damaged, match="checksum"):
        home.open().read("t.0", block)


def test_many_blocks_are_prepared_at_once(home: Home) -> None:
    store = home.open()
    blocks = [store.write("t.0", f"block{number}", [b"%d" % number]) for number in range(20)]
    anew = home.open()
    anew.prepare("t.0", blocks)
    assert [bodies_of(anew, block) for block in blocks] == [[b"%d" % n] for n in range(20)]
    with pytest.raises(Damaged, match=r"t\.0/gone"):
        home.open().read("t.0", Block("gone", 200, 1))


def test_pinned_blocks_can_be_read_whatever_their_owner_removes(home: Home) -> None:
    owner = home.open()
    blocks = [owner.write("t.0", name, [name.encode()]) for name in ("one", "two")]
    with home.open().pinning() as pins:
        assert pins.pin("t.0", [*blocks, Block("gone", 1, 1)]) == ["gone"]
        owner.delete("t.0", ["one"])
        assert [bytes(piece.read()) for piece in pins.read("t.0", blocks[0])] == [b"one"]
        with pins.open_block("t.0", blocks[0]) as file:
            check_block(file, blocks[0], "here")
    # What had to stay goes when its owner removes it again.
    owner.delete("t.0", ["one"])
    assert owner.names("t.0") == {"two"}
