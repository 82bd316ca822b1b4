"""Bodies are bounded one by one and in sum, however they arrive.

Sends bodies in pieces, too long, with wrong lengths, from clients that go away, and many at once.
"""

import asyncio
from typing import Any

import pytest

from bitbrook.api.bodies import BodyMemory, decode_text
from bitbrook.errors import (
    BitbrookError,
    Cancelled,
    InvalidBody,
    LimitExceeded,
    Overloaded,
    TooSlow,
)


def read(
    memory: BodyMemory, pieces: list[bytes], *, length: bytes | None = None, leaves: bool = False
) -> bytes:
    """Read a body that arrives in pieces, with at most 10 bytes."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages.append({"type": "http.disconnect"} if leaves else {"type": "http.request"})
    scope: Any = {"headers": [] if length is None else [(b"content-length", length)]}

    async def receive() -> Any:
        return messages.pop(0)

    async def run() -> bytes:
        with memory.holding() as held:
            body = await held.read(scope, receive, bytes_max=10)
            assert memory.held_bytes >= len(body)
            return body

    return asyncio.run(run())


def test_pieces_make_a_body() -> None:
    memory = BodyMemory(100)
    assert read(memory, [b"abc", b"", b"def"]) == b"abcdef"
    assert read(memory, []) == b""
    assert read(memory, [b"0123456789"], length=b"10") == b"0123456789"
    assert memory.held_bytes == 0


@pytest.mark.parametrize(
    ("pieces", "options", "error"),
    [
        ([b"x"], {"length": b"11"}, LimitExceeded),
        ([b"x" * 11], {}, LimitExceeded),
        ([b"x" * 6, b"x" * 6], {"length": b"2"}, LimitExceeded),
        ([b"abc"], {"leaves": True}, Cancelled),
    ],
)
def test_what_is_refused_gives_back_its_memory(
    pieces: list[bytes], options: dict[str, Any], error: type[BitbrookError]
) -> None:
    memory = BodyMemory(100)
    with pytest.raises(error):
        read(memory, pieces, **options)
    assert memory.held_bytes == 0


def test_the_sum_is_bounded() -> None:
    memory = BodyMemory(12)
    with memory.holding() as other:
        other.count(9)
        with pytest.raises(Overloaded, match="9 bytes"):
            read(memory, [b"abcd"])
        assert read(memory, [b"abc"]) == b"abc"
    assert memory.held_bytes == 0
    assert read(memory, [b"abc", b"de"]) == b"abcde"
    with pytest.raises(Overloaded, match="5 bytes"):
        read(BodyMemory(8), [b"abcde", b"fghi"])


def test_of_many_that_hold_too_much_one_goes_on() -> None:
    memory = BodyMemory(12)
    with memory.holding() as other:
        other.count(8)
        with memory.holding() as first:
            first.count(4)
            first.count(5)
            with pytest.raises(Overloaded, match="17 bytes"):
                other.count(1)
            with pytest.raises(Overloaded, match="17 bytes"):
                read(memory, [b"a"])
        with memory.holding() as second:
            second.count(1)
            second.count(9)
    assert memory.held_bytes == 0


def test_text_is_utf8() -> None:
    assert decode_text("größe".encode()) == "größe"
    with pytest.raises(InvalidBody, match="byte 1"):
        decode_text(b"a\xff")


def test_a_body_that_stops_coming_is_given_up() -> None:
    memory = BodyMemory(100, silence_s_max=0.01)
    pieces: list[Any] = [{"type": "http.request", "body": b"abc", "more_body": True}]

    async def receive() -> Any:
        if pieces:
            return pieces.pop()
        return await asyncio.Event().wait()

    async def run() -> None:
        with memory.holding() as held:
            await held.read({"headers": []}, receive, bytes_max=10)  # type: ignore[typeddict-item]

    with pytest.raises(TooSlow, match=r"3 bytes .* 0\.01 s"):
        asyncio.run(run())
    assert memory.held_bytes == 0
