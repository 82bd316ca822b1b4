"""The errors bitbrook raises on purpose, as one tree.

    BitbrookError
      InvalidRequest              400  the request cannot be read
        InvalidBody               400  not JSON, or not the shape asked for
        InvalidFence              400  a token of a write that is none, or of something else
        TooSlow                   408  a body that does not arrive; nothing was applied
        InvalidStatement          400  a PQL or SQL statement that cannot be understood
      InvalidValue                422  well formed, but a value that cannot be
        InvalidSchema             422  a table's or source's schema with faults, all of them listed
        RecordsRejected           422  one record of several was at fault, and kept all out
        OutOfRange                422  a number outside its field's range
      NotAuthenticated            401  no token, or one that is not good (any more)
        InvalidSignature          401  a webhook not signed by its source's secret, or not lately
      NotAllowed                  403  known, but without the right
      NotFound                    404  no such thing (or none that the caller may see)
        TableNotFound             404
        FieldNotFound             404
      Conflict                    409  the thing exists, is in use, or is in another state
      LimitExceeded               413  a size or count above what is configured
        QuotaExceeded             429  an organisation's or deployment's allowance is used up
        ShapeExceeded             507  a deployment's tables fill its shape; nothing was applied
        RowsExceeded              507  a field has all the rows it may have; nothing was applied
      Overloaded                  503  try again later; nothing was applied
        Stopping                  503  the server drains; nothing was applied
        Fenced                    503  another process writes this partition; nothing was applied
        Behind                    503  a table does not have (yet) what a token of a write asks for
        PartitionUnavailable      503  partitions that did not answer, each named with the reason;
                                       of a write, the others may have their part
      TimedOut                    504  the deadline passed and the work was given up
      Cancelled                   499  the caller went away or asked for an end
      NotSupported                501  part of a language that bitbrook does not answer
      OutcomeUnknown              500  whether a write is durable will be known after a restart
      Damaged                     500  stored bytes are not what was written
      AlreadyRunning              500  another process owns the data directory

Each class fixes a stable code, an HTTP status and whether a retry can help. The message names the
field, the value and the mend. Rendered in exactly one place: `bitbrook.api.problems`. A
programmer's error is an assertion and becomes a bare 500 with a request id.
"""

from typing import ClassVar


class BitbrookError(Exception):
    """Anything bitbrook refuses or cannot do, for a reason it can tell."""

    code: ClassVar[str] = "Error"
    status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, field: str | None = None, details: list[str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details or []


class InvalidRequest(BitbrookError):
    """The request cannot be read."""

    code = "InvalidRequest"
    status = 400


class InvalidBody(InvalidRequest):
    """The body is not JSON, or not of the shape asked for."""

    code = "InvalidBody"


class InvalidFence(InvalidRequest):
    """A token of a write that is malformed, or of another table or deployment."""

    code = "InvalidFence"


class TooSlow(InvalidRequest):
    """The client sends its request too slowly; nothing was applied."""

    code = "TooSlow"
    status = 408
    is_retryable = True


class InvalidStatement(InvalidRequest):
    """A statement that cannot be understood.

    `line` and `column` count from 1 and are 0 where no place in the text is at fault; `excerpt` is
    the line of the statement they point into.
    """

    code = "InvalidStatement"

    def __init__(self, message: str, *, line: int = 0, column: int = 0, excerpt: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.excerpt = excerpt


class InvalidValue(BitbrookError):
    """Well formed, but with a value that cannot be."""

    code = "InvalidValue"
    status = 422


class InvalidSchema(InvalidValue):
    """A schema with faults; `details` lists every one of them."""

    code = "InvalidSchema"


class RecordsRejected(InvalidValue):
    """Records of a request that was to be stored as a whole or not at all; nothing was stored."""

    code = "RecordsRejected"


class OutOfRange(InvalidValue):
    """A number outside the range of its field."""

    code = "OutOfRange"


class NotAuthenticated(BitbrookError):
    """No token, or one that is malformed, expired, revoked or somebody else's."""

    code = "NotAuthenticated"
    status = 401


class InvalidSignature(NotAuthenticated):
    """A webhook without a signature by its source's secret, or with one that is too old."""

    code = "InvalidSignature"


class NotAllowed(BitbrookError):
    """The caller is known and has no right to do this."""

    code = "NotAllowed"
    status = 403


class NotFound(BitbrookError):
    """No such thing, or none that the caller may see."""

    code = "NotFound"
    status = 404


class TableNotFound(NotFound):
    """No such table in the deployment."""

    code = "TableNotFound"


class FieldNotFound(NotFound):
    """No such field in the table."""

    code = "FieldNotFound"


class Conflict(BitbrookError):
    """The thing exists already, is in use, or is in a state that forbids this."""

    code = "Conflict"
    status = 409


class LimitExceeded(BitbrookError):
    """A size or a count above what is configured; the message says which, how far, and the mend."""

    code = "LimitExceeded"
    status = 413


class QuotaExceeded(LimitExceeded):
    """An allowance is used up.

    `retry_after_s`: when to try again, 0 if time alone does not help. `allowed_per_s`: the rate
    that was exceeded, 0 if it was none.
    """

    code = "QuotaExceeded"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int = 0, allowed_per_s: int = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.allowed_per_s = allowed_per_s


class ShapeExceeded(LimitExceeded):
    """A deployment's tables hold more than the memory of its shape; nothing was applied."""

    code = "ShapeExceeded"
    status = 507


class RowsExceeded(LimitExceeded):
    """A field has as many different rows as it may; nothing was applied."""

    code = "RowsExceeded"
    status = 507


class Overloaded(BitbrookError):
    """The server sheds load; nothing was applied."""

    code = "Overloaded"
    status = 503
    is_retryable = True

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Stopping(Overloaded):
    """The server drains and takes no more work."""

    code = "Stopping"


class Fenced(Overloaded):
    """Another process appends to the partition's log now; nothing of this write was applied."""

    code = "Fenced"


class PartitionUnavailable(Overloaded):
    """Some partitions did not answer, each named with the reason; others may have their part.

    A part is stored whole or not at all; who sends the batch again completes it.
    """

    code = "PartitionUnavailable"


class Behind(Overloaded):
    """A table has not (yet) what a token of a write asks for.

    `needed` and `reached`: sequences by partition number, of the partitions that are behind.
    """

    code = "Behind"

    def __init__(
        self,
        message: str,
        *,
        needed: dict[int, int] | None = None,
        reached: dict[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.needed = needed or {}
        self.reached = reached or {}


class TimedOut(BitbrookError):
    """The deadline passed and the work was given up."""

    code = "TimedOut"
    status = 504


class Cancelled(BitbrookError):
    """The caller went away or asked for an end."""

    code = "Cancelled"
    status = 499


class NotSupported(BitbrookError):
    """Part of a language that bitbrook does not answer."""

    code = "NotSupported"
    status = 501


class OutcomeUnknown(BitbrookError):
    """The log neither took a write nor refused it, and cannot be asked; a restart will tell."""

    code = "OutcomeUnknown"


class Damaged(BitbrookError):
    """Stored bytes are not what was written; the message names the file and how to go on."""

    code = "Damaged"


class AlreadyRunning(BitbrookError):
    """Another process owns the data directory."""

    code = "AlreadyRunning"
