"""Statements in, answers out.

A statement runs on a worker thread under a budget; a client that goes away cancels it, also while
its answer is sent. A failure of the statement has the shape that clients of its language read:
`{"error": "..."}` for PQL, an answer with an `error` for SQL (200 where the body was plain text,
since fbsql and the Python client look for the key). What is not the statement's fault keeps its own
status.
"""

import asyncio
import enum
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import IO, NamedTuple

import anyio.to_thread
import msgspec
from litestar.types import Receive, Scope, Send

from bitbrook.algebra.budget import WouldWait
from bitbrook.api.answers import Body, ended, form_body, whole
from bitbrook.api.bodies import BodyMemory, decode_text, text_header
from bitbrook.api.formats import Format, asked_format, asks_end, end_line
from bitbrook.api.guard import Guard
from bitbrook.api.problems import problem_of, unreadable_body
from bitbrook.api.prompt import GIVE_UP_S, TEXT_CHARACTERS_MAX, Shape, Shapes
from bitbrook.api.tracing import state_of
from bitbrook.api.uploads import Uploads, is_multipart
from bitbrook.api.workers import Workers
from bitbrook.auth.policy import Caller
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.control.database import ControlDatabase
from bitbrook.control.fences import HEADER as MIN_SEQ
from bitbrook.control.fences import Fences
from bitbrook.control.queries import Queries
from bitbrook.control.statements import RunningStatement
from bitbrook.errors import BitbrookError, Cancelled, InvalidBody, InvalidFence
from bitbrook.query.pql import run_pql
from bitbrook.query.results.sql_json import encode_error
from bitbrook.query.shapes import shape_of
from bitbrook.query.sql import run_sql
from bitbrook.sources.compression import decompress
from bitbrook.telemetry.steps import step

QUERY_ID = "x-query-id"
"""Header that names the statement that an answer is of, also when it failed."""

WATCH_AFTER_S = 0.02
"""Seconds after which a statement's client is watched."""

_MIN_SEQ = MIN_SEQ.lower().encode()
_SLOW_HEADERS = frozenset({b"content-encoding", _MIN_SEQ})

_GIVEN_UP = "the server stopped and could not wait for this statement"

_OWN_FAILURES = frozenset({400, 404, 409, 413, 422, 501})
"""Statuses of errors that are the statement's own; no right, no time and no luck are not."""


class Language(enum.StrEnum):
    """What a statement is written in."""

    PQL = "pql"
    SQL = "sql"


class Statement(msgspec.Struct):
    """A statement and its language."""

    language: str
    statement: str


class BodyForm(NamedTuple):
    """How a route's body is read, and the status of a statement that fails by its own fault."""

    read: Callable[[bytes], tuple[Language, str]]
    failure_status: int


class Answer(NamedTuple):
    """What is sent back. `rows_returned`: None where the answer is no rows."""

    status: int
    content_type: str
    body: Body
    headers: Mapping[str, str] = MappingProxyType({})
    rows_returned: int | None = None


