"""Request bodies as bytes: bounded in themselves, and bounded in sum.

A body counts against the sum as it arrives, so that neither many clients nor slow ones can fill
the memory; so does what it unfolds into, and the answer to it until it is sent. When many that have
begun would hold too much together, one of them may go on and the others are refused: if all were,
nothing would ever get in. One that trickles is given up, so that it cannot hold its place for ever.
What the bytes mean is for others to say.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar.types import Receive, Scope

from bitbrook.errors import Cancelled, InvalidBody, LimitExceeded, Overloaded, TooSlow

CONTROL_BODY_BYTES_MAX = 2 << 20
"""Bytes of a body that is no records: the largest source's schema has a fraction of that."""

BYTES_PER_S_MIN = 10_000
"""Bytes a second that a body has to bring, beyond the silence that it may have."""


@dataclass(slots=True)
class BodyMemory:
    """How many bytes of request bodies are held at the moment, and may be.

    `silence_s_max`: seconds without a byte after which an unfinished body is given up.
    """

    bytes_max: int
    silence_s_max: float = 30.0
    held_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    preferred: "HeldBody | None" = None

    @contextmanager
    def holding(self) -> Iterator["HeldBody"]:
        """Give a body to fill; what it holds is given back at the end."""
        held = HeldBody(self)
        try:
            yield held
        finally:
            with self.lock:
                self.held_bytes -= held.counted_bytes
                if self.preferred is held:
                    self.preferred = None


@dataclass(slots=True)
class HeldBody:
    """One request's body, counted while it is held. `is_whole`: whether all of it was read."""

    memory: BodyMemory
    counted_bytes: int = 0
    chunks: list[bytes] = field(default_factory=list)
    is_whole: bool = False
    size_bytes: int = 0
    waited_s: float = 0.0

    def count(self, size_bytes: int) -> None:
        """Count bytes that are about to be held, on any thread.

        Raises:
            Overloaded: all requests together would hold too much.
        """
        memory = self.memory
        with memory.lock:
            if memory.held_bytes + size_bytes > memory.bytes_max and not self._is_preferred():
                raise Overloaded(
                    f"request bodies hold {memory.held_bytes:,} bytes already; nothing was "
                    "applied; try again later"
                )
            memory.held_bytes += size_bytes
            self.counted_bytes += size_bytes

    def _is_preferred(self) -> bool:
        """Whether this is the one that may go on; the first that has begun becomes it."""
        memory = self.memory
        is_others_fault = 0 < self.counted_bytes < memory.held_bytes
        if memory.preferred is None and is_others_fault:
            memory.preferred = self
        return memory.preferred is self

    def recount(self, change_bytes: int) -> None:
        """Count that so many bytes more are held now, or fewer, on any thread.

        Raises:
            Overloaded: all requests together would hold too much.
        """
        if change_bytes > 0:
            self.count(change_bytes)
        else:
            self.count_answer(change_bytes)

    def count_answer(self, size_bytes: int) -> None:
        """Count bytes of an answer, which is too late to refuse; others wait for it instead."""
        with self.memory.lock:
            self.memory.held_bytes += size_bytes
            self.counted_bytes += size_bytes

    async def read(self, scope: Scope, receive: Receive, *, bytes_max: int) -> bytes:
        """Return the whole body as it was sent. Raises as `read_part` does."""
        return await self.read_part(scope, receive, bytes_max=bytes_max, part_bytes=bytes_max + 1)

    async def read_part(
        self, scope: Scope, receive: Receive, *, bytes_max: int, part_bytes: int
    ) -> bytes:
        """Return what comes next of the body: `part_bytes` or a little more, or the rest.

        Raises:
            LimitExceeded: it is longer than `bytes_max`.
            Overloaded: all requests together would hold too much.
            TooSlow: its client sends nothing for too long, or too little.
            Cancelled: the client went away before it had sent everything.
        """
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > bytes_max:
            raise too_large(int(declared), bytes_max)
        end_bytes = self.size_bytes + part_bytes
        while self.size_bytes < end_bytes and not self.is_whole:
            message = await self._in_time(receive)
            if message["type"] == "http.disconnect":
                raise Cancelled("the client went away before its request was whole")
            chunk: bytes = message.get("body", b"")
            if chunk:
                self.size_bytes += len(chunk)
                if self.size_bytes > bytes_max:
                    raise too_large(self.size_bytes, bytes_max)
                self.count(len(chunk))
                self.chunks.append(chunk)
            self.is_whole = not message.get("more_body", False)
        chunks, self.chunks = self.chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _in_time(self, receive: Receive) -> Any:
        """Return the next message. What the server takes for itself is not counted."""
        silence_s_max = self.memory.silence_s_max
        left_s = silence_s_max + self.size_bytes / BYTES_PER_S_MIN - self.waited_s
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            async with asyncio.timeout(max(0.0, min(silence_s_max, left_s))):
                message = await receive()
        except TimeoutError:
            waited_s = self.waited_s + clock() - began_s
            raise TooSlow(
                f"{self.size_bytes:,} bytes of the body came in {waited_s:.0f} s and it is not "
                f"whole; send at least {BYTES_PER_S_MIN:,} bytes a second and be "
                f"silent for no more than {silence_s_max:g} s; nothing was applied"
            ) from None
        self.waited_s += clock() - began_s
        return message


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
