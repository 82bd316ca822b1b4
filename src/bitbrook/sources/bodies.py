"""Request bodies cut into records, and each record's value read.

The whole body is decoded at once into structs made for the source. If any record has something
other than the source reads at some place (a number for a text, a list for an object), that body is
decoded again record by record and leniently, so that the others go on and the one at fault can be
told why. A body that is not JSON as a whole is refused as a whole; lines stand for themselves.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.schema.limits import RECORDS_PER_BODY_MAX
from bitbrook.sources.explain import excerpt_of, explain_record, explain_value
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
        strict_record = _make_struct("Record", "value", self._strict.type)
        lenient_record = _make_struct("Record", "value", self._lenient.type)
        body = _make_struct("Body", "records", list[strict_record])
        self._decode_body = msgspec.json.Decoder(body).decode
        self._decode_lines = msgspec.json.Decoder(self._strict.type).decode_lines
        self._decode_record = msgspec.json.Decoder(lenient_record).decode
        self._decode_value = msgspec.json.Decoder(self._lenient.type).decode

    def read(self, body: bytes) -> Reading:
        """Return the reading of `{"records": [{"value": {...}}, ...]}`.

        Raises:
            InvalidBody: the body is not JSON or has no list of records.
            LimitExceeded: it has too many records.
        """
        _check_text(body)
        try:
            values = list(map(_value_of, self._decode_body(body).records))
        except msgspec.ValidationError:
            return self._read_apart(_records_of(body), self._read_record)
        except (msgspec.DecodeError, RecursionError) as fault:
            raise _not_json(fault) from None
        _check_count(len(values))
        return Reading(len(values), values, range(len(values)), self._strict, [])

    def read_lines(self, body: bytes) -> Reading:
        """Return the reading of a body with one value a line; blank lines count for nothing.

        Raises:
            InvalidBody: the body is not text.
            LimitExceeded: it has too many records.
        """
        _check_text(body)
        _check_count(body.count(b"\n"))
        try:
            values = self._decode_lines(body)
        except (msgspec.DecodeError, RecursionError):
            lines = [line for line in body.split(b"\n") if line.strip()]
            return self._read_apart(lines, self._read_line)
        _check_count(len(values))
        return Reading(len(values), values, range(len(values)), self._strict, [])

    def _read_apart(
        self, records: Sequence[Any], read: Callable[[int, Any], Any | RecordError]
    ) -> Reading:
        _check_count(len(records))
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

    def _read_line(self, index: int, line: bytes) -> Any | RecordError:
        try:
            return self._decode_value(line)
        except msgspec.ValidationError:
            return explain_value(index, Raw(line), self._leaves)
        except (msgspec.DecodeError, RecursionError) as fault:
            message = f"the line is not JSON: {_reason(fault)}; write one value a line"
            return RecordError(index, InvalidBody.code, message, excerpt_of(Raw(line)))


class _Records(msgspec.Struct):
    """A body whose records are left as they were written."""

    records: list[Raw]


_decode_records = msgspec.json.Decoder(_Records).decode


def _make_struct(name: str, member: str, type_: Any) -> Any:
    """Return a struct type with one member; None of its users can know that type before it runs."""
    return msgspec.defstruct(name, [(member, type_)], gc=False)


def _records_of(body: bytes) -> list[Raw]:
    try:
        return _decode_records(body).records
    except msgspec.ValidationError:
        raise InvalidBody(f"the body has no list of records; send {_FORM}") from None


def _check_text(body: bytes) -> None:
    """Refuse what is not UTF-8: JSON is, and msgspec does not look into what it skips."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as fault:
            message = f"the body is not UTF-8 text: byte {fault.start} cannot be; send {_FORM}"
            raise InvalidBody(message) from None


def _check_count(count: int) -> None:
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
