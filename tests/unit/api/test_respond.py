"""An answer is sent whole, in pieces of which a slow client holds no more than one back.

Tried with nothing, one piece, a little more than one, and many.
"""

import asyncio
from typing import Any

import pytest

from bitbrook.api.tracing import PIECE_BYTES, respond


@pytest.mark.parametrize(
    ("size_bytes", "pieces"),
    [(0, 1), (1, 1), (PIECE_BYTES, 1), (PIECE_BYTES + 1, 2), (7 * PIECE_BYTES, 7)],
)
def test_an_answer_in_pieces(size_bytes: int, pieces: int) -> None:
    messages: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        messages.append(message)

    body = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
    asyncio.run(respond(send, body, headers={"a": "b"}))
    start, *rest = messages
    assert (b"content-length", str(size_bytes).encode()) in start["headers"]
    assert (b"a", b"b") in start["headers"]
    assert b"".join(message["body"] for message in rest) == body
    assert [message["more_body"] for message in rest] == [True] * (pieces - 1) + [False]
