"""Calls of endpoints: parameters in the address, an answer in any form, `ETag` and 304.

What is known to be so still is answered from memory, on the event loop if nobody else has to be
asked for it; anything else is asked on a worker thread, under a budget that a client who goes away
cancels. Every call leaves a row in `bitbrook_endpoints`.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from litestar import Response, get
from litestar.response import Stream

from bitbrook.api.answers import Body, form_body, whole
from bitbrook.api.bodies import text_header
from bitbrook.api.endpoint_documents import document_of
from bitbrook.api.formats import Format, asked_format
from bitbrook.api.paths import AnyRequest, base_url, versioned
from bitbrook.api.permissions import needs
from bitbrook.api.tracing import state_of
from bitbrook.api.workers import Workers, on_thread
from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.control.database import ControlDatabase
from bitbrook.control.endpoint_calls import CallAnswer, EndpointCall
from bitbrook.control.service import Service
from bitbrook.control.service_rows import moment_of
from bitbrook.control.statements import RunningStatement
from bitbrook.errors import BitbrookError, Cancelled, InvalidValue

TAGS = ["endpoints"]

WATCH_AFTER_S = 0.02
"""Seconds after which a call's client is watched."""

_NAMED_FORMATS = {
    "json": Format.JSON,
    "ndjson": Format.LINES,
    "csv": Format.CSV,
    "arrow": Format.ARROW,
    "parquet": Format.PARQUET,
}
_ABOUT_CALLS = ("version", "tag", "format")


class _Given(NamedTuple):
    """What the address of a call says."""

    parameters: dict[str, list[str]]
    version: str | None
    tag: str | None
    form: Format


class _Answered(NamedTuple):
    """An answer on its way: `query_id` of the statement, "" if none had to run."""

    body: Body
    content_type: str
    etag: str | None
    rows_returned: int | None
    query_id: str
    is_cached: bool


@get(versioned("/endpoints/{endpoint_name:str}"), opt=needs(Right.CALL), tags=TAGS)
async def call_endpoint(
    request: AnyRequest, endpoint_name: str, caller: Caller, service: Service
) -> Response[Any]:
    """Call an endpoint: its parameters stand in the address, the form in `format` or Accept."""
    given = _read_address(request)
    note = _Note(request, endpoint_name, given, caller)
    try:
        call = service.endpoint_calls.begin(
            caller, endpoint_name, given.parameters, version=given.version, tag=given.tag
        )
        note.call = call
        if call.allowance is not None:
            state_of(request.scope)["allowance"] = call.allowance
        answered = await _known(request, service, call, given.form)
        if answered is None:
            answered = await _ask(request, service, call, given.form)
    except BitbrookError as error:
        note.keep(service, error.status, None)
        raise
    response = _response(request, call, answered)
    note.keep(service, response.status_code or 200, answered)
    return response


@get(versioned("/endpoints/openapi.json"), opt=needs(Right.CALL), tags=TAGS)
@on_thread
def describe_endpoints(request: AnyRequest, caller: Caller, service: Service) -> dict[str, Any]:
    """Describe the endpoints that the caller may call as an OpenAPI document."""
    entries = service.endpoints.entries(caller)
    chosen = [(entry, entry.versions[entry.called_version]) for entry in entries]
    return document_of(chosen, base_url(request, service.settings), "Endpoints")


@get(versioned("/endpoints/{endpoint_name:str}/openapi.json"), opt=needs(Right.CALL), tags=TAGS)
@on_thread
def describe_endpoint(
    request: AnyRequest, endpoint_name: str, caller: Caller, service: Service
) -> dict[str, Any]:
    """Describe one endpoint as an OpenAPI document; `version` or `tag` choose which."""
    entry = service.endpoints.entry(caller, endpoint_name)
    row = entry.row
    caller.require(Right.CALL, deployment_id=row.deployment_id, endpoint_id=row.id)
    wanted = request.query_params
    number = service.endpoints.chosen(entry, wanted.get("version"), wanted.get("tag"))
    chosen = [(entry, entry.versions[number])]
    return document_of(chosen, base_url(request, service.settings), row.name)


