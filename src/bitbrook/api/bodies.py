"""Request bodies as bytes: bounded in themselves, and bounded in sum.

A body counts against the sum as it arrives, so that neither many clients nor slow ones can fill
the memory; so does what it unfolds into, and the answer to it until it is sent. What the bytes mean
is for others to say.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar.types import Receive, Scope

from bitbrook.errors import Cancelled, InvalidBody, LimitExceeded, Overloaded

CONTROL_BODY_BYTES_MAX = 2 << 20
"""Bytes of a body that is no records: the largest source's schema has a fraction of that."""

SILENCE_S_MAX = 30.0
"""Seconds without a byte after which an unfinished body is given up."""


@dataclass(slots=True)
class BodyMemory:
    """How many bytes of request bodies are held at the moment, and may be."""

    bytes_max: int
    held_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def holding(self) -> Iterator["HeldBody"]:
        """Give a body to fill; what it holds is given back at the end."""
        held = HeldBody(self)
        try:
            yield held
        finally:
            with self.lock:
                self.held_bytes -= held.counted_bytes


@dataclass(slots=True)
class HeldBody:
    """One request's body, counted while it is held."""

    memory: BodyMemory
    counted_bytes: int = 0
    chunks: list[bytes] = field(default_factory=list)

    def count(self, size_bytes: int) -> None:
        """Count bytes that are about to be held, on any thread.

        Raises:
            Overloaded: all requests together would hold too much.
        """
        memory = self.memory
        with memory.lock:
            if memory.held_bytes + size_bytes > memory.bytes_max:
                raise Overloaded(
                    f"request bodies hold {memory.held_bytes:,} bytes already; nothing was "
                    "applied; try again later"
                )
            memory.held_bytes += size_bytes
            self.counted_bytes += size_bytes

    def count_answer(self, size_bytes: int) -> None:
        """Count bytes of an answer, which is too late to refuse; others wait for it instead."""
        with self.memory.lock:
            self.memory.held_bytes += size_bytes
            self.counted_bytes += size_bytes

    async def read(self, scope: Scope, receive: Receive, *, bytes_max: int) -> bytes:
        """Return the whole body as it was sent.

        Raises:
            LimitExceeded: it is longer than `bytes_max`.
            Overloaded: all requests together would hold too much.
            InvalidBody: its client has sent nothing for too long.
            Cancelled: the client went away before it had sent everything.
        """
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > bytes_max:
            raise too_large(int(declared), bytes_max)
        size_bytes = 0
        while True:
            message = await _in_time(receive)
            if message["type"] == "http.disconnect":
                raise Cancelled("the client went away before its request was whole")
            chunk: bytes = message.get("body", b"")
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


async def _in_time(receive: Receive) -> Any:
    try:
        async with asyncio.timeout(SILENCE_S_MAX):
            return await receive()
    except TimeoutError:
        message = f"the body is not whole and nothing came for {SILENCE_S_MAX:g} s; send it again"
        raise InvalidBody(message) from None


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
