"""A delivery is taken once, also over a restart, and failures are forgotten in time.

Takes one delivery before a restart and tries it again after it; fails until an address is shut out,
and waits.
"""

import hashlib
import hmac
from typing import Any

import pytest

from bitbrook.control.webhooks import FAILURES_MAX, WINDOW_S
from bitbrook.errors import Conflict, InvalidSignature, QuotaExceeded
from bitbrook.sources.webhook_signature import Provider, Webhook

SECRET = "a secret for both"
BODY = b'{"id": 1, "species": "a", "amount": 1}'


def signed(body: bytes) -> dict[str, str]:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}"}


def take(home: Any, source_id: str, body: bytes, headers: dict[str, str]) -> Any:
    webhooks = home.service.sources.webhooks
    webhooks.check_address(source_id, "192.0.2.1")
    return webhooks.take(source_id, headers, body, address="192.0.2.1", unfold=bytes)


def test_a_delivery_is_taken_once_over_a_restart(home: Any, admin: Any) -> None:
    made = home.source(admin)
    home.service.sources.webhooks.put(admin, made.id, Webhook(Provider.GITHUB, SECRET))
    take(home, made.id, BODY, signed(BODY)).durable.result(10)
    for _ in range(2):
        with pytest.raises(Conflict, match="before"):
            take(home, made.id, BODY, signed(BODY))
        home.restart()
    home.clock.turn(home.settings.idempotency_ttl_s)
    take(home, made.id, BODY, signed(BODY)).durable.result(10)


def test_failures_are_forgotten_in_time(home: Any, admin: Any) -> None:
    made = home.source(admin)
    home.service.sources.webhooks.put(admin, made.id, Webhook(Provider.GITHUB, SECRET))
    for _ in range(FAILURES_MAX):
        with pytest.raises(InvalidSignature):
            take(home, made.id, BODY, signed(b"other"))
    with pytest.raises(QuotaExceeded):
        take(home, made.id, BODY, signed(BODY))
    home.clock.turn(WINDOW_S)
    assert take(home, made.id, BODY, signed(BODY)).outcomes.success_count == 1
