"""Webhooks over HTTP: how a source's are signed, and the requests themselves.

`POST /v1/sinks/<id>/webhook` has no credentials: the signature lets it in, which is checked over
the bytes as they were sent, before anything else is made of them. Its answers are those of
`api.ingest`.
"""

import asyncio
from typing import Annotated

import msgspec
from litestar import delete, get, put
from litestar.types import Receive, Scope, Send
from msgspec import UNSET, Meta, UnsetType

from bitbrook.api.bodies import BodyMemory, HeldBody, text_header
from bitbrook.api.ingest import Begun, answer_records, begun
from bitbrook.api.paths import AnyRequest, Words, base_url, versioned, words_of
from bitbrook.api.permissions import needs
from bitbrook.api.switches import PARTIAL, Switches
from bitbrook.api.workers import Workers, on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.live_source import PLAIN
from bitbrook.control.service import Service
from bitbrook.control.webhooks import Webhooks
from bitbrook.sources.compression import decompress
from bitbrook.sources.webhook_signature import Provider, Webhook

TAGS = ["sources"]

_PLAINLY = Switches(PARTIAL, PLAIN)


class ShownWebhook(msgspec.Struct, omit_defaults=True):
    """How a source's webhooks are signed; the secret is never shown.

    `endpoint`: where they go. `header` to `signed`: of the general form alone.
    """

    provider: Annotated[str, Meta(examples=["stripe", "github", "segment", "general"])]
    endpoint: str
    tolerance_s: int
    records_path: tuple[str, ...]
    header: str | UnsetType = UNSET
    algorithm: str | UnsetType = UNSET
    encoding: str | UnsetType = UNSET
    prefix: str | UnsetType = UNSET
    timestamp_header: str | UnsetType = UNSET
    signed: str | UnsetType = UNSET


@put(versioned("/sinks/{source_id:str}/webhook"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def put_webhook(
    request: AnyRequest, source_id: str, data: Webhook, caller: Caller, service: Service
) -> ShownWebhook:
    """Have a source take webhooks that are signed so."""
    service.sources.webhooks.put(caller, source_id, data)
    return _shown(data, request, source_id, service)


@get(versioned("/sinks/{source_id:str}/webhook"), opt=needs(Right.VIEW), tags=TAGS)
@on_thread
def get_webhook(
    request: AnyRequest, source_id: str, caller: Caller, service: Service
) -> ShownWebhook:
    """Show how a source's webhooks are signed, but for the secret."""
    found = service.sources.webhooks.get(caller, source_id)
    return _shown(found, request, source_id, service)


@delete(
    versioned("/sinks/{source_id:str}/webhook"),
    status_code=204,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def delete_webhook(source_id: str, caller: Caller, service: Service) -> None:
    """Have a source take no webhooks any more."""
    service.sources.webhooks.remove(caller, source_id)


class WebhookRoute:
    """Serves the webhooks of every source."""

    def __init__(
        self, webhooks: Webhooks, workers: Workers, memory: BodyMemory, *, body_bytes_max: int
    ) -> None:
        self._webhooks = webhooks
        self._workers = workers
        self._memory = memory
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send, source_id: str) -> None:
        """Take one request."""
        client = scope.get("client")
        address = client[0] if client else ""
        # Before the body: whoever failed too often cannot make the server hold one.
        self._webhooks.check_address(source_id, address)
        with self._memory.holding() as held:
            body = await held.read(scope, receive, bytes_max=self._body_bytes_max)
            work = self._workers.start(self._take, scope, source_id, body, held, address)
            del body
            taken = await asyncio.wrap_future(work)
            sequences = await asyncio.wrap_future(taken.ingest.durable)
            await answer_records(scope, send, taken, _PLAINLY, sequences)

    def _take(
        self, scope: Scope, source_id: str, body: bytes, held: HeldBody, address: str
    ) -> Begun:
        """Return what was accepted, and the answer; on a worker thread."""
        encoding = text_header(scope, b"content-encoding")

        def unfold(sent: bytes) -> bytes:
            return decompress(sent, encoding, self._body_bytes_max)

        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        ingest = self._webhooks.take(source_id, headers, body, address=address, unfold=unfold)
        return begun(ingest, held)


def _shown(webhook: Webhook, request: AnyRequest, source_id: str, service: Service) -> ShownWebhook:
    version = "v2" if words_of(request.url.path) is Words.LATER else "v1"
    shown = ShownWebhook(
        provider=webhook.provider.value,
        endpoint=f"{base_url(request, service.settings)}/{version}/sinks/{source_id}/webhook",
        tolerance_s=webhook.tolerance_s,
        records_path=webhook.records_path,
    )
    if webhook.provider is Provider.GENERAL:
        shown.header = webhook.header or UNSET
        shown.algorithm = webhook.algorithm.value
        shown.encoding = webhook.encoding.value
        shown.prefix = webhook.prefix
        shown.timestamp_header = webhook.timestamp_header or UNSET
        shown.signed = webhook.signed
    return shown


ROUTES = (put_webhook, get_webhook, delete_webhook)