class QueryRoutes:
    """Serves the statements of every deployment."""

    def __init__(
        self,
        queries: Queries,
        fences: Fences,
        guard: Guard,
        workers: Workers,
        memory: BodyMemory,
        *,
        uploads: Uploads,
        body_bytes_max: int,
    ) -> None:
        self._uploads = uploads
        self._queries = queries
        self._fences = fences
        self._guard = guard
        self._workers = workers
        self._memory = memory
        self._body_bytes_max = body_bytes_max
        self._shapes = Shapes()

    async def json_body(
        self, scope: Scope, receive: Receive, send: Send, deployment_id: str
    ) -> None:
        """Answer `{"language": ..., "statement": ...}`, or SQL with files."""
        await self._serve(scope, receive, send, deployment_id, _JSON_BODY)

    async def text_body(
        self, scope: Scope, receive: Receive, send: Send, deployment_id: str
    ) -> None:
        """Answer SQL that is the whole body, or comes with files."""
        await self._serve(scope, receive, send, deployment_id, _TEXT_BODY)

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        deployment_id: str,
        form: BodyForm,
    ) -> None:
        # Before the body: nobody unknown can make the server hold one.
        visit = _Visit(scope, self._guard.caller(scope))
        if is_multipart(scope):
            await self._serve_upload(visit, receive, send, deployment_id, form)
            return
        try:
            with self._memory.holding() as held:
                body = await held.read(scope, receive, bytes_max=self._body_bytes_max)
                with self._queries.admitted(visit.caller, deployment_id) as database:
                    answer = self._answer_at_once(visit, database, body, form)
                    if answer is None:
                        work = self._workers.start(self._answer, visit, database, body, form)
                        visit.watch(work, receive)
                        del body
                        answer = await asyncio.wrap_future(work)
            await _send_answer(answer, visit, send)
        finally:
            # Also when it is the server that gives up: it has drained long enough.
            visit.leave()

    async def _serve_upload(
        self, visit: "_Visit", receive: Receive, send: Send, deployment_id: str, form: BodyForm
    ) -> None:
        """Answer SQL that comes with files, which are gone once it has run."""
        try:
            with (
                self._queries.admitted(visit.caller, deployment_id) as database,
                self._uploads.room(),
                self._memory.holding() as held,
            ):
                upload = await self._uploads.read(visit.scope, receive, held)
                given = (Language.SQL, upload.statement)
                form = BodyForm(lambda _: given, form.failure_status)
                visit.files = upload.files
                try:
                    work = self._workers.start(self._answer, visit, database, b"", form)
                except BaseException:
                    upload.close()
                    raise
                # Not before the work has ended, also when it is given up.
                work.add_done_callback(lambda _: upload.close())
                visit.watch(work, receive)
                answer = await asyncio.wrap_future(work)
            await _send_answer(answer, visit, send)
        finally:
            visit.leave()

    def _answer_at_once(
        self, visit: "_Visit", database: ControlDatabase, body: bytes, form: BodyForm
    ) -> Answer | None:
        """Return the answer if its shape is known to be a prompt one, else None; on the loop."""
        if len(body) > TEXT_CHARACTERS_MAX or _needs_worker(visit.scope):
            return None
        language, text = form.read(body)
        visit.shape = self._shapes.of(database.deployment_id, language.value, shape_of(text))
        if not visit.shape.is_prompt:
            return None
        began_s = SYSTEM_CLOCK.monotonic_s()
        try:
            return self._answer(visit, database, body, form, may_wait=False)
        except WouldWait as wait:
            visit.statement = None
            if wait.is_lasting:
                visit.shape.refuse()
            else:
                visit.shape.note(SYSTEM_CLOCK.monotonic_s() - began_s)
            return None

    def _answer(
        self,
        visit: "_Visit",
        database: ControlDatabase,
        body: bytes,
        form: BodyForm,
        *,
        may_wait: bool = True,
    ) -> Answer:
        """Return the answer to one request; on a worker thread unless it may not wait."""
        visit.check()
        # A request with tokens always has a worker.
        tokens = text_header(visit.scope, _MIN_SEQ) if may_wait else ""
        if tokens:
            database.fence = self._fences.fence(database.deployment_id, tokens)
        encoding = text_header(visit.scope, b"content-encoding")
        language, text = form.read(decompress(body, encoding, self._body_bytes_max))
        asked = asked_format(text_header(visit.scope, b"accept"))
        work_s = SYSTEM_CLOCK.thread_cpu_s if may_wait else SYSTEM_CLOCK.monotonic_s
        began_s = work_s()
        try:
            with self._queries.statement(database, language.value, text) as statement:
                visit.begin(statement)
                if not may_wait:
                    statement.budget.prompt_until_s = began_s + GIVE_UP_S
                answer = _run(language, text, database, visit, asked)
                if database.fence is not None:
                    database.fence.finish()
                if visit.shape is not None:
                    visit.shape.note(work_s() - began_s)
                if answer.body.size_bytes is not None:
                    # Before it is sent: whoever has read it finds it among those that ended.
                    statement.end(
                        rows_returned=answer.rows_returned, answer_bytes=answer.body.size_bytes
                    )
        except BitbrookError as error:
            if visit.statement is None:
                raise
            answer = _failure(language, error, visit, form)
        assert visit.statement is not None, "a statement that was answered had begun"
        return answer._replace(headers={**answer.headers, QUERY_ID: visit.statement.id})


