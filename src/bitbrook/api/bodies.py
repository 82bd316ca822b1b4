"""Request bodies as bytes: bounded in themselves, and bounded in sum.

A body counts against the sum as it arrives, so that neither many clients nor slow ones can fill
the memory. What the bytes mean is for others to say.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from litestar.types import Receive, Scope

from bitbrook.errors import Cancelled, InvalidBody, LimitExceeded, Overloaded

CONTROL_BODY_BYTES_MAX = 2 << 20
"""Bytes of a body that is no records: the largest source's schema has a fraction of that."""


@dataclass(slots=True)
class BodyMemory:
    """How many bytes of request bodies are held at the moment, and may be."""

    bytes_max: int
    held_bytes: int = 0

    @contextmanager
    def holding(self) -> Iterator["HeldBody"]:
        """Give a body to fill; what it holds is given back at the end."""
        held = HeldBody(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.counted_bytes


@dataclass(slots=True)
class HeldBody:
    """One request's body, counted while it is held."""

    memory: BodyMemory
    counted_bytes: int = 0
    chunks: list[bytes] = field(default_factory=list)

    def count(self, size_bytes: int) -> None:
        """Count bytes that are about to be held.

        Raises:
            Overloaded: all requests together would hold too much.
        """
        memory = self.memory
        if memory.held_bytes + size_bytes > memory.bytes_max:
            raise Overloaded(
                f"request bodies hold {memory.held_bytes:,} bytes already; try again later"
            )
        memory.held_bytes += size_bytes
        self.counted_bytes += size_bytes

    async def read(self, scope: Scope, receive: Receive, *, bytes_max: int) -> bytes:
        """Return the whole body as it was sent.

        Raises:
            LimitExceeded: it is longer than `bytes_max`.
            Overloaded: all requests together would hold too much.
            Cancelled: the client went away before it had sent everything.
        """
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > bytes_max:
            raise too_large(int(declared), bytes_max)
        size_bytes = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Cancelled("the client went away before its request was whole")
            chunk: bytes = message.get("body", b"")  # type: ignore[assignment]
            if chunk:
                size_bytes += len(chunk)
                if size_bytes > bytes_max:
                    raise too_large(size_bytes, bytes_max)
                self.count(len(chunk))
                self.chunks.append(chunk)
            if not message.get("more_body", False):
                break
        chunks, self.chunks = self.chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of that (lower-case) name."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value
    return None


def text_header(scope: Scope, name: bytes) -> str:
    """Return the first header of that (lower-case) name as text, "" if there is none."""
    value = header(scope, name)
    return "" if value is None else value.decode("latin-1").strip()


def decode_text(body: bytes) -> str:
    """Return a body as text.

    Raises:
        InvalidBody: it is not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as fault:
        raise InvalidBody(f"the body is not UTF-8 text: byte {fault.start} cannot be") from None


def too_large(size_bytes: int, bytes_max: int) -> LimitExceeded:
    """Return the error of a body that is too long."""
    return LimitExceeded(
        f"the body has {size_bytes:,} bytes or more and {bytes_max:,} are allowed; "
        "send it in several requests or raise body_bytes_max"
    )
