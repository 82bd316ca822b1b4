"""Messages of the protocol: how bytes are cut into them, and the ones that a server sends.

Version 3.0. Numbers are big-endian; a length counts itself. Knows nothing of statements.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bitbrook.errors import InvalidRequest, LimitExceeded

VERSION_3 = 196_608
CANCEL_REQUEST = 80_877_102
SSL_REQUEST = 80_877_103
GSS_REQUEST = 80_877_104

STARTUP_BYTES_MAX = 10_000

_INT = struct.Struct("!i")
_SHORT = struct.Struct("!h")
_HEAD = struct.Struct("!ci")

AUTHENTICATION_OK = b"R\x00\x00\x00\x08\x00\x00\x00\x00"
ASK_FOR_PASSWORD = b"R\x00\x00\x00\x08\x00\x00\x00\x03"
PARSE_COMPLETE = b"1\x00\x00\x00\x04"
BIND_COMPLETE = b"2\x00\x00\x00\x04"
CLOSE_COMPLETE = b"3\x00\x00\x00\x04"
NO_DATA = b"n\x00\x00\x00\x04"
EMPTY_QUERY = b"I\x00\x00\x00\x04"
PORTAL_SUSPENDED = b"s\x00\x00\x00\x04"


class Column(NamedTuple):
    """A column of an answer: its name, its type's oid, length in bytes (-1 varies) and modifier."""

    name: str
    oid: int
    size: int = -1
    modifier: int = -1


class Message(NamedTuple):
    """A message of a client."""

    kind: bytes
    body: bytes


class Reader:
    """The parts of a message's body, one after the other.

    Raises:
        InvalidRequest: the body ends before the part does.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def text(self) -> str:
        """Read a text that a zero byte ends."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise _malformed()
        found = self._body[self._at : end]
        self._at = end + 1
        return _decoded(found)

    def byte(self) -> bytes:
        """Read one byte."""
        return self.take(1)

    def short(self) -> int:
        """Read an integer of 16 bits."""
        number: int = _SHORT.unpack(self.take(2))[0]
        return number

    def integer(self) -> int:
        """Read an integer of 32 bits."""
        number: int = _INT.unpack(self.take(4))[0]
        return number

    def shorts(self) -> list[int]:
        """Read a counted list of integers of 16 bits."""
        return [self.short() for _ in range(self._count())]

    def integers(self) -> list[int]:
        """Read a counted list of integers of 32 bits."""
        return [self.integer() for _ in range(self._count())]

    def values(self) -> list[bytes | None]:
        """Read a counted list of values, None for null."""
        found: list[bytes | None] = []
        for _ in range(self._count()):
            size = self.integer()
            found.append(None if size < 0 else self.take(size))
        return found

    def take(self, size: int) -> bytes:
        """Read so many bytes."""
        found = self._body[self._at : self._at + size]
        if size < 0 or len(found) < size:
            raise _malformed()
        self._at += size
        return found

    def _count(self) -> int:
        return self.short() & 0xFFFF


async def read_startup(stream: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the code and the rest of the packet that a connection begins with."""
    size = _INT.unpack(await stream.readexactly(4))[0]
    if not 8 <= size <= STARTUP_BYTES_MAX:
        raise _malformed()
    body = await stream.readexactly(size - 4)
    return _INT.unpack(body[:4])[0], body[4:]


async def read_message(stream: asyncio.StreamReader, bytes_max: int) -> Message:
    """Return the next message.

    Raises:
        LimitExceeded: it is longer than that.
    """
    kind, size = _HEAD.unpack(await stream.readexactly(5))
    if size < 4:
        raise _malformed()
    if size > bytes_max:
        raise LimitExceeded(f"a message of {size:,} bytes; {bytes_max:,} are allowed")
    return Message(kind, await stream.readexactly(size - 4))


def startup_parameters(body: bytes) -> dict[str, str]:
    """Return what a startup packet says: user, database and others by name."""
    parts = body.split(b"\0")
    named = zip(parts[::2], parts[1::2], strict=False)
    return {_decoded(name): _decoded(value) for name, value in named if name}


def message(kind: bytes, body: bytes) -> bytes:
    """Return a message of the server."""
    return kind + _INT.pack(len(body) + 4) + body


def parameter_status(name: str, value: str) -> bytes:
    """Return what tells a client a setting."""
    return message(b"S", _text(name) + _text(value))


def backend_key(process: int, secret: int) -> bytes:
    """Return what a client needs to cancel."""
    return message(b"K", struct.pack("!iI", process, secret))


def ready(status: bytes) -> bytes:
    """Return that the next statement may come; `status`: I, or T or E in a transaction."""
    return message(b"Z", status)


def row_description(columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    """Return the columns of an answer."""
    parts = [_SHORT.pack(len(columns))]
    for column, form in zip(columns, formats, strict=True):
        told = struct.pack("!ihihih", 0, 0, column.oid, column.size, column.modifier, form)
        parts += [_text(column.name), told]
    return message(b"T", b"".join(parts))


def parameter_description(oids: Sequence[int]) -> bytes:
    """Return the types of a statement's parameters."""
    return message(b"t", _SHORT.pack(len(oids)) + b"".join(map(_INT.pack, oids)))


def command_complete(tag: str) -> bytes:
    """Return that a statement was carried out."""
    return message(b"C", _text(tag))


def error_response(fields: Mapping[str, str], *, is_notice: bool = False) -> bytes:
    """Return an error or a notice; `fields` by their letters."""
    told = b"".join(letter.encode() + _text(text) for letter, text in fields.items())
    return message(b"N" if is_notice else b"E", told + b"\0")


def _text(text: str) -> bytes:
    return text.replace("\0", "").encode() + b"\0"


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("a text is not UTF-8; set client_encoding to UTF8") from None


def _malformed() -> InvalidRequest:
    return InvalidRequest("a message is malformed")
