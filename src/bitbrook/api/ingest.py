"""Records in: `POST /v1/sinks/<id>`.

The event loop reads the bytes; a worker decompresses and decodes them and hands the batch on; the
answer goes out once the log has it and queries see it. Of a body that is longer than a part, each
part is decoded while the next arrives, and the sender waits for whoever is slower; the batch is
handed on at the end alone, so a body that is cut short applies nothing. A client that goes away
afterwards changes nothing: what was accepted is applied.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import NamedTuple

import anyio.to_thread
from litestar.types import Receive, Scope, Send

from bitbrook.api.bodies import BodyMemory, HeldBody, text_header
from bitbrook.api.guard import Guard
from bitbrook.api.problems import problem_of
from bitbrook.api.rate_headers import rate_headers
from bitbrook.api.switches import Switches, switches_of
from bitbrook.api.tracing import respond, state_of
from bitbrook.api.workers import Workers
from bitbrook.auth.policy import Caller
from bitbrook.control.fences import HEADER as MIN_SEQ
from bitbrook.control.live_source import ArrivingIngest, Ingest
from bitbrook.control.sources import Sources
from bitbrook.errors import BitbrookError, RecordsRejected
from bitbrook.sources.compression import Unfolding
from bitbrook.sources.outcomes import encode_outcomes

PART_BYTES = 1 << 20
"""Bytes that are decoded at once. Their values take some ten times as many for a moment."""

_TOKEN_HEADER = MIN_SEQ.lower()


class Begun(NamedTuple):
    """A request that was accepted, and the answer to it but for what is known at its end."""

    ingest: Ingest
    answer: bytes


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
        try:
            await self._serve(scope, receive, send, caller, source_id)
        except BitbrookError:
            # A refusal tells the rate too.
            allowance = self._sources.allowance(caller, source_id)
            if allowance is not None:
                state_of(scope)["allowance"] = allowance
            raise

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, source_id: str
    ) -> None:
        switches = switches_of(scope)
        with self._memory.holding() as held:
            body = await self._next_part(scope, receive, held)
            if held.is_whole:
                work = self._workers.start(
                    self._begin, scope, caller, source_id, switches, body, held=held
                )
                del body
                begun = await asyncio.wrap_future(work)
            else:
                arriving = _Arriving(held, self._unfolding(scope))
                first = self._workers.start(self._open, arriving, caller, source_id, switches, body)
                del body
                begun = await self._decode_parts(arriving, first, scope, receive)
            sequences = await asyncio.wrap_future(begun.ingest.durable)
            await answer_records(scope, send, begun, switches, sequences)

    async def _next_part(self, scope: Scope, receive: Receive, held: HeldBody) -> bytes:
        return await held.read_part(
            scope, receive, bytes_max=self._body_bytes_max, part_bytes=PART_BYTES
        )

    async def _decode_parts(
        self, arriving: "_Arriving", work: Future[None], scope: Scope, receive: Receive
    ) -> Begun:
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
        self,
        arriving: "_Arriving",
        caller: Caller,
        source_id: str,
        switches: Switches,
        part: bytes,
    ) -> None:
        """Find out whether the records may come, and decode the first of them; on a worker."""
        arriving.ingest = self._sources.begin_arriving(caller, source_id, switches.terms)
        arriving.feed(part)

    def _begin(
        self,
        scope: Scope,
        caller: Caller,
        source_id: str,
        switches: Switches,
        body: bytes,
        *,
        held: HeldBody,
    ) -> Begun:
        """Return what was accepted and the answer; on a worker thread."""
        if text_header(scope, b"content-encoding"):
            # What it unfolds into may be as long as the longest body.
            arriving = _Arriving(held, self._unfolding(scope))
            self._open(arriving, caller, source_id, switches, body)
            return arriving.finish()
        return begun(self._sources.begin_ingest(caller, source_id, body, switches.terms), held)

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

    def finish(self) -> Begun:
        """Return what `IngestRoute` answers; on a worker thread."""
        assert self.ingest is not None, "it is opened before it is finished"
        for piece in self._unfolding.finish():
            self.ingest.feed(piece)
        self._recount(0)
        return begun(self.ingest.finish(), self.held)

    def _recount(self, part_bytes: int) -> None:
        """Count what is held in place of a part."""
        assert self.ingest is not None, "it is opened before it is counted"
        before, self._known_bytes = (
            self._known_bytes,
            self.ingest.held_bytes + self._unfolding.held_bytes,
        )
        self.held.recount(self._known_bytes - before - part_bytes)


def begun(ingest: Ingest, held: HeldBody) -> Begun:
    """Return an accepted request with its answer, whose bytes are counted."""
    answer = encode_outcomes(ingest.outcomes, are_stored=ingest.are_stored)
    held.count_answer(len(answer))
    return Begun(ingest, answer)


async def answer_records(
    scope: Scope,
    send: Send,
    begun: Begun,
    switches: Switches,
    sequences: Mapping[int, int] | None,
) -> None:
    """Send the answer to a request of records that is as durable as it will be."""
    ingest = begun.ingest
    headers = rate_headers(ingest.allowance)
    if sequences is None and ingest.outcomes.success_count:
        # Of an earlier start, which has to be looked for.
        token = await anyio.to_thread.run_sync(ingest.token, None)
    else:
        token = ingest.token(sequences)
    end = switches.echo(token)
    status = 200
    if token:
        headers[_TOKEN_HEADER] = token
    if not ingest.are_stored:
        problem = problem_of(_rejected(ingest))
        status = problem.status
        # The members of a refusal behind those of an answer to records.
        end += b"," + problem.body(state_of(scope).get("request_id", ""))[1:-1]
    await respond(send, begun.answer[:-1] + end + b"}", status=status, headers=headers)


def _rejected(ingest: Ingest) -> RecordsRejected:
    outcomes = ingest.outcomes
    first = outcomes.errors[0]
    return RecordsRejected(
        f"{len(outcomes.errors):,} of {outcomes.count:,} records are at fault, so none was stored; "
        f"the first is record {first.index}: {first.message}",
        field=first.field or None,
    )
