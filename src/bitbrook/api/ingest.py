"""Records in: `POST /v1/sinks/<id>`.

The event loop reads the bytes; a worker decompresses and decodes them and hands the batch on; the
answer goes out once the log has it and queries see it. A client that goes away changes nothing:
what was accepted is applied.
"""

import asyncio
from concurrent.futures import Future

from litestar.types import Receive, Scope, Send

from bitbrook.api.bodies import BodyMemory, HeldBody, text_header
from bitbrook.api.guard import Guard
from bitbrook.api.tracing import respond
from bitbrook.api.workers import Workers
from bitbrook.auth.policy import Caller
from bitbrook.control.rates import Allowance
from bitbrook.control.sources import Sources
from bitbrook.sources.compression import decompress
from bitbrook.sources.outcomes import encode_outcomes

_LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)


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
            body = await held.read(scope, receive, bytes_max=self._body_bytes_max)
            work = self._workers.start(self._begin, scope, caller, source_id, body, held)
            del body
            answer, durable, headers = await asyncio.wrap_future(work)
            await asyncio.wrap_future(durable)
            await respond(send, answer, headers=headers)

    def _begin(
        self, scope: Scope, caller: Caller, source_id: str, body: bytes, held: HeldBody
    ) -> tuple[bytes, Future[None], dict[str, str]]:
        """Return the answer, a future of its being true, and its headers; on a worker thread."""
        encoding = text_header(scope, b"content-encoding")
        if encoding:
            body = decompress(body, encoding, self._body_bytes_max)
            held.count(len(body))
        media_type = text_header(scope, b"content-type").partition(";")[0].strip().lower()
        ingest = self._sources.begin_ingest(
            caller,
            source_id,
            body,
            is_lines=media_type in _LINES,
            idempotency_key=text_header(scope, b"idempotency-key") or None,
        )
        answer = encode_outcomes(ingest.outcomes)
        held.count_answer(len(answer))
        return answer, ingest.durable, _rate_headers(ingest.allowance)


def _rate_headers(allowance: Allowance | None) -> dict[str, str]:
    """Return what the source may send after this, in the words of the refusal that it may meet."""
    if allowance is None:
        return {}
    return {
        "ratelimit-limit": str(allowance.limit),
        "ratelimit-remaining": str(allowance.remaining),
        "ratelimit-reset": str(allowance.reset_s),
    }
