"""What became of each record of a request, and the answer that says so.

Records succeed by default and only errors are kept, so the answer for a thousand good records is a
repetition of one fragment. Knows nothing of how records are decoded or stored.
"""

import msgspec
from msgspec import Raw

EXCERPTS_MAX = 1_000
"""Errors of a request that tell the record's value: the last ones, which a source shows."""

REJECTED_MAX = 10_000
"""Refused records of a request that are kept whole, the last ones; and of how many bytes each."""

REJECTED_BYTES_MAX = 65_536

_SUCCESS = b'{"status":"success"}'
_NOT_STORED = b'{"status":"not_stored"}'


class RecordError(msgspec.Struct, frozen=True, gc=False):
    """Why one record was not stored.

    `index`: its place in the request, from 0. `code` and `message`: as in the answer. `excerpt`:
    the record's value as JSON, cut short; empty where a request has more errors than are shown.
    The message taken apart: `field`, "" if no single one is at fault; `value`, what it has, as JSON
    (a text of its beginning if it is long); what was `expected`; and the `mend`.
    """

    index: int
    code: str
    message: str
    excerpt: str
    field: str = ""
    value: str = ""
    expected: str = ""
    mend: str = ""

    @property
    def is_retryable(self) -> bool:
        """Whether the same record may be taken another time, with nothing mended: never."""
        return False


class Outcomes(msgspec.Struct, frozen=True):
    """How many records a request had, and the errors among them, by ascending index."""

    count: int
    errors: tuple[RecordError, ...] = ()

    @property
    def success_count(self) -> int:
        """How many records are good."""
        return self.count - len(self.errors)


def encode_outcomes(outcomes: Outcomes, *, are_stored: bool = True) -> bytes:
    """Return the answer to a streaming request: the counts, then one entry a record, in order.

    `are_stored`: whether the good records are; where one bad record keeps all out, none is.
    """
    count = outcomes.success_count if are_stored else 0
    good = _SUCCESS if are_stored else _NOT_STORED
    head = f'{{"success_count":{count},"error_count":{len(outcomes.errors)},"records":['
    parts: list[bytes] = []
    at = 0
    for error in outcomes.errors:
        parts += [good] * (error.index - at)
        parts.append(_encode_error(error))
        at = error.index + 1
    parts += [good] * (outcomes.count - at)
    return b"%s%s]}" % (head.encode(), b",".join(parts))


class _Entry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An error as it is answered; what cannot be said of it is left out."""

    error_code: str
    error_message: str
    field: str = ""
    value: Raw | None = None
    expected: str = ""
    mend: str = ""
    retryable: bool


_encode = msgspec.json.Encoder().encode
_ERROR = b'{"status":"error",'


def _encode_error(error: RecordError) -> bytes:
    entry = _Entry(
        error_code=error.code,
        error_message=error.message,
        field=error.field,
        value=Raw(error.value.encode()) if error.value else None,
        expected=error.expected,
        mend=error.mend,
        retryable=error.is_retryable,
    )
    return _ERROR + _encode(entry)[1:]
