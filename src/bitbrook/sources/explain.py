"""What a record's error says: which field, the value (cut short), what was expected and the mend.

Only records that failed come here, one by one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from bitbrook.errors import InvalidBody, InvalidValue
from bitbrook.sources.outcomes import RecordError
from bitbrook.sources.values import Leaf

_VALUE_BYTES_MAX = 60
_RECORD_BYTES_MAX = 1_024

_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


def excerpt_of(value: Any, bytes_max: int = _RECORD_BYTES_MAX) -> str:
    """Return a value as JSON, cut short between characters. `Raw` appears as it was written."""
    text = msgspec.json.encode(value)
    if len(text) <= bytes_max:
        return text.decode(errors="replace")
    # What is valid before the cut stays; a character that the cut goes through is left out.
    return text[: bytes_max - 3].decode(errors="ignore") + "..."


def describe_value(leaf: Leaf, value: Any, problem: str) -> str:
    """Return what is wrong with a field's value; `problem` goes on from the value."""
    return f"{_describe_field(leaf)}: {excerpt_of(value, _VALUE_BYTES_MAX)} {problem}"


def describe_missing(leaf: Leaf, *, is_identity: bool) -> str:
    """Return that a field is missing, and the mend."""
    if is_identity:
        return f"{_describe_field(leaf)} is missing or null; it identifies the record, so send it"
    return (
        f"{_describe_field(leaf)} is missing or null; send it, or allow_missing_fields in the "
        "source's schema"
    )


def explain_record(index: int, record: Raw, leaves: Sequence[Leaf]) -> RecordError:
    """Return why `{"value": {...}}` could not be read as such."""
    members = _members_of(record)
    if members is None:
        problem = f"the record {excerpt_of(record, _VALUE_BYTES_MAX)} is not an object"
    elif "value" not in members:
        problem = 'the record has no "value"'
    elif _members_of(members["value"]) is None:
        value = excerpt_of(members["value"], _VALUE_BYTES_MAX)
        problem = f'the record\'s "value" is {value} and not an object'
    else:
        return explain_value(index, members["value"], leaves)
    message = f'{problem}; send {{"value": {{"<field>": ...}}}}'
    return RecordError(index, InvalidBody.code, message, excerpt_of(record))


def explain_value(index: int, value: Raw, leaves: Sequence[Leaf]) -> RecordError:
    """Return why a record's value could not be read: it has a scalar or list for an object."""
    excerpt = excerpt_of(value)
    members = _members_of(value)
    if members is None:
        short = excerpt_of(value, _VALUE_BYTES_MAX)
        message = f"the record's value is {short} and not an object of fields"
        return RecordError(index, InvalidBody.code, message, excerpt)
    for leaf in leaves:
        inner: Mapping[str, Raw] = members
        for depth, key in enumerate(leaf.path[:-1], 1):
            child = inner.get(key)
            if child is None or bytes(child) == b"null":
                break
            child_members = _members_of(child)
            if child_members is None:
                problem = f"is not an object, and {'.'.join(leaf.path[:depth])!r} should be one"
                message = describe_value(leaf, child, problem)
                return RecordError(index, InvalidValue.code, message, excerpt)
            inner = child_members
    # Of a key given twice only the last is seen here; the first was what could not be read.
    message = "the record's value has a key twice, once without an object that should be there"
    return RecordError(index, InvalidBody.code, message, excerpt)


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
