"""The one place where an error becomes a message of the protocol, with its SQLSTATE."""

import re

from bitbrook.errors import (
    BitbrookError,
    Cancelled,
    Conflict,
    FieldNotFound,
    InvalidRequest,
    InvalidStatement,
    InvalidValue,
    LimitExceeded,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotSupported,
    OutOfRange,
    Overloaded,
    QuotaExceeded,
    Stopping,
    TableNotFound,
    TimedOut,
)
from bitbrook.pgwire.messages import error_response
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

READ_ONLY = "25006"
_INTERNAL = "something went wrong in the server; its log tells more"

_STATES: tuple[tuple[type[BitbrookError], str], ...] = (
    (NotAuthenticated, "28P01"),
    (NotAllowed, "42501"),
    (TableNotFound, "42P01"),
    (FieldNotFound, "42703"),
    (NotFound, "42704"),
    (InvalidStatement, "42601"),
    (OutOfRange, "22003"),
    (InvalidValue, "22023"),
    (Conflict, "55000"),
    (QuotaExceeded, "53400"),
    (LimitExceeded, "54000"),
    (Stopping, "57P01"),
    (Overloaded, "53300"),
    (TimedOut, "57014"),
    (Cancelled, "57014"),
    (NotSupported, "0A000"),
    (InvalidRequest, "08P01"),
)
_UNKNOWN_TABLE = re.compile(r"table or view '.*' not found")
_UNKNOWN_COLUMN = re.compile(r"column '.*' not found")
_PLACE = re.compile(r"\[(\d+):(\d+)\] ")


class ReadOnly(BitbrookError):
    """A statement that writes, where statements only read."""

    code = "ReadOnly"
    status = 405


class ProtocolFault(BitbrookError):
    """What the protocol says no to, with an SQLSTATE of its own."""

    code = "ProtocolFault"
    status = 400

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error."""
    if isinstance(error, ProtocolFault):
        return error.state
    if isinstance(error, ReadOnly):
        return READ_ONLY
    if isinstance(error, InvalidStatement):
        if _UNKNOWN_TABLE.search(error.message):
            return "42P01"
        if _UNKNOWN_COLUMN.search(error.message):
            return "42703"
    return next((state for kind, state in _STATES if isinstance(error, kind)), "XX000")


def problem(error: BaseException, *, statement: str = "", is_fatal: bool = False) -> bytes:
    """Return the message of an error; what nobody raised on purpose is logged here."""
    severity = "FATAL" if is_fatal else "ERROR"
    if not isinstance(error, BitbrookError):
        LOGGER.error("statement failed", exc_info=error)
        told = {"S": severity, "V": severity, "C": "XX000", "M": _INTERNAL}
        return error_response(told)
    fields = {"S": severity, "V": severity, "C": state_of(error), "M": error.message}
    place = _PLACE.match(error.message)
    if place is not None:
        fields["M"] = error.message[place.end() :]
        fields["P"] = str(_position(statement, int(place[1]), int(place[2])))
    return error_response(fields)


def _position(statement: str, line: int, column: int) -> int:
    """Return which character of a statement a place is, from 1."""
    before = statement.split("\n")[: line - 1]
    return sum(len(each) + 1 for each in before) + column
