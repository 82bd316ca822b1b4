"""A column of JSON values as the text they were written in.

Numbers, times and booleans are never turned into Python objects: a column of them is one byte array
and the bounds of its tokens, which kernels read. So no value passes through a float, and a number
written as text (`"5.1"`) costs what a number does. A token is a JSON scalar without escapes, or
something that no kernel takes for one. Knows nothing of fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numba
import numpy as np
import numpy.typing as npt
from msgspec import Raw

NULL = Raw(b"null")
"""The token of a value that is not there."""

OCTETS_TYPE = "Array(uint8, 1, 'C', readonly=True)"
"""How kernels declare the bytes of tokens."""

# A control character that JSON allows nowhere outside escapes, so no token contains it.
_SEPARATOR = b"\x1e"
_NOT_A_SCALAR = b"{}"

_decode_text = msgspec.json.Decoder(str).decode


@dataclass(slots=True)
class Tokens:
    """`octets`: uint8[m], read-only; token i is octets[bounds[i] : bounds[i + 1] - 1].

    `bounds`: int64[n + 1].
    """

    octets: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def are_null(self) -> npt.NDArray[np.bool_]:
        """Return bool[n]: which tokens are JSON's null. No other token begins with an n."""
        return np.equal(self._first_octets(), ord("n"))

    def are_texts(self) -> npt.NDArray[np.bool_]:
        """Return bool[n]: which tokens are in quotes."""
        return np.equal(self._first_octets(), ord('"'))

    def _first_octets(self) -> npt.NDArray[np.uint8]:
        return self.octets[self.bounds[:-1]]


def tokens_of(values: Sequence[Raw]) -> Tokens:
    """Return the column of these JSON values."""
    joined = _SEPARATOR.join(values)
    if b"\\" in joined:
        joined = _SEPARATOR.join([_without_escapes(bytes(value)) for value in values])
    octets = np.frombuffer(joined, dtype=np.uint8)
    return Tokens(octets, _find_bounds(octets, len(values)))


def token_of_text(text: str) -> Raw:
    """Return a text as a token."""
    return Raw(msgspec.json.encode(text))


def _without_escapes(value: bytes) -> bytes:
    """Return a JSON string with its escapes resolved, in quotes; other values as they are."""
    if b"\\" not in value or not value.startswith(b'"'):
        return value
    plain = b'"' + _decode_text(value).encode() + b'"'
    return plain if _SEPARATOR not in plain else _NOT_A_SCALAR


@numba.njit(f"int64[::1]({OCTETS_TYPE}, int64)", nogil=True, cache=True)
def _find_bounds(octets: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.int64]:
    bounds = np.zeros(count + 1, dtype=np.int64)
    found = 1
    for at in range(len(octets)):
        if octets[at] == 0x1E:
            bounds[found] = at + 1
            found += 1
    if count > 0:
        bounds[count] = len(octets) + 1
    return bounds
