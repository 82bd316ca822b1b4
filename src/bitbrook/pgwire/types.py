"""PostgreSQL's types: which one each type of SQL is told as, and parameters as values.

Every type is told as one whose values clients can hold exactly; ids as int8, so one beyond 63 bits
is refused rather than wrapped.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import pyarrow as pa

from bitbrook.errors import InvalidValue, NotSupported
from bitbrook.pgwire.messages import Column
from bitbrook.query.parameters import NANOSECONDS, Moment, ParameterValue
from bitbrook.query.pql.times import parse_time
from bitbrook.query.results.sql_answer import AnswerField

BOOL, BYTEA, NAME, INT8, INT2, INT4, TEXT, OID = 16, 17, 19, 20, 21, 23, 25, 26
JSON, FLOAT4, FLOAT8, UNKNOWN = 114, 700, 701, 705
BPCHAR, VARCHAR, DATE, TIMESTAMP, TIMESTAMPTZ = 1042, 1043, 1082, 1114, 1184
NUMERIC, UUID = 1700, 2950
BOOL_ARRAY, INT2_ARRAY, INT4_ARRAY, TEXT_ARRAY, VARCHAR_ARRAY = 1000, 1005, 1007, 1009, 1015
INT8_ARRAY, FLOAT4_ARRAY, FLOAT8_ARRAY, NUMERIC_ARRAY = 1016, 1021, 1022, 1231
TIMESTAMPTZ_ARRAY = 1185

NUMERIC_DIGITS = 19
EPOCH_US = 946_684_800_000_000
"""PostgreSQL counts time from 2000 on: so many microseconds after the Unix epoch."""


class TypeInfo(NamedTuple):
    """A type as the catalogue tells it. `element`: the oid of an array's elements."""

    oid: int
    name: str
    size: int
    category: str
    element: int = 0
    array: int = 0


TYPES = (
    TypeInfo(BOOL, "bool", 1, "B", array=BOOL_ARRAY),
    TypeInfo(BYTEA, "bytea", -1, "U"),
    TypeInfo(NAME, "name", 64, "S"),
    TypeInfo(INT8, "int8", 8, "N", array=INT8_ARRAY),
    TypeInfo(INT2, "int2", 2, "N", array=INT2_ARRAY),
    TypeInfo(INT4, "int4", 4, "N", array=INT4_ARRAY),
    TypeInfo(TEXT, "text", -1, "S", array=TEXT_ARRAY),
    TypeInfo(OID, "oid", 4, "N"),
    TypeInfo(JSON, "json", -1, "U"),
    TypeInfo(FLOAT4, "float4", 4, "N", array=FLOAT4_ARRAY),
    TypeInfo(FLOAT8, "float8", 8, "N", array=FLOAT8_ARRAY),
    TypeInfo(BPCHAR, "bpchar", -1, "S"),
    TypeInfo(VARCHAR, "varchar", -1, "S", array=VARCHAR_ARRAY),
    TypeInfo(DATE, "date", 4, "D"),
    TypeInfo(TIMESTAMP, "timestamp", 8, "D"),
    TypeInfo(TIMESTAMPTZ, "timestamptz", 8, "D", array=TIMESTAMPTZ_ARRAY),
    TypeInfo(NUMERIC, "numeric", -1, "N", array=NUMERIC_ARRAY),
    TypeInfo(UUID, "uuid", 16, "U"),
    TypeInfo(BOOL_ARRAY, "_bool", -1, "A", element=BOOL),
    TypeInfo(INT2_ARRAY, "_int2", -1, "A", element=INT2),
    TypeInfo(INT4_ARRAY, "_int4", -1, "A", element=INT4),
    TypeInfo(TEXT_ARRAY, "_text", -1, "A", element=TEXT),
    TypeInfo(VARCHAR_ARRAY, "_varchar", -1, "A", element=VARCHAR),
    TypeInfo(INT8_ARRAY, "_int8", -1, "A", element=INT8),
    TypeInfo(FLOAT4_ARRAY, "_float4", -1, "A", element=FLOAT4),
    TypeInfo(FLOAT8_ARRAY, "_float8", -1, "A", element=FLOAT8),
    TypeInfo(NUMERIC_ARRAY, "_numeric", -1, "A", element=NUMERIC),
    TypeInfo(TIMESTAMPTZ_ARRAY, "_timestamptz", -1, "A", element=TIMESTAMPTZ),
)
SQL_NAMES = {
    BOOL: "boolean",
    INT8: "bigint",
    INT2: "smallint",
    INT4: "integer",
    FLOAT4: "real",
    FLOAT8: "double precision",
    VARCHAR: "character varying",
    BPCHAR: "character",
    TIMESTAMP: "timestamp without time zone",
    TIMESTAMPTZ: "timestamp with time zone",
}
"""What format_type() calls those that it does not call by their own name."""

