"""Values that stand in the place of a statement's parameters, whichever language it is in.

A parameter is written `$name`. Its value is put into the parsed tree as a literal: no text of a
value is ever read as a part of the statement. Knows nothing of where values come from.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import msgspec

MARK = "$"
"""What a parameter begins with."""

NANOSECONDS = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(msgspec.Struct, frozen=True, order=True):
    """A moment of the years 1 to 9999, as nanoseconds since the Unix epoch."""

    nanoseconds: int

    @property
    def text(self) -> str:
        """The moment as RFC 3339 has it, in UTC, with every digit that is not zero."""
        seconds, part = divmod(self.nanoseconds, NANOSECONDS)
        text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
        # strftime writes early years with fewer than four digits.
        text = text.rjust(len("2006-01-02T15:04:05"), "0")
        return text + (f".{part:09}".rstrip("0") if part else "") + "Z"


ParameterValue: TypeAlias = (
    "bool | int | Decimal | str | Moment | tuple[ParameterValue, ...] | None"
)
Parameters: TypeAlias = Mapping[str, ParameterValue]
