"""Statements in, answers out.

A statement runs on a worker thread under a budget; a client that goes away cancels it. A failure of
the statement has the shape that clients of its language read: `{"error": "..."}` for PQL, an answer
with an `error` for SQL (200 where the body was plain text, since fbsql and the Python client look
for the key). What is not the statement's fault keeps its own status.
"""

import asyncio
import enum
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import msgspec
from litestar.types import Receive, Scope, Send

from bitbrook.algebra.budget import Budget
from bitbrook.api.bodies import BodyMemory, decode_text, text_header
from bitbrook.api.formats import Format, asked_format, encode_answer
from bitbrook.api.guard import Guard
from bitbrook.api.problems import unreadable_body
from bitbrook.api.tracing import respond
from bitbrook.api.workers import Workers
from bitbrook.auth.policy import Caller
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.control.database import ControlDatabase
from bitbrook.control.queries import Queries
from bitbrook.errors import BitbrookError, Cancelled, InvalidBody
from bitbrook.query.pql import run_pql
from bitbrook.query.results.sql_json import check_size, encode_error
from bitbrook.query.sql import run_sql
from bitbrook.sources.compression import decompress
from bitbrook.telemetry.metrics import count_statement

WATCH_AFTER_S = 0.02
"""Seconds after which a statement's client is watched."""

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
    """What is sent back."""

    status: int
    content_type: str
    body: bytes


class QueryRoutes:
    """Serves the statements of every deployment."""

    def __init__(
        self,
        queries: Queries,
        guard: Guard,
        workers: Workers,
        memory: BodyMemory,
        *,
        body_bytes_max: int,
    ) -> None:
        self._queries = queries
        self._guard = guard
        self._workers = workers
        self._memory = memory
        self._body_bytes_max = body_bytes_max

    async def json_body(
        self, scope: Scope, receive: Receive, send: Send, deployment_id: str
    ) -> None:
        """Answer `{"language": ..., "statement": ...}`."""
        await self._serve(scope, receive, send, deployment_id, _JSON_BODY)

    async def text_body(
        self, scope: Scope, receive: Receive, send: Send, deployment_id: str
    ) -> None:
        """Answer SQL that is the whole body."""
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
        caller = self._guard.caller(scope)
        visit = _Visit(scope, caller, deployment_id)
        with self._memory.holding() as held:
            body = await held.read(scope, receive, bytes_max=self._body_bytes_max)
            work = self._workers.start(self._answer, visit, body, form)
            del body
            answer = await _finish_unless_left(work, visit, receive)
        await respond(
            send, answer.body, status=answer.status, content_type=answer.content_type.encode()
        )

    def _answer(self, visit: "_Visit", body: bytes, form: BodyForm) -> Answer:
        """Return the answer to one request; on a worker thread."""
        visit.check()
        encoding = text_header(visit.scope, b"content-encoding")
        language, text = form.read(decompress(body, encoding, self._body_bytes_max))
        database = self._database(visit.caller, visit.deployment_id)
        asked = asked_format(text_header(visit.scope, b"accept"))
        started_s = SYSTEM_CLOCK.monotonic_s()
        outcome = "success"
        try:
            with self._queries.budget() as budget:
                visit.watch(budget)
                return _run(language, text, database, budget, asked)
        except BitbrookError as error:
            outcome = error.code
            if error.status not in _OWN_FAILURES:
                raise
            return _failure(language, error, _elapsed_us(started_s), form)
        finally:
            count_statement(language.value, outcome, SYSTEM_CLOCK.monotonic_s() - started_s)

    def _database(self, caller: Caller, deployment_id: str) -> ControlDatabase:
        if deployment_id:
            return self._queries.database(caller, deployment_id)
        return self._queries.default_database(caller)


class _Visit:
    """One request: who asks what, and whether they still wait, as a budget learns it."""

    def __init__(self, scope: Scope, caller: Caller, deployment_id: str) -> None:
        self.scope = scope
        self.caller = caller
        self.deployment_id = deployment_id
        self._budget: Budget | None = None
        self._has_left = False

    def check(self) -> None:
        """Return if the client still waits, else raise Cancelled."""
        if self._has_left:
            raise Cancelled("the client went away before its statement began")

    def watch(self, budget: Budget) -> None:
        """Have this budget cancelled when the client leaves, or now if it has left."""
        self._budget = budget
        if self._has_left:
            budget.cancelled.set()

    def leave(self) -> None:
        """The client has gone away."""
        self._has_left = True
        if self._budget is not None:
            self._budget.cancelled.set()


async def _finish_unless_left(work: Future[Answer], visit: _Visit, receive: Receive) -> Answer:
    """Return the work's answer; tell the visit if the client leaves before it is there."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        visit.leave()

    # Most statements are done before it pays to look whether their client is still there.
    watchers: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    timer = loop.call_later(WATCH_AFTER_S, lambda: watchers.append(loop.create_task(watch())))
    try:
        return await asyncio.wrap_future(work)
    finally:
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()
        # Also when it is the server that gives up: it has drained long enough.
        visit.leave()


def _run(
    language: Language, text: str, database: ControlDatabase, budget: Budget, form: Format
) -> Answer:
    if language is Language.PQL:
        return Answer(200, Format.JSON, run_pql(text, database, budget))
    started_s = SYSTEM_CLOCK.monotonic_s()
    answer = run_sql(text, database, budget)
    encoded = encode_answer(answer, form, _elapsed_us(started_s))
    check_size(len(encoded), budget.answer_bytes_max)
    return Answer(200, form, encoded)


def _failure(language: Language, error: BitbrookError, elapsed_us: int, form: BodyForm) -> Answer:
    if language is Language.PQL:
        return Answer(400, Format.JSON, msgspec.json.encode({"error": error.message}))
    return Answer(form.failure_status, Format.JSON, encode_error(error.message, elapsed_us))


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


def _elapsed_us(started_s: float) -> int:
    return round((SYSTEM_CLOCK.monotonic_s() - started_s) * 1_000_000)
