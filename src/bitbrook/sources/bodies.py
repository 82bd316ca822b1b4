"""Request bodies cut into records, and each record's value read.

The whole body is decoded at once into structs made for the source. If any record has something
other than the source reads at some place (a number for a text, a list for an object), that body is
decoded again record by record and leniently, so that the others go on and the one at fault can be
told why. A body that is not JSON as a whole is refused as a whole; lines stand for themselves.

Half of an escaped surrogate pair, which is JSON but no text, is read as U+FFFD, as Go does.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.schema.limits import RECORDS_PER_BODY_MAX, VALUES_PER_BODY_MAX
from bitbrook.sources.explain import (
    explain_record,
    explain_unreadable,
    explain_value,
    value_of_record,
)
from bitbrook.sources.outcomes import RecordError
from bitbrook.sources.values import Leaf, ValueShape

_FORM = '{"records": [{"value": {...}}, ...]}'

_value_of = operator.attrgetter("value")


@dataclass(slots=True)
class Reading:
    """The values of a body's records that have the right form, and the errors of the others.

    `indexes`: the place in the body of each value. `shape` tells what the values' leaves are.
    """

    count: int
    values: list[Any]
    indexes: Sequence[int]
    shape: ValueShape
    errors: list[RecordError]


class BodyReader:
    """Reads the bodies of one source. May be used by several threads at once."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self._leaves = leaves
        self._strict = ValueShape(leaves)
        self._lenient = ValueShape(leaves, is_lenient=True)
        strict_record: Any = _make_struct("Record", "value", self._strict.type)
        lenient_record = _make_struct("Record", "value", self._lenient.type)
        body = _make_struct("Body", "records", list.__class_getitem__(strict_record))
        self._decode_body = msgspec.json.Decoder(body).decode
        self._decode_lines = msgspec.json.Decoder(self._strict.type).decode_lines
        self._decode_record = msgspec.json.Decoder(lenient_record).decode
        self._decode_value = msgspec.json.Decoder(self._lenient.type).decode

    def read(self, body: bytes) -> Reading:
        """Return the reading of `{"records": [{"value": {...}}, ...]}`.

        Raises:
            InvalidBody: the body is not JSON or has no list of records.
            LimitExceeded: it has too many records, or values.
        """
        _check_text(body)
        # A record has at least its own brace and that of its value.
        self._check_values(body, records_max=body.count(b"{") // 2)
        try:
            values = list(map(_value_of, self._decode_body(body).records))
        except msgspec.ValidationError:
            return self._read_apart(_records_of(body), self._read_record)
        except (msgspec.DecodeError, RecursionError) as fault:
            mended = _mend_surrogates(body)
            if mended != body:
                return self.read(mended)
            raise _not_json(fault) from None
        check_count(len(values))
        return Reading(len(values), values, range(len(values)), self._strict, [])

    def read_lines(self, body: bytes) -> Reading:
        """Return the reading of a body with one value a line; blank lines count for nothing.

        Raises:
            InvalidBody: the body is not text.
            LimitExceeded: it has too many records, or values.
        """
        _check_text(body)
        line_count = body.count(b"\n") + (not body.endswith(b"\n"))
        check_count(line_count)
        self._check_values(body, records_max=line_count)
        try:
            values = self._decode_lines(body)
        except (msgspec.DecodeError, RecursionError):
            return self._read_apart(_lines_of(body), self._read_line)
        if len(values) != line_count:
            # Blank lines; or several values in a line, or one over several, which need errors.
            lines = _lines_of(body)
            if len(values) != len(lines):
                return self._read_apart(lines, self._read_line)
        return Reading(len(values), values, range(len(values)), self._strict, [])

    def values_as_written(
        self, body: bytes, indexes: Sequence[int], *, is_lines: bool
    ) -> list[bytes]:
        """Return the values of some records of a body that was read; b"" for what has none."""
        if is_lines:
            lines = _lines_of(body)
            return [lines[index] if _is_json(lines[index]) else b"" for index in indexes]
        records = _records_of(body)
        return [value_of_record(records[index]) for index in indexes]

    def _check_values(self, body: bytes, *, records_max: int) -> None:
        """Refuse a body that would have too many values, before any of them takes memory."""
        count = len(self._leaves) * min(records_max, RECORDS_PER_BODY_MAX)
        if count > VALUES_PER_BODY_MAX:
            raise LimitExceeded(
                f"the body of {len(body):,} bytes may have {records_max:,} records, of "
                f"{len(self._leaves):,} fields each, and {VALUES_PER_BODY_MAX:,} values are "
                "allowed; send its records in several requests"
            )

    def _read_apart(
        self, records: Sequence[Any], read: Callable[[int, Any], Any | RecordError]
    ) -> Reading:
        check_count(len(records))
        values: list[Any] = []
        indexes: list[int] = []
        errors: list[RecordError] = []
        for index, record in enumerate(records):
            value = read(index, record)
            if isinstance(value, RecordError):
                errors.append(value)
            else:
                values.append(value)
                indexes.append(index)
        return Reading(len(records), values, indexes, self._lenient, errors)

    def _read_record(self, index: int, record: Raw) -> Any | RecordError:
        try:
            return self._decode_record(record).value
        except msgspec.ValidationError:
            return explain_record(index, record, self._leaves)
        except RecursionError as fault:  # the body was just within the bound, and this is deeper
            problem = f"the record cannot be read: {_reason(fault)}"
            return explain_unreadable(index, record, problem, "flatten it")

    def _read_line(self, index: int, line: bytes) -> Any | RecordError:
        try:
            return self._decode_value(line)
        except (msgspec.DecodeError, RecursionError):
            # What was met first need not be all: a wrong value may stand before what is no JSON.
            return self._explain_line(index, line)

    def _explain_line(self, index: int, line: bytes) -> Any | RecordError:
        try:
            value = _decode_any(line)
        except (msgspec.DecodeError, RecursionError) as fault:
            mended = _mend_surrogates(line)
            if mended != line:
                return self._read_line(index, mended)
            problem = f"the line is not JSON: {_reason(fault)}"
            return explain_unreadable(index, line, problem, "write one value a line")
        return explain_value(index, value, self._leaves)


class _Records(msgspec.Struct):
    """A body whose records are left as they were written."""

    records: list[Raw]


_decode_records = msgspec.json.Decoder(_Records).decode
_decode_any = msgspec.json.Decoder(Raw).decode


def _make_struct(name: str, member: str, type_: Any) -> Any:
    """Return a struct type with one member; None of its users can know that type before it runs."""
    return msgspec.defstruct(name, [(member, type_)], gc=False)


def _records_of(body: bytes) -> list[Raw]:
    try:
        return _decode_records(body).records
    except msgspec.ValidationError:
        raise InvalidBody(f"the body has no list of records; send {_FORM}") from None
    except (msgspec.DecodeError, RecursionError) as fault:
        # What was seen first was something else, further towards the front.
        mended = _mend_surrogates(body)
        if mended != body:
            return _records_of(mended)
        raise _not_json(fault) from None


# Behind any number of escaped backslashes: a pair of surrogates, or half of one.
_SURROGATES = re.compile(
    rb"(?<!\\)((?:\\\\)*)"
    rb"(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def _mend_surrogates(body: bytes) -> bytes:
    """Return a body with U+FFFD for every escaped half of a surrogate pair."""
    return _SURROGATES.sub(lambda found: found[0] if found[2] else found[1] + rb"\ufffd", body)


def _is_json(line: bytes) -> bool:
    try:
        _decode_any(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _lines_of(body: bytes) -> list[bytes]:
    """Return the lines that are not blank."""
    return list(filter(bytes.strip, body.split(b"\n")))


def _check_text(body: bytes) -> None:
    """Refuse what is not UTF-8: JSON is, and msgspec does not look into what it skips."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as fault:
            message = f"the body is not UTF-8 text: byte {fault.start} cannot be; send {_FORM}"
            raise InvalidBody(message) from None


def check_count(count: int) -> None:
    """Refuse a body with more records than one may have.

    Raises:
        LimitExceeded: it has.
    """
    if count > RECORDS_PER_BODY_MAX:
        raise LimitExceeded(
            f"the body has {count:,} records and {RECORDS_PER_BODY_MAX:,} are allowed; "
            "send them in several requests"
        )


def _not_json(fault: Exception) -> InvalidBody:
    return InvalidBody(f"the body is not JSON: {_reason(fault)}; send {_FORM}")


def _reason(fault: Exception) -> str:
    if isinstance(fault, RecursionError):
        return "it is nested too deeply"
    return str(fault).removeprefix("JSON is malformed: ").lower()
