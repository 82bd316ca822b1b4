"""What became of each record of a request, and the answer that says so.

Records succeed by default and only errors are kept, so the answer for a thousand good records is a
repetition of one fragment. Knows nothing of how records are decoded or stored.
"""

import msgspec

EXCERPTS_MAX = 1_000
"""Errors of a request that tell the record's value: the last ones, which a source shows."""

_SUCCESS = b'{"status":"success"}'


class RecordError(msgspec.Struct, frozen=True, gc=False):
    """Why one record was not stored.

    `index`: its place in the request, from 0. `code` and `message`: as in the answer. `excerpt`:
    the record's value as JSON, cut short; empty where a request has more errors than are shown.
    """

    index: int
    code: str
    message: str
    excerpt: str


class Outcomes(msgspec.Struct, frozen=True):
    """How many records a request had, and the errors among them, by ascending index."""

    count: int
    errors: tuple[RecordError, ...] = ()

    @property
    def success_count(self) -> int:
        """How many records are good."""
        return self.count - len(self.errors)


def encode_outcomes(outcomes: Outcomes) -> bytes:
    """Return the answer to a streaming request: the counts, then one entry a record, in order."""
    head = (
        f'{{"success_count":{outcomes.success_count},'
        f'"error_count":{len(outcomes.errors)},"records":['
    )
    parts: list[bytes] = []
    at = 0
    for error in outcomes.errors:
        parts += [_SUCCESS] * (error.index - at)
        parts.append(_encode_error(error))
        at = error.index + 1
    parts += [_SUCCESS] * (outcomes.count - at)
    return b"%s%s]}" % (head.encode(), b",".join(parts))


def _encode_error(error: RecordError) -> bytes:
    return b'{"status":"error","error_code":%s,"error_message":%s}' % (
        msgspec.json.encode(error.code),
        msgspec.json.encode(error.message),
    )
