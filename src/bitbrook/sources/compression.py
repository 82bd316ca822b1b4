"""Compressed request bodies, decoded within a bound.

The stream is read piece by piece and given up at the first byte beyond the bound, so a small body
that would unfold into gigabytes costs no more than the bound. A stream that is wrong or ends early
is refused: half a body is no body. Several gzip members or zstd frames in a row are one body. What
arrives in parts is decoded in parts, but for zstd, which is kept as it came until it is whole.
"""

import enum
import zlib
from collections.abc import Iterator

import pyarrow as pa

from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.schema.limits import BODY_BYTES_MAX

_PIECE_BYTES = 1 << 20
_GZIP_BITS = 31  # zlib's word for a gzip header and the largest window


class ContentEncoding(enum.StrEnum):
    """How a body may be encoded, by its name in the Content-Encoding header."""

    IDENTITY = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


# HTTP has an older name for gzip too (RFC 9110, 8.4.1.3); an absent header means no encoding.
_NAMES = {encoding.value: encoding for encoding in ContentEncoding} | {
    "": ContentEncoding.IDENTITY,
    "x-gzip": ContentEncoding.GZIP,
}


def decompress(body: bytes, encoding: str, size_bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Return the decoded body; `encoding` is the Content-Encoding header, empty if there is none.

    Raises:
        InvalidBody: the encoding is unknown, or the body is not a whole stream of it.
        LimitExceeded: the decoded body is longer than `size_bytes_max`.
    """
    known = _encoding_of(encoding)
    if known is ContentEncoding.IDENTITY:
        _check_size(len(body), size_bytes_max)
        return body
    pieces = list(_pieces(body, known, size_bytes_max))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Unfolding:
    """The decoding of one body that arrives in parts, as pieces of bounded size."""

    def __init__(self, encoding: str, size_bytes_max: int = BODY_BYTES_MAX) -> None:
        """Prepare for a body; `encoding` is the Content-Encoding header.

        Raises:
            InvalidBody: the encoding is unknown.
        """
        self._encoding = _encoding_of(encoding)
        self._size_bytes_max = size_bytes_max
        self._size_bytes = 0
        self._kept: list[bytes] = []
        self._gzip = zlib.decompressobj(_GZIP_BITS)
        self._is_whole = False

    @property
    def held_bytes(self) -> int:
        """How many bytes are kept until the body is whole."""
        return sum(map(len, self._kept))

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what is decoded by what has come now.

        Raises:
            InvalidBody: it is no such stream.
            LimitExceeded: the decoded body is longer than allowed.
        """
        match self._encoding:
            case ContentEncoding.IDENTITY:
                yield self._counted(data)
            case ContentEncoding.GZIP:
                yield from self._inflate(data)
            case ContentEncoding.ZSTD:
                self._kept.append(data)

    def finish(self) -> Iterator[bytes]:
        """Give the rest of the body, which is whole now.

        Raises:
            InvalidBody: it is not.
            LimitExceeded: the decoded body is longer than allowed.
        """
        match self._encoding:
            case ContentEncoding.IDENTITY:
                pass
            case ContentEncoding.GZIP:
                if not self._is_whole:
                    raise _not_whole(self._encoding, "it ends early")
            case ContentEncoding.ZSTD:
                body, self._kept = b"".join(self._kept), []
                yield from _pieces(body, self._encoding, self._size_bytes_max)

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            self._is_whole = False
            try:
                piece = self._gzip.decompress(data, _PIECE_BYTES)
            except zlib.error as fault:
                raise _not_whole(self._encoding, str(fault)) from None
            data = self._gzip.unconsumed_tail
            if self._gzip.eof:
                data = self._gzip.unused_data
                self._gzip = zlib.decompressobj(_GZIP_BITS)
                self._is_whole = True
            if piece:
                yield self._counted(piece)

    def _counted(self, piece: bytes) -> bytes:
        self._size_bytes += len(piece)
        _check_size(self._size_bytes, self._size_bytes_max)
        return piece


def _encoding_of(header: str) -> ContentEncoding:
    known = _NAMES.get(header.strip().lower())
    if known is None:
        names = ", ".join(ContentEncoding)
        raise InvalidBody(f"Content-Encoding {header[:40]!r} is unknown; send one of {names}")
    return known


def _pieces(body: bytes, encoding: ContentEncoding, size_bytes_max: int) -> Iterator[bytes]:
    """Give a whole encoded body, decoded, in pieces."""
    try:
        if not body:
            raise OSError("it is empty")
        stream = pa.CompressedInputStream(pa.BufferReader(body), encoding.value)
        size_bytes = 0
        # One byte more than allowed tells a body that is too long from one that just fits.
        while piece := stream.read(min(_PIECE_BYTES, size_bytes_max + 1 - size_bytes)):
            size_bytes += len(piece)
            _check_size(size_bytes, size_bytes_max)
            yield piece
    except (OSError, pa.ArrowException) as fault:
        raise _not_whole(encoding, str(fault)) from None


def _not_whole(encoding: ContentEncoding, reason: str) -> InvalidBody:
    return InvalidBody(f"the body is not a whole {encoding} stream: {reason[:100]}; send it again")


def _check_size(size_bytes: int, size_bytes_max: int) -> None:
    if size_bytes > size_bytes_max:
        raise LimitExceeded(
            f"the body is longer than {size_bytes_max:,} bytes after decoding, the limit; "
            "send its records in several requests"
        )
