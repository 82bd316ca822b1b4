"""The one place where an error becomes a response.

What bitbrook raises on purpose keeps its status and message; what the framework refuses is put into
the same words; everything else is a bare 500 with a request id and goes to the log. No stack trace
and no path leaves the server.
"""

from typing import Any

import msgspec
import structlog
from litestar.exceptions import HTTPException, ValidationException

from bitbrook.errors import (
    AlreadyRunning,
    Behind,
    BitbrookError,
    Cancelled,
    Damaged,
    InvalidBody,
    InvalidSignature,
    NotAuthenticated,
    OutcomeUnknown,
    Overloaded,
    QuotaExceeded,
    TooSlow,
)

JSON = b"application/json"

_log = structlog.get_logger("bitbrook.api")

# The framework's own refusals, by status, in the words of our errors.
_FRAMEWORK_CODES = {
    400: ("InvalidRequest", "the request cannot be read"),
    404: ("NotFound", "nothing answers at this path; /docs lists the paths"),
    405: ("MethodNotAllowed", "this path does not answer this method; /docs lists the methods"),
    413: ("LimitExceeded", "the request is too large"),
}
_INTERNAL = "something went wrong in the server; its log tells more under the request id"

_NO_MEMORY = "the server lacks memory for this; try again later, or ask for less at a time"


class Problem(msgspec.Struct):
    """An error as it is answered. `facts`: what it tells beside the words, by name."""

    status: int
    code: str
    message: str
    field: str | None = None
    details: list[str] = []
    headers: dict[str, str] = {}
    facts: dict[str, Any] = {}

    def body(self, request_id: str) -> bytes:
        """Return the body of the answer, as section 9 of the API reference shows it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field is not None:
            error["field"] = self.field
        if self.details:
            error["details"] = self.details
        error |= self.facts
        return msgspec.json.encode(
            {"error": error, "message": self.message, "request_id": request_id}
        )


def problem_of(error: BaseException) -> Problem:
    """Return how an error is answered; what nobody raised on purpose is logged here."""
    match error:
        case BitbrookError():
            return _deliberate(error)
        case ValidationException():
            return _deliberate(unreadable_body(error.__cause__ or error))
        case HTTPException():
            return _framework(error)
        case msgspec.MsgspecError() | RecursionError():
            return _deliberate(unreadable_body(error))
        case MemoryError():
            _log.error("request failed for want of memory", exc_info=error)
            return _deliberate(Overloaded(_NO_MEMORY))
        case _:
            _log.error("request failed", exc_info=error)
            return Problem(500, "InternalError", _INTERNAL)


def note_cut(error: BaseException) -> None:
    """Log why an answer that had begun ended before its end, which its client sees by itself."""
    deliberate = _deliberate_in(error)
    if deliberate is None:
        problem_of(error)
    elif not isinstance(deliberate, Cancelled):
        _log.warning("an answer was cut short", code=deliberate.code, reason=deliberate.message)


def _deliberate_in(error: BaseException | None) -> BitbrookError | None:
    """Return what was raised on purpose, whatever the framework has wrapped it in."""
    match error:
        case None | BitbrookError():
            return error
        case BaseExceptionGroup():
            found = (_deliberate_in(each) for each in error.exceptions)
            return next((each for each in found if each is not None), None)
        case _:
            return _deliberate_in(error.__cause__)


def unreadable_body(fault: BaseException) -> InvalidBody:
    """Return the error of a JSON body that is not what its route takes."""
    if isinstance(fault, RecursionError):
        return InvalidBody("the body is nested too deeply")
    if not isinstance(fault, msgspec.ValidationError):
        reason = str(fault).removeprefix("JSON is malformed: ").lower()
        return InvalidBody(f"the body is not JSON: {reason}")
    reason, _, place = str(fault).partition(" - at `")
    path = place.rstrip("`").removeprefix("$").removeprefix(".data").lstrip(".")
    if reason == "Object missing required field `data`":
        return InvalidBody("the body is empty; send a JSON object")
    if reason.startswith("Object missing required field `"):
        name = reason.removeprefix("Object missing required field `").rstrip("`")
        path = f"{path}.{name}" if path else name
        return InvalidBody(f"{path} is missing", field=path)
    reason = reason[:1].lower() + reason[1:].replace("`", "")
    return InvalidBody(f"{path or 'the body'}: {reason}", field=path or None)


def _deliberate(error: BitbrookError) -> Problem:
    message = error.message
    if isinstance(error, Damaged | AlreadyRunning | OutcomeUnknown):
        # These name files of the server, which are its operator's to know.
        _log.error("request failed", code=error.code, message=error.message)
        message = _INTERNAL
    return Problem(
        error.status,
        error.code,
        message,
        field=error.field,
        details=error.details,
        headers=_headers(error),
        facts=_facts(error),
    )


def _facts(error: BitbrookError) -> dict[str, Any]:
    if isinstance(error, Behind):
        return {"needed": error.needed, "reached": error.reached}
    return {}


def _headers(error: BitbrookError) -> dict[str, str]:
    match error:
        case InvalidSignature():
            return {}
        case NotAuthenticated():
            return {"www-authenticate": "Bearer"}
        case TooSlow():
            # What still trickles in is not read.
            return {"connection": "close"}
        case Overloaded():
            return {"retry-after": str(error.retry_after_s)}
        case QuotaExceeded(retry_after_s=wait_s) if wait_s:
            headers = {"retry-after": str(wait_s)}
            if error.allowed_per_s:
                headers |= {
                    "ratelimit-limit": str(error.allowed_per_s),
                    "ratelimit-remaining": "0",
                    "ratelimit-reset": str(wait_s),
                }
            return headers
        case _:
            return {}


def _framework(error: HTTPException) -> Problem:
    code, message = _FRAMEWORK_CODES.get(error.status_code, ("InvalidRequest", error.detail))
    if error.status_code == 400 and isinstance(error.__cause__, Exception):
        return _deliberate(unreadable_body(error.__cause__.__cause__ or error.__cause__))
    headers = {str(name): str(value) for name, value in (error.headers or {}).items()}
    return Problem(error.status_code, code, message, headers=headers)
