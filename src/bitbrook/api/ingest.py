"""Records in: `POST /v1/sinks/<id>`.

The event loop reads the bytes; a worker decompresses and decodes them and hands the batch on; the
answer goes out once the log has it and queries see it. A client that goes away changes nothing:
what was accepted is applied.
"""

import asyncio
from concurrent.futures import Future

from litestar.types import Receive, Scope, Send

from bitbrook.api.bodies import BodyMemory, text_header
from bitbrook.api.guard import Guard
from bitbrook.api.tracing import respond
from bitbrook.api.workers import Workers
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
        with self._memory.holding() as held:
            body = await held.read(scope, receive, bytes_max=self._body_bytes_max)
            answer, durable = await self._workers.run(self._begin, scope, source_id, body)
            del body
            await asyncio.wrap_future(durable)
        await respond(send, answer)

    def _begin(self, scope: Scope, source_id: str, body: bytes) -> tuple[bytes, Future[None]]:
        """Return the answer, and a future of its being true; on a worker thread."""
        caller = self._guard.caller(scope)
        encoding = text_header(scope, b"content-encoding")
        if encoding:
            body = decompress(body, encoding, self._body_bytes_max)
        media_type = text_header(scope, b"content-type").partition(";")[0].strip().lower()
        ingest = self._sources.begin_ingest(
            caller,
            source_id,
            body,
            is_lines=media_type in _LINES,
            idempotency_key=text_header(scope, b"idempotency-key") or None,
        )
        return encode_outcomes(ingest.outcomes), ingest.durable
