"""Compressed request bodies, decoded within a bound.

The stream is read piece by piece and given up at the first byte beyond the bound, so a small body
that would unfold into gigabytes costs no more than the bound. A stream that is wrong or ends early
is refused: half a body is no body. Several gzip members or zstd frames in a row are one body.
"""

import enum

import pyarrow as pa

from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.schema.limits import BODY_BYTES_MAX

_PIECE_BYTES = 1 << 20


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
    known = _NAMES.get(encoding.strip().lower())
    if known is None:
        names = ", ".join(ContentEncoding)
        raise InvalidBody(f"Content-Encoding {encoding[:40]!r} is unknown; send one of {names}")
    if known is ContentEncoding.IDENTITY:
        _check_size(len(body), size_bytes_max)
        return body
    try:
        return _read_stream(body, known, size_bytes_max)
    except (OSError, pa.ArrowException) as fault:
        reason = str(fault)[:100]
        message = f"the body is not a whole {known} stream: {reason}; send it again"
        raise InvalidBody(message) from None


def _read_stream(body: bytes, encoding: ContentEncoding, size_bytes_max: int) -> bytes:
    if not body:
        raise OSError("it is empty")
    stream = pa.CompressedInputStream(pa.BufferReader(body), encoding.value)
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        # One byte more than allowed tells a body that is too long from one that just fits.
        piece = stream.read(min(_PIECE_BYTES, size_bytes_max + 1 - size_bytes))
        if not piece:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        size_bytes += len(piece)
        _check_size(size_bytes, size_bytes_max)
        pieces.append(piece)


def _check_size(size_bytes: int, size_bytes_max: int) -> None:
    if size_bytes > size_bytes_max:
        raise LimitExceeded(
            f"the body is longer than {size_bytes_max:,} bytes after decoding, the limit; "
            "send its records in several requests"
        )
