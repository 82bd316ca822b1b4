"""The forms in which the answer to a SQL statement can be asked for, by their media types."""

import enum
from urllib.parse import parse_qs

from bitbrook.errors import InvalidValue
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.results.sql_json import encode_json
from bitbrook.query.results.tables import encode_arrow, encode_csv, encode_ndjson, encode_parquet


class Format(enum.StrEnum):
    """A form of answer, by its media type."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    CSV = "text/csv"
    ARROW = "application/vnd.apache.arrow.stream"
    PARQUET = "application/vnd.apache.parquet"


_MEDIA_TYPES = frozenset(form.value for form in Format)
_TABLES = {
    Format.LINES: encode_ndjson,
    Format.CSV: encode_csv,
    Format.ARROW: encode_arrow,
    Format.PARQUET: encode_parquet,
}


def asked_format(accept: str) -> Format:
    """Return the form that an Accept header likes best of those there are; JSON by default."""
    best, best_weight = Format.JSON, 0.0
    if not accept or accept == "*/*":
        return best
    for item in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        weight = _weight(parameters)
        if media_type in _MEDIA_TYPES and weight > best_weight:
            best, best_weight = Format(media_type), weight
    return best


def encode_answer(answer: SqlAnswer, form: Format, execution_us: int) -> bytes:
    """Return an answer in a form; only JSON tells how long the statement took."""
    if form is Format.JSON:
        return encode_json(answer, execution_us)
    return _TABLES[form](answer)


def asks_end(query: str) -> bool:
    """Whether a query string asks for a line that ends what has no end of its own.

    Raises:
        InvalidValue: it asks for another end.
    """
    ends = parse_qs(query, keep_blank_values=True).get("end", []) if query else []
    for end in ends:
        if end != "record":
            raise InvalidValue(f"end {end[:40]!r} is unknown; give record, or nothing", field="end")
    return bool(ends)


def end_line(form: Format, records: int) -> bytes:
    """Return the line that ends a form; b"" of one that has an end of its own."""
    match form:
        case Format.LINES:
            return b'{"_end":{"records":%d}}\n' % records
        case Format.CSV:
            return b"#end,%d\n" % records
        case _:
            return b""


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
