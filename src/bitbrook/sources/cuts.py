"""Bodies cut at records while they arrive: what has come becomes pieces that are bodies themselves.

A piece ends where a record does, so each can be decoded alone, and all of them in order are what
the whole body would have been. A body of one value a line is cut at line ends; of
`{"records": [...]}` at the commas between records, which a kernel finds by counting brackets
outside of texts. What else stands in a piece is for its reader to judge: wrong brackets make wrong
pieces, which no reader takes. A body that does not begin with its records stays in one piece.
"""

import re
from collections.abc import Iterator
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt

from bitbrook.errors import InvalidBody
from bitbrook.sources.tokens import OCTETS_TYPE

_HEAD = b'{"records":['
_BEGINNING = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"records"[ \t\r\n]*:[ \t\r\n]*\[')
_BEGINNING_BYTES_MAX = 1 << 10
_NO_CUT = -1


class Cutter(Protocol):
    """Cuts one body."""

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for the end of their record."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the pieces that are whole by what has come now."""

    def finish(self) -> Iterator[bytes]:
        """Give the last piece."""


class LinesCutter:
    """Cuts a body of one value a line."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for the end of their line."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the lines that are whole by what has come now, in one piece."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._rest += data
            return
        piece = self._rest + data[:end]
        self._rest = data[end:]
        yield piece

    def finish(self) -> Iterator[bytes]:
        """Give the last line, if it has no end of its own."""
        if self._rest:
            yield self._rest


class RecordsCutter:
    """Cuts `{"records": [...]}`."""

    def __init__(self) -> None:
        self._rest = b""
        self._has_begun = self._has_ended = self._stays_whole = False
        self._has_given = False
        self._looked_at = 0
        # Depth of brackets, whether within a text, whether behind a backslash.
        self._state = np.array([2, 0, 0], dtype=np.int64)

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for the end of their record."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the records that are whole by what has come now, in one piece."""
        self._rest += data
        if not self._has_begun and not self._stays_whole:
            self._begin()
        if not self._has_begun or self._has_ended:
            return
        octets = np.frombuffer(self._rest, dtype=np.uint8)
        cut, end = _find_cut(octets, self._looked_at, self._state)
        if end != _NO_CUT:
            self._has_ended = True
            yield from self._give(self._rest[:end], is_last=True)
            self._rest = self._rest[end:]
        elif cut != _NO_CUT:
            yield from self._give(self._rest[:cut], is_last=False)
            self._rest = self._rest[cut + 1 :]
        self._looked_at = len(self._rest)

    def finish(self) -> Iterator[bytes]:
        """Give what closes the body, as a body without records; or all, if it was never cut.

        Raises:
            InvalidBody: there is a second list of records.
        """
        if not self._has_begun:
            yield self._rest
            return
        if self._has_ended and b'"records"' in self._rest:
            raise InvalidBody("the body has two lists of records; send one")
        yield _HEAD + self._rest

    def _begin(self) -> None:
        found = _BEGINNING.match(self._rest)
        if found is not None:
            self._has_begun = True
            self._rest = self._rest[found.end() :]
        elif len(self._rest) > _BEGINNING_BYTES_MAX:
            self._stays_whole = True

    def _give(self, records: bytes, *, is_last: bool) -> Iterator[bytes]:
        if records.strip(b" \t\r\n"):
            self._has_given = True
            yield b"%b%b]}" % (_HEAD, records)
        elif not is_last or self._has_given:
            raise InvalidBody("the body is not JSON: a comma stands where a record is expected")


@numba.njit(f"UniTuple(int64, 2)({OCTETS_TYPE}, int64, int64[::1])", nogil=True, cache=True)
def _find_cut(
    octets: npt.NDArray[np.uint8], start: int, state: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """Return where the last comma between records is and where their list ends; else -1."""
    depth, in_text, is_escaped = state[0], state[1], state[2]
    cut = -1
    for at in range(start, len(octets)):
        octet = octets[at]
        if in_text:
            if is_escaped:
                is_escaped = 0
            elif octet == 0x5C:
                is_escaped = 1
            elif octet == 0x22:
                in_text = 0
        elif octet == 0x22:
            in_text = 1
        elif octet in (0x7B, 0x5B):
            depth += 1
        elif octet in (0x7D, 0x5D):
            if depth == 2:
                return cut, at
            depth -= 1
        elif octet == 0x2C and depth == 2:
            cut = at
    state[0], state[1], state[2] = depth, in_text, is_escaped
    return cut, -1