_SIZES = {each.oid: each.size for each in TYPES}
_ELEMENTS = {each.oid: each.element for each in TYPES if each.element}
_ARRAYS = {each.oid: each.array for each in TYPES if each.array}

_OF_KIND = {
    "id": INT8,
    "int": INT8,
    "string": TEXT,
    "varchar": TEXT,
    "void": TEXT,
    "bool": BOOL,
    "decimal": NUMERIC,
    "timestamp": TIMESTAMPTZ,
    "double": FLOAT8,
    "idset": INT8_ARRAY,
    "idsetq": INT8_ARRAY,
    "stringset": TEXT_ARRAY,
    "stringsetq": TEXT_ARRAY,
    "vector": FLOAT4_ARRAY,
    "struct": JSON,
}


def column_of(field: AnswerField) -> Column:
    """Return how a column of an answer is told."""
    info = field.type_info or {}
    oid = _oid_of(field.base_type, info)
    return Column(field.name or "?column?", oid, _SIZES.get(oid, -1), _modifier(oid, info))


def _oid_of(base_type: str, info: dict[str, object]) -> int:
    if base_type != "list":
        return _OF_KIND.get(base_type, TEXT)
    element = info.get("element")
    inner = element if isinstance(element, dict) else {}
    oid = _oid_of(str(inner.get("base-type", "")), inner.get("type-info") or {})
    # Lists of lists have no type of their own.
    return _ARRAYS.get(oid, JSON)


def _modifier(oid: int, info: dict[str, object]) -> int:
    scale = info.get("scale")
    if oid == NUMERIC and isinstance(scale, int):
        return ((NUMERIC_DIGITS << 16) | scale) + 4
    return -1


def column_of_arrow(name: str, kind: pa.DataType) -> Column:
    """Return how a column of the catalogue is told."""
    if pa.types.is_list(kind):
        inner = column_of_arrow(name, kind.value_type).oid
        oid = _ARRAYS.get(inner, TEXT_ARRAY)
    elif pa.types.is_boolean(kind):
        oid = BOOL
    elif pa.types.is_integer(kind):
        oid = INT4 if kind.bit_width <= 32 else INT8
    elif pa.types.is_floating(kind):
        oid = FLOAT8
    elif pa.types.is_decimal(kind):
        oid = NUMERIC
    elif pa.types.is_timestamp(kind):
        oid = TIMESTAMPTZ
    elif pa.types.is_struct(kind):
        oid = JSON
    else:
        oid = TEXT
    return Column(name, oid, _SIZES.get(oid, -1))


def element_of(oid: int) -> int | None:
    """Return the type of an array's elements, None if it is no array."""
    return _ELEMENTS.get(oid)


def sample_of(oid: int) -> ParameterValue:
    """Return a value of a type, to try a statement with whose values are still to come."""
    if oid in _ELEMENTS:
        return (sample_of(_ELEMENTS[oid]),)
    match oid:
        case 21 | 23 | 20 | 26:
            return 1
        case 700 | 701 | 1700:
            return Decimal(1)
        case 16:
            return True
        case 1082 | 1114 | 1184:
            return Moment(0)
        case _:
            return ""


def value_of(raw: bytes | None, oid: int, *, is_binary: bool) -> ParameterValue:
    """Return the value of a parameter.

    Raises:
        InvalidValue: it is no value of its type.
        NotSupported: there is no such type, or not in this form.
    """
    if raw is None:
        return None
    try:
        if oid in _ELEMENTS:
            return _array(raw, _ELEMENTS[oid], is_binary=is_binary)
        return _binary(raw, oid) if is_binary else _textual(raw.decode(), oid)
    except (ValueError, InvalidOperation, struct.error, OverflowError):
        shown = raw[:40].decode(errors="replace")
        raise InvalidValue(f"parameter {shown!r} is no value of type {_name(oid)}") from None


def _textual(text: str, oid: int) -> ParameterValue:
    match oid:
        case 21 | 23 | 20 | 26:
            return int(text)
        case 700 | 701 | 1700:
            number = Decimal(text)
            if not number.is_finite():
                raise ValueError("no number")
            return number
        case 16:
            lowered = text.strip().lower()
            if lowered not in _BOOLS:
                raise ValueError("no bool")
            return _BOOLS[lowered]
        case 1082 | 1114 | 1184:
            return _moment(text)
        case _:
            return text


