"""Refused records over HTTP: a page of them, all of them as NDJSON, and another try."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, cast

import anyio.to_thread
import msgspec
from litestar import Response, get, post
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import UNSET, UnsetType

from bitbrook.api.bodies import text_header
from bitbrook.api.formats import Format, asked_format
from bitbrook.api.paths import AnyRequest, versioned
from bitbrook.api.permissions import needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.quarantine import RejectedRecord
from bitbrook.control.service import Service
from bitbrook.control.sources import ERRORS_MAX
from bitbrook.errors import InvalidValue
from bitbrook.sources.outcomes import RecordError

TAGS = ["sources"]

PAGE_MAX = 10_000
LINES_TOGETHER = 200
IDS_MAX = 10_000

_JSON, _NDJSON = "json", "ndjson"
_LINES = msgspec.json.Encoder()


class SourceError(msgspec.Struct, omit_defaults=True):
    """A record that a source could not take.

    `excerpt`: its value as JSON, cut to 1 KB. `field`, `value`, `expected`, `mend`: the message
    taken apart. `record`: the whole value, absent if it was none or too long to be kept; only such
    a record can be retried.
    """

    id: str
    at: datetime
    code: str
    message: str
    excerpt: str
    request_id: str
    field: str | UnsetType = UNSET
    value: Any | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    mend: str | UnsetType = UNSET
    record: Any | UnsetType = UNSET


class ErrorList(msgspec.Struct, omit_defaults=True):
    """The last records that a source could not take, newest first.

    `next`: give it as `before` for those that follow.
    """

    errors: list[SourceError]
    next: str | UnsetType = UNSET


class RetryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which refused records to take again; all of them if `ids` is absent."""

    ids: list[str] | UnsetType = UNSET


class RetryError(msgspec.Struct, omit_defaults=True):
    """Why a record was refused once more."""

    id: str
    code: str
    message: str
    field: str | UnsetType = UNSET
    value: Any | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    mend: str | UnsetType = UNSET


class RetryResult(msgspec.Struct, omit_defaults=True):
    """What became of refused records that were taken again.

    `stored_count`: how many passed and are gone from the list. `errors`: the others, which stay
    with their new reasons. `passed_over`: ids asked for that are not there, or whose record was not
    kept whole. `min_seq`: the token of the write, for `X-Min-Seq`.
    """

    stored_count: int
    error_count: int
    errors: list[RetryError]
    passed_over: list[str]
    min_seq: str | UnsetType = UNSET


@get(versioned("/sinks/{source_id:str}/errors"), opt=needs(Right.VIEW), tags=TAGS)
async def list_errors(
    request: AnyRequest,
    source_id: str,
    *,
    caller: Caller,
    service: Service,
    before: str | None = None,
    limit: Annotated[int | None, Parameter(ge=1, le=PAGE_MAX)] = None,
    form: Annotated[str | None, Parameter(query="format")] = None,
) -> Response[ErrorList]:
    """List the last records that the source could not take, or send all as NDJSON."""
    if _asked(form, text_header(request.scope, b"accept")) == _NDJSON:
        found = service.sources.rejected(caller, source_id, before=before)
        # The first line before the answer begins: a refusal still has a status of its own.
        first = await anyio.to_thread.run_sync(next, found, None)
        stream = Stream(_lines(first, found, limit), media_type=Format.LINES.value)
        return cast("Response[ErrorList]", stream)
    count = limit or ERRORS_MAX

    def page() -> ErrorList:
        found = service.sources.errors(caller, source_id, before=before, limit=count)
        errors = [_shown(each) for each in found]
        return ErrorList(errors, errors[-1].id if len(errors) == count else UNSET)

    return Response(await anyio.to_thread.run_sync(page))


@post(
    versioned("/sinks/{source_id:str}/errors/retry"),
    status_code=200,
    opt=needs(Right.INGEST),
    tags=TAGS,
)
@on_thread
def retry_errors(
    source_id: str, caller: Caller, service: Service, data: RetryRequest | None = None
) -> RetryResult:
    """Take refused records again: those that pass now are stored once and leave the list."""
    ids = None if data is None or data.ids is UNSET else data.ids
    if ids is not None and len(ids) > IDS_MAX:
        raise InvalidValue(f"{len(ids):,} ids are given and {IDS_MAX:,} may be", field="ids")
    retried = service.sources.retry(caller, source_id, ids)
    errors = [_shown_error(id_, error) for id_, error in retried.refused.items()]
    return RetryResult(
        retried.stored,
        len(errors),
        errors,
        list(retried.passed_over),
        retried.token or UNSET,
    )


def _asked(form: str | None, accept: str) -> str:
    if form is None:
        return _NDJSON if asked_format(accept) is Format.LINES else _JSON
    if form.lower() not in {_JSON, _NDJSON}:
        raise InvalidValue(f"format {form[:40]!r} is unknown; give json or ndjson", field="format")
    return form.lower()


def _lines(
    first: RejectedRecord | None, others: Iterator[RejectedRecord], limit: int | None
) -> Iterator[bytes]:
    """Give one object a line, some lines at a time."""
    together = [] if first is None else [_shown(first, is_line=True)]
    count = len(together)
    for each in others:
        if limit is not None and count >= limit:
            break
        together.append(_shown(each, is_line=True))
        count += 1
        if len(together) >= LINES_TOGETHER:
            yield _LINES.encode_lines(together)
            together = []
    yield _LINES.encode_lines(together)


def _shown(record: RejectedRecord, *, is_line: bool = False) -> SourceError:
    return SourceError(
        id=record.id,
        at=record.at,
        code=record.code,
        message=record.message,
        excerpt=record.excerpt,
        request_id=record.request_id,
        field=record.field or UNSET,
        value=_written(record.value, is_line=is_line),
        expected=record.expected or UNSET,
        mend=record.mend or UNSET,
        record=_written(record.record, is_line=is_line),
    )


def _shown_error(id_: str, error: RecordError) -> RetryError:
    return RetryError(
        id=id_,
        code=error.code,
        message=error.message,
        field=error.field or UNSET,
        value=msgspec.Raw(error.value.encode()) if error.value else UNSET,
        expected=error.expected or UNSET,
        mend=error.mend or UNSET,
    )


def _written(value: msgspec.Raw | None, *, is_line: bool) -> Any:
    """Return JSON as it was written; in a line without the ends of lines that it may have."""
    if value is None:
        return UNSET
    return msgspec.Raw(msgspec.json.format(value, indent=-1)) if is_line else value


ROUTES: tuple[Any, ...] = (list_errors, retry_errors)