def _read_address(request: AnyRequest) -> _Given:
    parameters: dict[str, list[str]] = {}
    for name, text in request.query_params.multi_items():
        parameters.setdefault(name, []).append(text)
    version, tag, form = (parameters.pop(name, [None])[-1] for name in _ABOUT_CALLS)
    if form is None:
        return _Given(parameters, version, tag, asked_format(_accept(request)))
    if form not in _NAMED_FORMATS:
        known = ", ".join(_NAMED_FORMATS)
        raise InvalidValue(f"format {form[:20]!r} is unknown; give one of {known}", field="format")
    return _Given(parameters, version, tag, _NAMED_FORMATS[form])


def _accept(request: AnyRequest) -> str:
    return text_header(request.scope, b"accept")


async def _known(
    request: AnyRequest, service: Service, call: EndpointCall, form: Format
) -> _Answered | None:
    """Return an answer that is so still, None if it has to be asked."""
    known = service.endpoint_calls.known
    is_prompt = service.endpoint_calls.is_prompt
    kept = known(call, form) if is_prompt else await on_thread(known)(call, form)
    if kept is None:
        return None
    if kept.body is None and not _is_had(request, kept.etag):
        return None
    body = whole(kept.body or b"")
    return _Answered(body, kept.content_type, kept.etag, kept.rows_returned, "", is_cached=True)


async def _ask(
    request: AnyRequest, service: Service, call: EndpointCall, form: Format
) -> _Answered:
    """Return the answer of a call, asked on a worker thread."""
    workers: Workers = request.app.state["statement_workers"]
    asking = _Asking(service, call, form)
    with service.queries.admitted(call.caller, call.entry.row.deployment_id) as database:
        work = workers.start(asking.run, database)
        waiting = asyncio.ensure_future(asyncio.wrap_future(work))
        try:
            await asyncio.wait({waiting}, timeout=WATCH_AFTER_S)
            if not waiting.done():
                await _watched(request, waiting, asking)
            return await waiting
        except BaseException:
            asking.cancel()
            raise


