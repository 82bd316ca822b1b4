"""What a record's error says: which field, the value (cut short), what was expected and the mend.

Only records that failed come here, one by one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from bitbrook.errors import InvalidBody, InvalidValue
from bitbrook.sources.advice import Advice
from bitbrook.sources.outcomes import RecordError
from bitbrook.sources.values import Leaf

_VALUE_BYTES_MAX = 60
_RECORD_BYTES_MAX = 1_024

_VALUE_FORM = '{"value": {"<field>": ...}}'

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


def excerpt_of(value: Any, bytes_max: int = _RECORD_BYTES_MAX) -> str:
    """Return a value as JSON, cut short between characters. `Raw` appears as it was written."""
    return _cut(msgspec.json.encode(value), bytes_max)


def explain_field(
    index: int, code: str, leaf: Leaf, value: Any, advice: Advice, *, excerpt: str
) -> RecordError:
    """Return what is wrong with a field's value."""
    shown, json = _shown(value)
    message = f"{_describe_field(leaf)}: {shown} {advice.text}"
    return RecordError(
        index, code, message, excerpt, leaf.field, json, advice.expected, advice.mend
    )


def explain_missing(
    index: int, code: str, leaf: Leaf, excerpt: str, *, is_identity: bool
) -> RecordError:
    """Return that a field is missing, and the mend."""
    if is_identity:
        mend = "it identifies the record, so send it"
    else:
        mend = "send it, or allow_missing_fields in the source's schema"
    message = f"{_describe_field(leaf)} is missing or null; {mend}"
    return RecordError(index, code, message, excerpt, leaf.field, "null", "a value", mend)


def explain_identity(
    index: int, code: str, names: Sequence[str], advice: Advice, excerpt: str
) -> RecordError:
    """Return what is wrong with the key that several values make up."""
    message = f"the key made of {', '.join(map(repr, names))} {advice.text}"
    field = ",".join(names)
    return RecordError(index, code, message, excerpt, field, "", advice.expected, advice.mend)


def explain_unreadable(index: int, line: bytes | Raw, problem: str, mend: str) -> RecordError:
    """Return that a record, or a line, cannot be read at all."""
    raw = Raw(line) if isinstance(line, bytes) else line
    text = _text_json(excerpt_of(raw, _VALUE_BYTES_MAX))
    message = f"{problem}; {mend}"
    return RecordError(
        index, InvalidBody.code, message, excerpt_of(raw), "", text, "a JSON object", mend
    )


def explain_record(index: int, record: Raw, leaves: Sequence[Leaf]) -> RecordError:
    """Return why `{"value": {...}}` could not be read as such."""
    members = _members_of(record)
    at_fault = record
    if members is None:
        problem = f"the record {excerpt_of(record, _VALUE_BYTES_MAX)} is not an object"
    elif "value" not in members:
        problem = 'the record has no "value"'
    elif _members_of(members["value"]) is None:
        at_fault = members["value"]
        value = excerpt_of(at_fault, _VALUE_BYTES_MAX)
        problem = f'the record\'s "value" is {value} and not an object'
    else:
        return explain_value(index, members["value"], leaves)
    mend = f"send {_VALUE_FORM}"
    _, json = _shown(at_fault)
    return RecordError(
        index,
        InvalidBody.code,
        f"{problem}; {mend}",
        excerpt_of(record),
        "",
        json,
        "an object of fields",
        mend,
    )


def explain_value(index: int, value: Raw, leaves: Sequence[Leaf]) -> RecordError:
    """Return why a record's value could not be read: it has a scalar or list for an object."""
    excerpt = excerpt_of(value)
    members = _members_of(value)
    shown, json = _shown(value)
    if members is None:
        return RecordError(
            index,
            InvalidBody.code,
            f"the record's value is {shown} and not an object of fields",
            excerpt,
            "",
            json,
            "an object of fields",
            "send an object",
        )
    for leaf in leaves:
        inner: Mapping[str, Raw] = members
        for depth, key in enumerate(leaf.path[:-1], 1):
            child = inner.get(key)
            if child is None or bytes(child) == b"null":
                break
            child_members = _members_of(child)
            if child_members is None:
                path = ".".join(leaf.path[:depth])
                shown, json = _shown(child)
                problem = f"is not an object, and {path!r} should be one"
                return RecordError(
                    index,
                    InvalidValue.code,
                    f"{_describe_field(leaf)}: {shown} {problem}",
                    excerpt,
                    leaf.field,
                    json,
                    f"an object at {path!r}",
                    f"send an object at {path!r}",
                )
            inner = child_members
    # Of a key given twice only the last is seen here; the first was what could not be read.
    return RecordError(
        index,
        InvalidBody.code,
        "the record's value has a key twice, once without an object that should be there",
        excerpt,
        "",
        json,
        "every key once",
        "send every key once",
    )


def value_of_record(record: Raw) -> bytes:
    """Return the `value` of `{"value": ...}` as it was written, b"" if there is none."""
    members = _members_of(record)
    return bytes(members["value"]) if members is not None and "value" in members else b""


def _shown(value: Any) -> tuple[str, str]:
    """Return a value cut short for a message, and as JSON: itself, or a text of its beginning."""
    encoded = msgspec.json.encode(value)
    text = _cut(encoded, _VALUE_BYTES_MAX)
    return text, text if len(encoded) <= _VALUE_BYTES_MAX else _text_json(text)


def _text_json(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _cut(text: bytes, bytes_max: int) -> str:
    if len(text) <= bytes_max:
        return text.decode(errors="replace")
    # What is valid before the cut stays; a character that the cut goes through is left out.
    return text[: bytes_max - 3].decode(errors="ignore") + "..."


def _describe_field(leaf: Leaf) -> str:
    if leaf.path == (leaf.field,):
        return f"field {leaf.field!r}"
    return f"field {leaf.field!r} (path {'.'.join(leaf.path)})"


def _members_of(value: Raw) -> dict[str, Raw] | None:
    """Return an object's members as they were written, None if it is not an object."""
    try:
        return _decode_object(value)
    except (msgspec.ValidationError, RecursionError):
        return None
