"""Calls of a server from the command line: who calls comes from the environment, failures are told.

What asks for patience (429, 503, a connection that breaks) is tried again with the same
Idempotency-Key, so that a record is never stored twice; everything else ends in `CallFailed`.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 120.0
TRIES_MAX = 10
WAIT_S_MAX = 60.0

_PATIENCE = frozenset({429, 503})
_NO_CREDENTIALS = (
    "no credentials; set BITBROOK_TOKEN, BITBROOK_API_KEY, or BITBROOK_EMAIL and BITBROOK_PASSWORD"
)


class CallFailed(Exception):
    """A call that the server refused or did not answer. `status`: 0 if there was no answer.

    `retry_after_s`: when to come again, 0 if the server does not say.
    """

    def __init__(self, message: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s


class Calls:
    """Makes calls of one server. `tries_max`: of a call that asks for patience."""

    def __init__(self, client: httpx.Client, environ: Mapping[str, str]) -> None:
        self.tries_max = TRIES_MAX
        self._client = client
        self._environ = environ

    def sign_in(self) -> None:
        """Send with every call what the environment says of the caller."""
        environ = self._environ
        if token := environ.get("BITBROOK_TOKEN"):
            self._client.headers["Authorization"] = f"Bearer {token}"
        elif key := environ.get("BITBROOK_API_KEY"):
            self._client.headers["X-API-Key"] = key
        else:
            email, password = environ.get("BITBROOK_EMAIL"), environ.get("BITBROOK_PASSWORD")
            if not email or not password:
                raise CallFailed(_NO_CREDENTIALS)
            answer = self.call("POST", "/", {"USERNAME": email, "PASSWORD": password})
            token = answer["AuthenticationResult"]["IdToken"]
            self._client.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return what a call answers."""
        return _content(self._sent(method, path, {"json": body} if body is not None else {}))

    def content(self, path: str) -> bytes:
        """Return the bytes of what is at a path."""
        answer = self._sent("GET", path, {})
        return answer.content if answer.is_success else bytes(_content(answer))

    def delete(self, path: str) -> None:
        """Have what is at a path be gone."""
        answer = self._sent("DELETE", path, {})
        if not answer.is_success:
            _content(answer)

    def find(self, path: str) -> Any | None:
        """Return what is at a path, None if there is nothing."""
        answer = self._sent("GET", path, {})
        return None if answer.status_code == 404 else _content(answer)

    def send_lines(self, source_id: str, lines: bytes, *, key: str) -> dict[str, Any]:
        """Return the outcome of records, one value a line; `key` makes trying again harmless."""
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": key}
        sent = {"content": lines, "headers": headers}
        answer = self._sent("POST", f"/v1/sinks/{source_id}", sent)
        if answer.status_code == 401 and self._environ.get("BITBROOK_PASSWORD"):
            # A long load outlives a token.
            self.sign_in()
            answer = self._sent("POST", f"/v1/sinks/{source_id}", sent)
        outcome: dict[str, Any] = _content(answer)
        return outcome

    def _sent(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        for tried in range(1, self.tries_max + 1):
            wait_s = min(2.0**tried / 4, WAIT_S_MAX)
            try:
                answer = self._client.request(method, path, **options)
            except httpx.TransportError as error:
                # Only what cannot be done twice is not tried again.
                may_repeat = method == "GET" or "headers" in options
                if tried == self.tries_max or not may_repeat:
                    url = self._client.base_url
                    raise CallFailed(f"the server at {url} does not answer: {error}") from None
            else:
                if answer.status_code not in _PATIENCE or tried == self.tries_max:
                    return answer
                asked = answer.headers.get("retry-after", "")
                wait_s = min(float(asked), WAIT_S_MAX) if asked.isdigit() else wait_s
            time.sleep(wait_s)
        raise AssertionError("the last try returns or raises")


@contextmanager
def connected(url: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[Calls]:
    """Give calls of the server at a URL (else BITBROOK_URL, else this machine's), signed in.

    Raises:
        CallFailed: there are no credentials, they are not good, or nobody answers.
    """
    address = url or environ.get("BITBROOK_URL") or DEFAULT_URL
    with httpx.Client(base_url=address, timeout=TIMEOUT_S) as client:
        calls = Calls(client, environ)
        calls.sign_in()
        yield calls


def _content(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        refusal = answer.json()
        error = refusal.get("error", {})
        message = "\n  ".join([refusal["message"], *error.get("details", [])])
    except (ValueError, AttributeError, KeyError):
        message = answer.text[:200] or "no reason given"
    asked = answer.headers.get("retry-after", "")
    raise CallFailed(message, answer.status_code, float(asked) if asked.isdigit() else 0.0)