async def _watched(request: AnyRequest, waiting: "asyncio.Future[Any]", asking: "_Asking") -> None:
    """Return once the answer is there; its statement is cancelled if the client leaves before."""

    async def until_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    watcher: asyncio.Future[Any] = asyncio.ensure_future(until_gone())
    try:
        await asyncio.wait({waiting, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            asking.cancel()
            with contextlib.suppress(BitbrookError):
                await asyncio.wait({waiting})
    finally:
        watcher.cancel()


class _Asking:
    """The statement of one call, from its worker to its end."""

    def __init__(self, service: Service, call: EndpointCall, form: Format) -> None:
        self._service = service
        self._call = call
        self._form = form
        self._statement: RunningStatement | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """Have the statement end within moments."""
        self._is_cancelled = True
        if self._statement is not None:
            self._statement.budget.cancelled.set()

    def run(self, database: ControlDatabase) -> _Answered:
        """Return the answer; on a worker thread."""
        version = self._call.version
        language, text = version.row.language, version.row.statement
        with self._service.queries.statement(database, language, text) as statement:
            self._statement = statement
            if self._is_cancelled:
                statement.budget.cancelled.set()
            run = self._service.endpoint_calls.run
            answered = run(self._call, self._form, database, statement.budget)
            return self._encoded(answered, statement)

    def _encoded(self, answered: CallAnswer, statement: RunningStatement) -> _Answered:
        rows, form = answered.answer.rows, self._form
        count = None if rows is None else rows.table.num_rows
        if rows is None:
            form = Format.JSON
            body = whole(answered.answer.json)
        else:
            bytes_max = statement.budget.answer_bytes_max
            body = form_body(rows, form, statement.elapsed_us, bytes_max=bytes_max)
        is_whole = body.size_bytes is not None and body.size_bytes == len(body.first)
        etag = self._service.endpoint_calls.keep(
            self._call,
            self._form,
            answered,
            body=body.first if is_whole else None,
            content_type=form.value,
            rows_returned=count,
        )
        if is_whole:
            statement.end(rows_returned=count, answer_bytes=len(body.first))
        else:
            pieces = _told(body, statement, count)
            body = Body(b"", pieces, body.size_bytes)
        return _Answered(body, form.value, etag, count, statement.id, is_cached=False)


def _told(body: Body, statement: RunningStatement, count: int | None) -> Iterator[bytes]:
    """Give the pieces of an answer, and end its statement when the last is out, or none is."""
    sent_bytes = 0
    try:
        yield body.first
        sent_bytes += len(body.first)
        for piece in body.others:
            statement.budget.check()
            yield piece
            sent_bytes += len(piece)
    except GeneratorExit:
        statement.end(
            Cancelled("the client went away"), rows_returned=count, answer_bytes=sent_bytes
        )
        raise
    except BaseException as error:
        statement.end(error, rows_returned=count, answer_bytes=sent_bytes)
        raise
    statement.end(rows_returned=count, answer_bytes=sent_bytes)


def _is_had(request: AnyRequest, etag: str | None) -> bool:
    """Whether the client has the answer of this name already."""
    asked = text_header(request.scope, b"if-none-match")
    if not asked or etag is None:
        return False
    names = [name.strip().removeprefix("W/") for name in asked.split(",")]
    return "*" in names or etag in names


def _response(request: AnyRequest, call: EndpointCall, answered: _Answered) -> Response[Any]:
    headers = {
        "x-endpoint-version": str(call.version.row.version),
        "x-cache": "hit" if answered.is_cached else "miss",
        "vary": "accept",
    }
    if answered.query_id:
        headers["x-query-id"] = answered.query_id
    if answered.etag is not None:
        headers |= {"etag": answered.etag, "cache-control": "private, no-cache"}
    if _is_had(request, answered.etag):
        _give_up(answered.body)
        return Response(None, status_code=304, headers=headers)
    first, others, size_bytes = answered.body
    if size_bytes is not None and size_bytes == len(first):
        return Response(first, media_type=answered.content_type, headers=headers)
    if size_bytes is not None:
        headers["content-length"] = str(size_bytes)
    return Stream(others, media_type=answered.content_type, headers=headers)


def _give_up(body: Body) -> None:
    """Have the statement of an answer that nobody needs end."""
    close = getattr(body.others, "close", None)
    if close is not None:
        next(body.others, None)
        close()


class _Note:
    """What the service table of calls is told of one."""

    def __init__(self, request: AnyRequest, name: str, given: _Given, caller: Caller) -> None:
        self.call: EndpointCall | None = None
        self._began_s = SYSTEM_CLOCK.now_s()
        self._request = request
        self._name = name
        self._given = given
        self._caller = caller

    def keep(self, service: Service, status: int, answered: _Answered | None) -> None:
        """Keep the call with how it ended."""
        ended_s = SYSTEM_CLOCK.now_s()
        call, caller = self.call, self._caller
        size_bytes = None if answered is None else answered.body.size_bytes
        row = (
            moment_of(self._began_s),
            state_of(self._request.scope).get("request_id"),
            self._name[:100],
            None if call is None else call.version.row.version,
            self._given.tag,
            None if call is None else call.entry.row.deployment_id,
            caller.email,
            caller.api_key_id,
            status,
            max(0, moment_of(ended_s) - moment_of(self._began_s)),
            answered is not None and answered.is_cached,
            None if answered is None else answered.rows_returned,
            0 if status == 304 else size_bytes,
        )
        service.service_tables.add_call(caller.organisation_id, row)


ROUTES = (describe_endpoints, describe_endpoint, call_endpoint)
