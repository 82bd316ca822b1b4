"""Records in: `POST /v1/sinks/<id>`.

The event loop reads the bytes; a worker decompresses and decodes them and hands the batch on; the
answer goes out once the log has it and queries see it. Of a body that is longer than a part, each
part is decoded while the next arrives, and the sender waits for whoever is slower; the batch is
handed on at the end alone, so a body that is cut short applies nothing. A client that goes away
afterwards changes nothing: what was accepted is applied.
"""

import asyncio
from concurrent.futures import Future
from typing import TypeAlias, TypedDict

from litestar.types import Receive, Scope, Send

from bitbrook.api.bodies import BodyMemory, HeldBody, text_header
from bitbrook.api.guard import Guard
from bitbrook.api.tracing import respond
from bitbrook.api.workers import Workers
from bitbrook.auth.policy import Caller
from bitbrook.control.live_source import ArrivingIngest, Ingest
from bitbrook.control.rates import Allowance
from bitbrook.control.sources import Sources
from bitbrook.sources.compression import Unfolding
from bitbrook.sources.outcomes import encode_outcomes

_LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)

_Begun: TypeAlias = tuple[bytes, Future[None], dict[str, str]]
"""An answer, a future of its being true, and its headers."""

PART_BYTES = 1 << 20
"""Bytes that are decoded at once. Their values take some ten times as many for a moment."""


class _Options(TypedDict):
    """What is said about records beside them."""

    is_lines: bool
    idempotency_key: str | None


class IngestRoute:
    """Serves the records of every source."""

    def __init__(
        self,
        sources: Sources,
        guard: Guard,
        workers: Workers,
        memory: BodyMemory,
        *,
        body_bytes_max: int,
    ) -> None:
        self._sources = sources
        self._guard = guard
        self._workers = workers
        self._memory = memory
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send, source_id: str) -> None:
        """Take the records of one request."""
        # Before the body: nobody unknown can make the server hold one.
        caller = self._guard.caller(scope)
        with self._memory.holding() as held:
            body = await self._next_part(scope, receive, held)
            if held.is_whole:
                work = self._workers.start(self._begin, scope, caller, source_id, body, held)
                del body
                answer, durable, headers = await asyncio.wrap_future(work)
            else:
                arriving = _Arriving(held, self._unfolding(scope))
                first = self._workers.start(self._open, arriving, scope, caller, source_id, body)
                del body
                answer, durable, headers = await self._decode_parts(arriving, first, scope, receive)
            await asyncio.wrap_future(durable)
            await respond(send, answer, headers=headers)

    async def _next_part(self, scope: Scope, receive: Receive, held: HeldBody) -> bytes:
        return await held.read_part(
            scope, receive, bytes_max=self._body_bytes_max, part_bytes=PART_BYTES
        )

    async def _decode_parts(
        self, arriving: "_Arriving", work: Future[None], scope: Scope, receive: Receive
    ) -> _Begun:
        """Return what `_begin` does, of a body whose first part a worker has already."""
        held = arriving.held
        while not held.is_whole:
            try:
                part = await self._next_part(scope, receive, held)
            finally:
                # Never two at once: parts are decoded in their order.
                await asyncio.wrap_future(work)
            work = self._workers.start(arriving.feed, part)
            del part
        await asyncio.wrap_future(work)
        return await asyncio.wrap_future(self._workers.start(arriving.finish))

    def _open(
        self, arriving: "_Arriving", scope: Scope, caller: Caller, source_id: str, part: bytes
    ) -> None:
        """Find out whether the records may come, and decode the first of them; on a worker."""
        arriving.ingest = self._sources.begin_arriving(caller, source_id, **_options(scope))
        arriving.feed(part)

    def _begin(
        self, scope: Scope, caller: Caller, source_id: str, body: bytes, held: HeldBody
    ) -> _Begun:
        """Return the answer, a future of its being true, and its headers; on a worker thread."""
        if text_header(scope, b"content-encoding"):
            # What it unfolds into may be as long as the longest body.
            arriving = _Arriving(held, self._unfolding(scope))
            self._open(arriving, scope, caller, source_id, body)
            return arriving.finish()
        ingest = self._sources.begin_ingest(caller, source_id, body, **_options(scope))
        return _answered(ingest, held)

    def _unfolding(self, scope: Scope) -> Unfolding:
        return Unfolding(text_header(scope, b"content-encoding"), self._body_bytes_max)


class _Arriving:
    """A request whose body is decoded part by part. `ingest` is there once it may be."""

    def __init__(self, held: HeldBody, unfolding: Unfolding) -> None:
        self.held = held
        self.ingest: ArrivingIngest | None = None
        self._unfolding = unfolding
        self._known_bytes = 0

    def feed(self, part: bytes) -> None:
        """Decode a part, which is counted already; on a worker thread."""
        assert self.ingest is not None, "it is opened before it is fed"
        for piece in self._unfolding.feed(part):
            self.ingest.feed(piece)
        self._recount(len(part))

    def finish(self) -> _Begun:
        """Return what `IngestRoute` answers; on a worker thread."""
        assert self.ingest is not None, "it is opened before it is finished"
        for piece in self._unfolding.finish():
            self.ingest.feed(piece)
        self._recount(0)
        return _answered(self.ingest.finish(), self.held)

    def _recount(self, part_bytes: int) -> None:
        """Count what is held in place of a part."""
        assert self.ingest is not None, "it is opened before it is counted"
        before, self._known_bytes = (
            self._known_bytes,
            self.ingest.held_bytes + self._unfolding.held_bytes,
        )
        self.held.recount(self._known_bytes - before - part_bytes)


def _answered(ingest: Ingest, held: HeldBody) -> _Begun:
    answer = encode_outcomes(ingest.outcomes)
    held.count_answer(len(answer))
    return answer, ingest.durable, _rate_headers(ingest.allowance)


def _options(scope: Scope) -> _Options:
    """Return what the headers say about the records."""
    media_type = text_header(scope, b"content-type").partition(";")[0].strip().lower()
    return {
        "is_lines": media_type in _LINES,
        "idempotency_key": text_header(scope, b"idempotency-key") or None,
    }


def _rate_headers(allowance: Allowance | None) -> dict[str, str]:
    """Return what the source may send after this, in the words of the refusal that it may meet."""
    if allowance is None:
        return {}
    return {
        "ratelimit-limit": str(allowance.limit),
        "ratelimit-remaining": str(allowance.remaining),
        "ratelimit-reset": str(allowance.reset_s),
    }
