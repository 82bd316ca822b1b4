"""How far a file was loaded, in a small file beside it, so that an interrupted load goes on.

It belongs to the file's content and to one source: of a file that has changed, or on its way into
another source, nothing is known. A load that ends removes it.
"""

import contextlib
import hashlib
from pathlib import Path

import msgspec

SUFFIX = ".bitbrook-load"
LOOKED_AT_BYTES = 1 << 16


class Progress(msgspec.Struct):
    """How far a load has come: a position in the file, and what became of the records before."""

    fingerprint: str
    source_id: str
    position: int = 0
    stored: int = 0
    refused: int = 0


class LoadState:
    """The progress of one file into one source. `is_kept`: whether it can be written down."""

    def __init__(self, path: Path, source_id: str, *, begins_anew: bool = False) -> None:
        self._place = path.with_name(path.name + SUFFIX)
        self.fingerprint = fingerprint_of(path)
        self.is_kept = True
        known = None if begins_anew else self._read()
        is_same = known is not None and (
            (known.fingerprint, known.source_id) == (self.fingerprint, source_id)
        )
        self.progress = known if known and is_same else Progress(self.fingerprint, source_id)

    def advance(self, position: int, *, stored: int, refused: int) -> None:
        """Take note that everything before a position was sent."""
        self.progress.position = position
        self.progress.stored += stored
        self.progress.refused += refused
        draft = self._place.with_name(self._place.name + ".new")
        try:
            draft.write_bytes(msgspec.json.encode(self.progress))
            draft.replace(self._place)
        except OSError:
            self.is_kept = False

    def finish(self) -> None:
        """Take note that there is nothing left to do."""
        with contextlib.suppress(OSError):
            self._place.unlink(missing_ok=True)

    def _read(self) -> Progress | None:
        try:
            return msgspec.json.decode(self._place.read_bytes(), type=Progress)
        except (OSError, msgspec.MsgspecError):
            return None


def fingerprint_of(path: Path) -> str:
    """Return what tells a file from its like: its size, its beginning and its end."""
    size_bytes = path.stat().st_size
    digest = hashlib.blake2b(str(size_bytes).encode(), digest_size=16)
    with path.open("rb") as file:
        digest.update(file.read(LOOKED_AT_BYTES))
        file.seek(max(0, size_bytes - LOOKED_AT_BYTES))
        digest.update(file.read())
    return digest.hexdigest()
