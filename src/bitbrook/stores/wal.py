"""What SQLite would silently leave out of its write-ahead file, found before it does.

After a crash SQLite replays the file's frames up to the first one whose checksum does not match and
forgets the rest: right for the torn end of a transaction that nobody was told about, wrong for a
byte that changed in the middle, where acknowledged transactions follow. With every commit synced
before the next one begins, a torn end holds one commit at most. So two commits or more behind the
first bad frame prove damage. (Damage inside the very last transaction looks like a torn end.)

Source: "WAL-mode File Format", sqlite.org/walformat.html.
"""

import struct
from pathlib import Path

import numba
import numpy as np

from bitbrook.errors import Damaged

MAGIC_LITTLE_ENDIAN = 0x377F0682
MAGIC_BIG_ENDIAN = 0x377F0683
HEADER = struct.Struct(">8I")
FRAME_HEADER_BYTES = 24


def check_wal(path: Path) -> None:
    """Return if SQLite may open the database to which this write-ahead file belongs.

    Raises:
        Damaged: committed transactions lie behind bytes that are not what was written.
    """
    if not path.exists():
        return
    content = path.read_bytes()
    if len(content) < HEADER.size or not any(content[: HEADER.size]):
        return
    magic, _, page_bytes, _, *salts, _, _ = HEADER.unpack_from(content)
    words = np.frombuffer(content, dtype="<u4", count=len(content) // 4)
    if magic == MAGIC_BIG_ENDIAN:
        words = words.byteswap()
    checksum = _checksum(words[:6], np.zeros(2, dtype=np.uint32))
    is_header_good = magic in {MAGIC_LITTLE_ENDIAN, MAGIC_BIG_ENDIAN} and (
        checksum.tolist() == list(HEADER.unpack_from(content)[6:])
    )
    if not is_header_good:
        raise _damaged(path, "its header does not match its checksum")
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    count = (len(content) - HEADER.size) // frame_bytes
    frames = np.frombuffer(content, dtype=np.uint8, offset=HEADER.size, count=count * frame_bytes)
    heads = frames.reshape(count, frame_bytes)[:, :FRAME_HEADER_BYTES].copy().view(">u4")
    is_of_this_file = (heads[:, 2] == salts[0]) & (heads[:, 3] == salts[1])
    good = _count_good(
        words[HEADER.size // 4 :], frame_bytes // 4, checksum, heads.astype(np.uint32)
    )
    good = min(good, int(np.argmin(is_of_this_file)) if not is_of_this_file.all() else count)
    is_commit = heads[:, 1] != 0
    lost = int(np.count_nonzero(is_of_this_file[good:] & is_commit[good:]))
    if lost > 1:
        raise _damaged(path, f"frame {good + 1} does not match its checksum, {lost} commits follow")


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(f"{path}: {what}; restore the data directory from a backup")


@numba.njit(nogil=True, cache=True)
def _checksum(words, start):  # type: ignore[no-untyped-def]
    """Return SQLite's checksum (two uint32) of an even number of words, continuing `start`."""
    first, second = start[0], start[1]
    for i in range(0, len(words), 2):
        first = np.uint32(first + words[i] + second)
        second = np.uint32(second + words[i + 1] + first)
    return np.array([first, second], dtype=np.uint32)


@numba.njit(nogil=True, cache=True)
def _count_good(words, frame_words, checksum, heads):  # type: ignore[no-untyped-def]
    """Return how many frames from the first on match their checksums."""
    for frame in range(len(heads)):
        start = frame * frame_words
        checksum = _checksum(words[start : start + 2], checksum)
        checksum = _checksum(words[start + 6 : start + frame_words], checksum)
        if checksum[0] != heads[frame, 4] or checksum[1] != heads[frame, 5]:
            return frame
    return len(heads)
