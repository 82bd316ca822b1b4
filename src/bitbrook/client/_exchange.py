"""One call to the server: sent, sent again where that helps, and its refusal as an error.

A call is repeated when the server asks for it (429 with `Retry-After`, 503: nothing was applied, or
of a batch a part that is known by its key), when it never left (no connection), and, if the server
may carry it out twice, when the connection broke. Waits double, are scattered so that clients do
not come back all at once, and are never shorter than `Retry-After` says. A 401 renews the
credentials once.
"""

import math
import random
import time
from collections.abc import Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from bitbrook.client._exceptions import (
    BitbrookError,
    ConnectionFailed,
    InvalidStatement,
    OutcomeUnknown,
    RecordsRejected,
    Refused,
    UnexpectedAnswer,
    refusal_type,
)
from bitbrook.client._models import Outcomes
from bitbrook.client._steps import Authorisation, Authorise, Call, Flow, Pause, Send, T

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_GATEWAY = 502
_EXCERPT_CHARACTERS = 200
_DOUBLINGS_MAX = 30

# Of the system, so that processes that were forked from one do not wait in step.
_chance = random.SystemRandom()


class Retries(msgspec.Struct, frozen=True):
    """How long a call is repeated. All in seconds.

    `for_s`: a call that would have to wait beyond this, counted from its start, is given up; 0
    never repeats. The first wait is about `first_wait_s`; each is twice the one before it, up to
    `wait_s_max`.
    """

    for_s: float = 10.0
    first_wait_s: float = 0.1
    wait_s_max: float = 5.0

    def next_wait_s(
        self, attempt: int, elapsed_s: float, retry_after_s: float | None
    ) -> float | None:
        """Return how long to wait after an attempt (the first is 0), None to give up."""
        longest = min(self.wait_s_max, self.first_wait_s * 2 ** min(attempt, _DOUBLINGS_MAX))
        wait_s = _chance.uniform(longest / 2, longest)
        if retry_after_s is not None:
            wait_s = max(wait_s, retry_after_s + _chance.uniform(0, self.first_wait_s))
        return wait_s if elapsed_s + wait_s <= self.for_s else None


def exchange(call: Call, retries: Retries) -> Flow[httpx.Response]:
    """Return the answer to a call, which is a success.

    Raises:
        Refused: the server said no.
        ConnectionFailed: it was not reached; `OutcomeUnknown` if the call may have been applied.
    """
    started_s = time.monotonic()
    attempt = 0
    refused: Authorisation | None = None
    has_renewed = has_broken = False
    while True:
        headers: Mapping[str, str] = {}
        if call.is_authorised:
            authorisation = yield Authorise(refused)
            headers = authorisation.headers
        error: BitbrookError
        try:
            response: httpx.Response = yield Send(call, headers)
        except httpx.TransportError as fault:
            if not call.is_idempotent and not isinstance(fault, _NEVER_SENT):
                raise OutcomeUnknown(_of_fault(call, fault)) from fault
            error = ConnectionFailed(_of_fault(call, fault))
            error.__cause__ = fault
            has_broken, retry_after_s = True, None
        else:
            if response.is_success:
                return response
            if (
                has_broken
                and call.method == "DELETE"
                and response.status_code == httpx.codes.NOT_FOUND
            ):
                # The attempt whose answer was lost has deleted it.
                return response
            can_renew = call.is_authorised and authorisation.can_renew and not has_renewed
            if response.status_code == httpx.codes.UNAUTHORIZED and can_renew:
                has_renewed, refused = True, authorisation
                continue
            refusal = refusal_of(response)
            if not _may_help(response.status_code, refusal, call):
                raise refusal
            error, retry_after_s = refusal, refusal.retry_after_s
        wait_s = retries.next_wait_s(attempt, time.monotonic() - started_s, retry_after_s)
        if wait_s is None:
            raise error
        attempt += 1
        yield Pause(wait_s)


def ask(call: Call, type_: type[T], retries: Retries) -> Flow[T]:
    """Return what a call is answered, as a struct.

    Raises:
        UnexpectedAnswer: the answer is something else. And what `exchange` raises.
    """
    response = yield from exchange(call, retries)
    return read(response, type_)


def read(response: httpx.Response, type_: type[T]) -> T:
    """Return an answer's body as a struct.

    Raises:
        UnexpectedAnswer: it is something else.
    """
    try:
        # The hook is for what has no type of its own: numbers with a point stay exact.
        return msgspec.json.Decoder(type_, float_hook=Decimal).decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise UnexpectedAnswer(
            f"{response.request.method} {response.request.url} answered something else than "
            f"expected ({fault}): {_excerpt(response)!r}; is it a bitbrook server?"
        ) from None


def refusal_of(response: httpx.Response) -> Refused:
    """Return the error that an answer without success is.

    Raises:
        UnexpectedAnswer: it is neither a success nor a refusal, but a redirection.
    """
    status = response.status_code
    if status < httpx.codes.BAD_REQUEST:
        place = response.headers.get("location", "")
        raise UnexpectedAnswer(
            f"{response.request.url} answered {status} {place}; give the address it leads to"
        )
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        body = None
    body = body if isinstance(body, dict) else {}
    told = body.get("error")
    told = told if isinstance(told, dict) else {"message": told}
    message = told.get("message") or body.get("message") or f"{status}: {_excerpt(response)}"
    is_statement = isinstance(body.get("error"), str) and status == httpx.codes.BAD_REQUEST
    class_ = InvalidStatement if is_statement else refusal_type(status)
    if told.get("code") == RecordsRejected.__name__:
        class_ = RecordsRejected
    refusal = class_(
        str(message),
        status=status,
        code=str(told.get("code") or body.get("__type") or ""),
        field=told.get("field"),
        details=told.get("details") or (),
        request_id=response.headers.get("x-request-id", ""),
        retry_after_s=_retry_after_s(response),
    )
    if isinstance(refusal, RecordsRejected):
        refusal.outcomes = read(response, Outcomes)
    return refusal


def _may_help(status: int, refusal: Refused, call: Call) -> bool:
    """Whether to come again may end otherwise, and does no harm."""
    match status:
        case httpx.codes.SERVICE_UNAVAILABLE:
            return True
        case httpx.codes.TOO_MANY_REQUESTS:
            # Of an allowance that time does not renew, the server says no time.
            return refusal.retry_after_s is not None
        case _:
            return status == _BAD_GATEWAY and call.is_idempotent


def _retry_after_s(response: httpx.Response) -> float | None:
    """Return `Retry-After` in seconds; of a date, since the answer's own."""
    text: str = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            now = parsedate_to_datetime(response.headers.get("date", ""))
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _of_fault(call: Call, fault: httpx.TransportError) -> str:
    reason: Any = str(fault) or type(fault).__name__
    if isinstance(fault, _NEVER_SENT):
        return f"the server cannot be reached ({reason}); is it running, and is the URL right?"
    return f"the connection broke during {call.method} {call.path}: {reason}"


def _excerpt(response: httpx.Response) -> str:
    return response.text[:_EXCERPT_CHARACTERS]