class _Visit:
    """One request: who asks what, and whether they still wait, as its statement learns it."""

    def __init__(self, scope: Scope, caller: Caller) -> None:
        self.scope = scope
        self.caller = caller
        self.statement: RunningStatement | None = None
        self.files: Mapping[str, IO[bytes]] = {}
        self.shape: Shape | None = None
        self._has_left = False
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._work: Future[Answer] | None = None

    def check(self) -> None:
        """Return if the client still waits and nobody has cancelled, else raise Cancelled."""
        if self._has_left:
            raise Cancelled("the client went away")
        if self.statement is not None and self.statement.budget.cancelled.is_set():
            raise Cancelled("the statement was cancelled")

    def begin(self, statement: RunningStatement) -> None:
        """Have this statement cancelled when the client leaves, or now if it has left."""
        self.statement = statement
        if self._has_left:
            statement.budget.cancelled.set()

    def watch(self, work: Future[Answer], receive: Receive) -> None:
        """Watch, from a moment on, whether the client leaves before the work's answer is sent."""
        self._work = work

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            self._leave()

        def begin() -> None:
            self._watcher = loop.create_task(watch())

        # Most statements are done before it pays to look whether their client is still there.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCH_AFTER_S, begin)

    def leave(self) -> None:
        """The request is over, however it went."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        self._leave()
        if self._work is not None:
            # An answer that nobody sends ends its statement too.
            self._work.add_done_callback(self._end)

    def _end(self, _: Future[Answer]) -> None:
        if self.statement is not None:
            self.statement.end(Cancelled(_GIVEN_UP))

    def _leave(self) -> None:
        self._has_left = True
        if self.statement is not None:
            self.statement.budget.cancelled.set()


def _needs_worker(scope: Scope) -> bool:
    """Whether a request has something to it that may take long, whatever its statement costs."""
    return any(name in _SLOW_HEADERS for name, _ in scope["headers"])


async def _send_answer(answer: Answer, visit: _Visit, send: Send) -> None:
    """Send an answer; one without a known size while it is written, and then end its statement."""
    first, others, size_bytes = answer.body
    headers = [(b"content-type", answer.content_type.encode())]
    headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    if size_bytes is not None:
        headers.append((b"content-length", b"%d" % size_bytes))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if size_bytes == len(first):
        await send({"type": "http.response.body", "body": first, "more_body": False})
        return
    statement = visit.statement
    assert statement is not None, "only statements are answered in pieces"
    sent_bytes = 0
    piece: bytes | None = first
    try:
        while piece is not None:
            visit.check()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent_bytes += len(piece)
            piece = await anyio.to_thread.run_sync(next, others, None)
    except BaseException as error:
        is_given_up = isinstance(error, asyncio.CancelledError)
        reason = Cancelled(_GIVEN_UP) if is_given_up else error
        statement.end(reason, rows_returned=answer.rows_returned, answer_bytes=sent_bytes)
        raise
    statement.end(rows_returned=answer.rows_returned, answer_bytes=sent_bytes)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _run(
    language: Language,
    text: str,
    database: ControlDatabase,
    visit: _Visit,
    form: Format,
) -> Answer:
    statement = visit.statement
    assert statement is not None, "begun before it runs"
    budget = statement.budget
    if language is Language.PQL:
        return Answer(200, Format.JSON, whole(run_pql(text, database, budget)))
    answer = run_sql(text, database, budget, uploads=visit.files)
    with step("encode"):
        body = form_body(answer, form, statement.elapsed_us, bytes_max=budget.answer_bytes_max)
    query: bytes = visit.scope["query_string"]
    if query and asks_end(query.decode("latin-1")):
        line = end_line(form, answer.table.num_rows)
        body = ended(body, line) if line else body
    return Answer(200, form, body, rows_returned=answer.table.num_rows)


def _failure(language: Language, error: BitbrookError, visit: _Visit, form: BodyForm) -> Answer:
    if error.status not in _OWN_FAILURES or isinstance(error, InvalidFence):
        problem = problem_of(error)
        request_id = state_of(visit.scope).get("request_id", "")
        body = whole(problem.body(request_id))
        return Answer(problem.status, Format.JSON, body, problem.headers)
    if language is Language.PQL:
        return Answer(400, Format.JSON, whole(msgspec.json.encode({"error": error.message})))
    assert visit.statement is not None, "a statement that failed had begun"
    body = whole(encode_error(error.message, visit.statement.elapsed_us))
    return Answer(form.failure_status, Format.JSON, body)


def _read_statement(body: bytes) -> tuple[Language, str]:
    try:
        statement = msgspec.json.decode(body, type=Statement)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise unreadable_body(fault) from None
    try:
        return Language(statement.language.lower()), statement.statement
    except ValueError:
        message = f"language {statement.language!r} is unknown; give sql or pql"
        raise InvalidBody(message, field="language") from None


def _read_text(body: bytes) -> tuple[Language, str]:
    return Language.SQL, decode_text(body)


_JSON_BODY = BodyForm(_read_statement, 400)
_TEXT_BODY = BodyForm(_read_text, 200)
