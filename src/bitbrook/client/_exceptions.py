"""The errors of the SDK, as one tree.

    BitbrookError
      ConfigurationError            an address or credentials that cannot be used
      ConnectionFailed              the server cannot be reached, or the connection broke
        OutcomeUnknown              it broke while something was being written
        AnswerCut                   an answer ended before its end
      UnexpectedAnswer              what answered does not speak bitbrook's API
      Refused                       the server said no, and why
        InvalidRequest        400   the request cannot be read
          InvalidStatement          a PQL or SQL statement that cannot be answered
        NotAuthenticated      401   no credentials, or ones that are not good (any more)
        NotAllowed            403   known, but without the right
        NotFound              404   no such thing, or none that the caller may see
        Conflict              409   the thing exists, is in use, or is in another state
        LimitExceeded         413   a size or count above what is allowed
          QuotaExceeded       429   an allowance is used up
        InvalidValue          422   well formed, but a value that cannot be
          RecordsRejected           one record of a request was at fault and kept all out
        ServerFault           5xx   the server failed
          Overloaded          503   it is busy or stopping, or lacks some partitions; send it again
          TimedOut            504   it gave the work up
      CreationFailed                a deployment or source ended in the state FAILED
      WaitTimedOut                  a state was not reached in the time given
      InexactValue                  an answer holds a value that Python's type cannot
      RecordsRefused                a writer's records that the server could not take
      WriterFailed                  a writer cannot go on; holds what is not known to be stored
      WriterClosed                  a record was written to a writer that is closed

A refusal carries what the server told: status, code, message, field, details and request id. What
can be retried has been retried by the time an error is raised.
"""

from collections.abc import Sequence
from typing import Any


class BitbrookError(Exception):
    """Anything that went wrong between the caller and a bitbrook server."""


class ConfigurationError(BitbrookError):
    """An address, credentials or options that cannot be used."""


class ConnectionFailed(BitbrookError):
    """The server cannot be reached, or the connection broke; the cause is httpx's error."""


class OutcomeUnknown(ConnectionFailed):
    """The connection broke under a write that cannot be repeated: it may have been applied."""


class AnswerCut(ConnectionFailed):
    """An answer ended before its end; what came of it is not all."""


class UnexpectedAnswer(BitbrookError):
    """What answered is not a bitbrook server, or one of another age."""


class Refused(BitbrookError):
    """The server refused a request.

    `code` is stable, `message` is for people. `retry_after_s`: when the server says to come again,
    None if it does not.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        field: str | None = None,
        details: Sequence[str] = (),
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.field = field
        self.details = tuple(details)
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class InvalidRequest(Refused):
    """The request cannot be read."""


class InvalidStatement(InvalidRequest):
    """A statement that cannot be answered; SQL's messages begin with `[line:column]`."""


class NotAuthenticated(Refused):
    """No credentials, or ones that are not good (any more)."""


class NotAllowed(Refused):
    """The caller is known and has no right to do this."""


class NotFound(Refused):
    """No such thing, or none that the caller may see."""


class Conflict(Refused):
    """The thing exists already, is in use, or is in a state that forbids this."""


class LimitExceeded(Refused):
    """A size or a count above what is allowed."""


class QuotaExceeded(LimitExceeded):
    """An allowance is used up."""


class InvalidValue(Refused):
    """Well formed, but with a value that cannot be."""


class RecordsRejected(InvalidValue):
    """One record of a request was at fault and kept all out, as was asked for.

    `outcomes`: what was found of each record; None if the answer does not tell.
    """

    outcomes: Any = None


class ServerFault(Refused):
    """The server failed; its log tells more under the request id."""


class Overloaded(ServerFault):
    """The server is busy or stopping, and nothing was applied; or some partitions do not answer.

    Of records, the partitions that do have their part: sent again, the batch is completed.
    """


class TimedOut(ServerFault):
    """The server gave the work up."""


class CreationFailed(BitbrookError):
    """A deployment or source ended in the state FAILED; the message says why."""


class WaitTimedOut(BitbrookError):
    """A state was not reached in the time given; the work goes on at the server."""


class InexactValue(BitbrookError):
    """An answer holds a value that Python's type cannot hold exactly; `Result.arrow` can."""


class RecordsRefused(BitbrookError):
    """Records of a writer that the server could not take; all others are stored.

    `refusals`: the first of them, each a `Refusal` with its record; `count`: how many there were.
    """

    def __init__(self, refusals: Sequence[Any], count: int) -> None:
        first = f": {refusals[0].message}" if refusals else ""
        super().__init__(f"{count:,} record{'s were' if count != 1 else ' was'} refused{first}")
        self.refusals = tuple(refusals)
        self.count = count


class WriterFailed(BitbrookError):
    """A writer cannot go on; the cause says why.

    `records`: those not known to be stored, in order, the ones still waiting included. Writing them
    again is harmless, since a record that is there already stays as it is.
    """

    def __init__(self, message: str, records: Sequence[Any]) -> None:
        super().__init__(message)
        self.records = tuple(records)


class WriterClosed(BitbrookError):
    """A record was written to a writer that is closed."""


_OF_STATUS: dict[int, type[Refused]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: LimitExceeded,
    422: InvalidValue,
    429: QuotaExceeded,
    503: Overloaded,
    504: TimedOut,
}


def refusal_type(status: int) -> type[Refused]:
    """Return the class of a refusal with this HTTP status."""
    return _OF_STATUS.get(status, ServerFault if status >= 500 else Refused)