_BOOLS = {
    **dict.fromkeys(("t", "true", "y", "yes", "on", "1"), True),
    **dict.fromkeys(("f", "false", "n", "no", "off", "0"), False),
}
_UNPACKED: dict[int, str] = {INT2: "!h", INT4: "!i", INT8: "!q", OID: "!I"}


def _moment(text: str) -> Moment:
    written = text.strip().replace(" ", "T", 1)
    # `+02` and `+0200` are offsets here too.
    for length in (3, 5):
        head, tail = written[:-length], written[-length:]
        if "T" in head and tail[0] in "+-" and tail[1:].isdigit():
            written = f"{head}{tail[:3]}:{tail[3:] or '00'}"
    try:
        return Moment(parse_time(written))
    except InvalidValue:
        raise ValueError("no time") from None


def _binary(raw: bytes, oid: int) -> ParameterValue:
    if oid in _UNPACKED:
        number: int = struct.unpack(_UNPACKED[oid], raw)[0]
        return number
    match oid:
        case 700 | 701:
            value = struct.unpack("!f" if oid == FLOAT4 else "!d", raw)[0]
            return Decimal(repr(value))
        case 16:
            return raw != b"\0"
        case 1114 | 1184:
            microseconds: int = struct.unpack("!q", raw)[0]
            return Moment((microseconds + EPOCH_US) * 1_000)
        case 1082:
            days: int = struct.unpack("!i", raw)[0]
            return Moment(days * 86_400 * NANOSECONDS + EPOCH_US * 1_000)
        case 1700:
            return _numeric(raw)
        case 0 | 705 | 25 | 1043 | 1042 | 19 | 114:
            return raw.decode()
        case 2950:
            digits = raw.hex()
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        case _:
            raise NotSupported(f"parameters of type {_name(oid)} in binary form are not supported")


def _numeric(raw: bytes) -> Decimal:
    count, weight, sign, scale = struct.unpack("!hhHh", raw[:8])
    if sign not in {0, 0x4000}:
        raise ValueError("no finite number")
    digits = struct.unpack(f"!{count}h", raw[8 : 8 + 2 * count])
    whole = 0
    for digit in digits:
        whole = whole * 10_000 + digit
    number = Decimal(whole).scaleb(4 * (weight - count + 1))
    number = number.quantize(Decimal(1).scaleb(-scale))
    return -number if sign else number


def _array(raw: bytes, element: int, *, is_binary: bool) -> tuple[ParameterValue, ...]:
    if not is_binary:
        return tuple(_textual(each, element) for each in _split_array(raw.decode()))
    dimensions, _, oid = struct.unpack("!iii", raw[:12])
    if dimensions == 0:
        return ()
    if dimensions != 1:
        raise ValueError("arrays have one dimension here")
    count = struct.unpack("!i", raw[12:16])[0]
    values: list[ParameterValue] = []
    at = 20
    for _ in range(count):
        size = struct.unpack("!i", raw[at : at + 4])[0]
        at += 4
        values.append(None if size < 0 else _binary(raw[at : at + size], oid))
        at += max(size, 0)
    return tuple(values)


def _split_array(text: str) -> list[str]:
    """Return the elements that `{a,"b c"}` writes."""
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError("no array")
    found: list[str] = []
    current: list[str] = []
    is_quoted = has_any = False
    characters = iter(text[1:-1])
    for character in characters:
        has_any = True
        if character == "\\":
            current.append(next(characters, ""))
        elif character == '"':
            is_quoted = not is_quoted
        elif character == "," and not is_quoted:
            found.append("".join(current))
            current = []
        else:
            current.append(character)
    return [*found, "".join(current)] if has_any else found


def _name(oid: int) -> str:
    return next((each.name for each in TYPES if each.oid == oid), str(oid))


Encode = Callable[[object], bytes]


def encode_numeric(value: Decimal) -> bytes:
    """Return a number in PostgreSQL's binary form."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "stored numbers are finite"
    scale = max(0, -exponent)
    whole = int("".join(map(str, digits))) * 10 ** max(0, exponent)
    # Digits of base 10,000 that begin at the point.
    padding = -scale % 4
    whole *= 10**padding
    parts: list[int] = []
    while whole:
        whole, part = divmod(whole, 10_000)
        parts.append(part)
    weight = len(parts) - 1 - (scale + padding) // 4
    parts.reverse()
    while parts and parts[-1] == 0:
        parts.pop()
    head = struct.pack("!hhHh", len(parts), weight if parts else 0, 0x4000 if sign else 0, scale)
    return head + struct.pack(f"!{len(parts)}h", *parts)


def moment_text(microseconds: int) -> str:
    """Return a time as PostgreSQL writes it, in UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".") + "+00"
