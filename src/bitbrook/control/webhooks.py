"""Webhooks: requests that a source's secret signed, instead of a caller with credentials.

How a source's webhooks are signed is in the catalogue, the secret with it, and the secret never
leaves by any answer. Whoever signs is let in; who fails too often from one address is not even
looked at for a while. A signature is good once: it is the request's Idempotency-Key, so that a
repetition is refused for as long as keys are remembered, also after a restart.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.control.live_source import Ingest, LiveSource, Terms
from bitbrook.control.registry import Registry
from bitbrook.errors import Conflict, InvalidSignature, NotFound, QuotaExceeded
from bitbrook.sources.webhook_body import records_body
from bitbrook.sources.webhook_signature import (
    Webhook,
    check_signature,
    check_webhook,
)

FAILURES_MAX = 10
"""Requests from one address to one source that may fail within `WINDOW_S`."""

WINDOW_S = 60.0
ADDRESSES_MAX = 10_000

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Webhook).decode


class Webhooks:
    """The webhooks of all sources."""

    def __init__(
        self,
        registry: Registry,
        taking: Callable[[str], LiveSource | None],
        *,
        clock: Clock,
    ) -> None:
        """Prepare. `taking`: finds a source that takes records at present."""
        self._registry = registry
        self._taking = taking
        self._clock = clock
        self._failures = _Failures(clock)

    def get(self, caller: Caller, source_id: str) -> Webhook:
        """Return how a source's webhooks are signed. Needs VIEW. Its secret is not to be shown.

        Raises:
            NotFound: the organisation has no such source, or it takes no webhooks.
        """
        entry = self._registry.source(caller, source_id)
        caller.require(Right.VIEW, deployment_id=entry.row.deployment_id, source_id=source_id)
        found = self._find(source_id)
        if found is None:
            raise _no_webhook(source_id)
        return found

    def put(self, caller: Caller, source_id: str, webhook: Webhook) -> None:
        """Have a source take webhooks that are signed so, in place of others. Needs MANAGE.

        Raises:
            NotFound: the organisation has no such source.
            InvalidValue: nobody can sign so.
        """
        self._check_managed(caller, source_id)
        check_webhook(webhook)
        self._registry.put_webhook(source_id, _encode(webhook))

    def remove(self, caller: Caller, source_id: str) -> None:
        """Have a source take no webhooks any more. Needs MANAGE.

        Raises:
            NotFound: the organisation has no such source, or it takes no webhooks.
        """
        self._check_managed(caller, source_id)
        if not self._registry.remove_webhook(source_id):
            raise _no_webhook(source_id)

    def check_address(self, source_id: str, address: str) -> None:
        """Return if an address may send to a source, before its body is read.

        Raises:
            NotFound: there is no such source, or it takes no webhooks.
            QuotaExceeded: too many requests from there were not signed by the secret.
        """
        self._failures.check(source_id, address)
        if self._find(source_id) is None:
            self._failures.count(source_id, address)
            raise _no_webhook(source_id)

    def take(
        self,
        source_id: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        address: str,
        unfold: Callable[[bytes], bytes],
    ) -> Ingest:
        """Return the outcomes of a webhook's records, and a future of their being stored.

        `headers`: by lower-case name. `body`: as it was sent; `unfold` gives what is in it.

        Raises:
            NotFound: there is no such source, or it takes no webhooks.
            InvalidSignature: its secret did not sign the body, or not lately.
            Conflict: it was taken before; or the source does not run.
        """
        webhook = self._find(source_id)
        if webhook is None:
            raise _no_webhook(source_id)
        try:
            digest = check_signature(webhook, headers, body, now_s=self._clock.now_s())
        except InvalidSignature:
            self._failures.count(source_id, address)
            raise
        live = self._taking(source_id)
        if live is None:
            raise Conflict("the source does not run at present; send it again later")
        records = records_body(unfold(body), webhook.records_path)
        return live.ingest(records, Terms(idempotency_key=f"webhook:{digest}", is_once=True))

    def _find(self, source_id: str) -> Webhook | None:
        body = self._registry.webhook(source_id)
        return None if body is None else _decode(body)

    def _check_managed(self, caller: Caller, source_id: str) -> None:
        entry = self._registry.source(caller, source_id)
        caller.require(Right.MANAGE, deployment_id=entry.row.deployment_id, source_id=source_id)


class _Failures:
    """How often which address failed lately; the addresses longest ago are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def check(self, source_id: str, address: str) -> None:
        """Return if an address has not failed too often, else raise QuotaExceeded."""
        with self._lock:
            began_s, count = self._counts.get((source_id, address), (0.0, 0))
        left_s = began_s + WINDOW_S - self._clock.monotonic_s()
        if count >= FAILURES_MAX and left_s > 0:
            wait_s = int(left_s) + 1
            raise QuotaExceeded(
                f"{count} requests from this address were not signed by the source's secret; "
                f"try again in {wait_s} s",
                retry_after_s=wait_s,
            )

    def count(self, source_id: str, address: str) -> None:
        """Take note that a request from an address failed."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            began_s, count = self._counts.pop((source_id, address), (now_s, 0))
            if now_s - began_s >= WINDOW_S:
                began_s, count = now_s, 0
            self._counts[source_id, address] = began_s, count + 1
            if len(self._counts) > ADDRESSES_MAX:
                self._counts.popitem(last=False)


def _no_webhook(source_id: str) -> NotFound:
    return NotFound(f"there is no source {source_id!r} that takes webhooks")
