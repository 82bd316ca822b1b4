"""One connection: its start, and then message after message until it ends.

The simple protocol and the extended one. After an error in the extended one what comes is skipped
until Sync, as clients expect. Statements run on a worker thread; the event loop moves bytes.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from bitbrook.auth.policy import Caller
from bitbrook.errors import BitbrookError, InvalidRequest
from bitbrook.pgwire import messages as wire
from bitbrook.pgwire import types
from bitbrook.pgwire.commands import TOLD_AT_START, SessionSettings, split
from bitbrook.pgwire.host import Host
from bitbrook.pgwire.problems import ProtocolFault, problem
from bitbrook.pgwire.rows import BINARY_FORM, TEXT_FORM, encode_rows
from bitbrook.pgwire.sign_in import SignIn
from bitbrook.pgwire.statements import Answer, Prepared, Statements
from bitbrook.query.parameters import ParameterValue

T = TypeVar("T")

PREPARED_MAX = 1_000
"""Prepared statements that a connection may hold at a time."""

PORTALS_MAX = 32
"""Portals that it may hold: each has its answer until that is out."""

_LOOPBACK = ("127.", "::1")


class Portal(NamedTuple):
    """A statement with its values, ready to be run."""

    prepared: Prepared
    values: tuple[ParameterValue, ...]
    formats: tuple[int, ...]


@dataclass(slots=True)
class Running:
    """A portal that was run, and how many of its rows are out."""

    answer: Answer
    formats: list[int]
    sent: int = 0


@dataclass(slots=True)
class State:
    """What a connection keeps between messages."""

    prepared: dict[str, Prepared] = field(default_factory=dict)
    portals: dict[str, Portal] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    is_skipping: bool = False


class Connection:
    """A client's connection."""

    def __init__(
        self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._state = State()
        self._sign_in: SignIn | None = None
        self._settings = SessionSettings("", "")
        self._statements: Statements | None = None

    def cancel(self) -> None:
        """Have the statement that runs end."""
        if self._statements is not None:
            self._statements.cancel()

    async def serve(self) -> None:
        """Serve until the client or the server ends it."""
        key: int | None = None
        try:
            async with asyncio.timeout(self._host.start_timeout_s):
                parameters = await self._begin()
                if parameters is None:
                    return
                await self._let_in(parameters)
            key = self._host.add(self)
            self._greet(key)
            await self._writer.drain()
            await self._serve_messages()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        except BitbrookError as error:
            await self._say_last(problem(error, is_fatal=True))
        finally:
            self.cancel()
            if key is not None:
                self._host.remove(key)
            if self._sign_in is not None:
                await self._blocking(self._sign_in.end)

    async def _begin(self) -> dict[str, str] | None:
        """Return what the client says of itself, None if it only came to cancel."""
        while True:
            code, body = await wire.read_startup(self._reader)
            match code:
                case wire.SSL_REQUEST if self._host.tls is not None and not self._is_secure():
                    self._writer.write(b"S")
                    await self._writer.drain()
                    await self._writer.start_tls(self._host.tls)
                case wire.SSL_REQUEST | wire.GSS_REQUEST:
                    self._writer.write(b"N")
                    await self._writer.drain()
                case wire.CANCEL_REQUEST:
                    self._host.cancel(body)
                    return None
                case wire.VERSION_3:
                    return wire.startup_parameters(body)
                case _ if code >> 16 == 3:
                    # A minor version that is not spoken; the client may go on with 3.0.
                    return wire.startup_parameters(body)
                case _:
                    raise ProtocolFault("only version 3 of the protocol is spoken", "0A000")

    async def _let_in(self, parameters: dict[str, str]) -> None:
        user = parameters.get("user", "")
        database = parameters.get("database") or user
        if not self._is_secure() and not self._is_local():
            message = (
                "a password is asked for over TLS or from this machine alone; use sslmode=require"
            )
            raise ProtocolFault(message, "28000")
        self._writer.write(wire.ASK_FOR_PASSWORD)
        await self._writer.drain()
        answer = await wire.read_message(self._reader, wire.STARTUP_BYTES_MAX)
        if answer.kind != b"p":
            raise ProtocolFault("a password is expected", "08P01")
        password = wire.Reader(answer.body).text()
        address = str(self._writer.get_extra_info("peername", ("",))[0])

        def let_in() -> tuple[SignIn, Statements]:
            return self._host.let_in(user, password, database, address, self._settings)

        self._settings = SessionSettings(user, parameters.get("application_name", ""))
        self._sign_in, self._statements = await self._blocking(let_in)

    def _greet(self, key: int) -> None:
        self._writer.write(wire.AUTHENTICATION_OK)
        for name in TOLD_AT_START:
            self._writer.write(wire.parameter_status(name, self._settings.values[name.lower()]))
        self._writer.write(wire.backend_key(key, self._host.secret_of(key)))
        self._writer.write(wire.ready(self._settings.status))

    async def _serve_messages(self) -> None:
        handlers: dict[bytes, Callable[[wire.Reader], Any]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
        }
        while True:
            kind, body = await wire.read_message(self._reader, self._host.message_bytes_max)
            if kind == b"X":
                return
            if kind == b"Q":
                self._state.is_skipping = False
                await self._query(wire.Reader(body).text())
            elif kind == b"S":
                self._state.is_skipping = False
                self._forget_portals()
                self._ready()
            elif kind == b"H":
                await self._writer.drain()
                continue
            elif self._state.is_skipping:
                continue
            elif kind in handlers:
                try:
                    await handlers[kind](wire.Reader(body))
                except (asyncio.IncompleteReadError, ConnectionError):
                    raise
                except Exception as error:
                    self._refuse(error)
                    self._state.is_skipping = True
            else:
                raise ProtocolFault(f"message {kind!r} is not known", "08P01")
            await self._writer.drain()

    async def _query(self, text: str) -> None:
        """Answer the statements of a simple query; the first that fails ends it."""
        statements = list(split(text))
        if not statements:
            self._writer.write(wire.EMPTY_QUERY)
        for statement in statements:
            try:
                answer = await self._blocking(partial(self._simple, statement))
                if answer.table is not None:
                    formats = [TEXT_FORM] * len(answer.columns)
                    self._writer.write(wire.row_description(answer.columns, formats))
                    await self._send_rows(answer.table, answer.columns, formats)
                self._tell_changes()
                self._writer.write(wire.command_complete(answer.tag))
            except (asyncio.IncompleteReadError, ConnectionError):
                raise
            except Exception as error:
                self._refuse(error, statement)
                break
        self._ready()

    def _simple(self, statement: str) -> Answer:
        prepared = self._asking.prepare(statement, ())
        return self._asking.run(self._caller(), prepared, ())

    async def _parse(self, body: wire.Reader) -> None:
        name, text = body.text(), body.text()
        oids = body.integers()
        known = self._state.prepared
        if name and name in known:
            raise ProtocolFault(f'prepared statement "{name}" exists already', "42P05")
        if len(known) >= PREPARED_MAX:
            raise ProtocolFault(f"more than {PREPARED_MAX} prepared statements", "53400")
        statements = list(split(text))
        if len(statements) > 1:
            raise ProtocolFault("a prepared statement is one statement", "42601")
        text = statements[0] if statements else ""
        known[name] = await self._blocking(lambda: self._asking.prepare(text, oids))
        self._writer.write(wire.PARSE_COMPLETE)

    async def _bind(self, body: wire.Reader) -> None:
        portal, name = body.text(), body.text()
        prepared = self._prepared(name)
        forms, raw, formats = body.shorts(), body.values(), body.shorts()
        if len(raw) != len(prepared.oids):
            message = f"{len(raw)} values for {len(prepared.oids)} parameters"
            raise ProtocolFault(message, "08P01")
        spread = _spread(forms, len(raw))
        values = tuple(
            types.value_of(value, oid, is_binary=form == BINARY_FORM)
            for value, oid, form in zip(raw, prepared.oids, spread, strict=True)
        )
        if len(self._state.portals) >= PORTALS_MAX and portal not in self._state.portals:
            raise ProtocolFault(f"more than {PORTALS_MAX} portals; close one", "53400")
        self._state.portals[portal] = Portal(prepared, values, tuple(formats))
        self._state.running.pop(portal, None)
        self._writer.write(wire.BIND_COMPLETE)

    async def _describe(self, body: wire.Reader) -> None:
        kind, name = body.byte(), body.text()
        if kind == b"S":
            prepared = self._prepared(name)
            oids = [oid or types.TEXT for oid in prepared.oids]
            self._writer.write(wire.parameter_description(oids))
            columns = await self._blocking(lambda: self._columns(prepared))
            formats: Sequence[int] = [TEXT_FORM] * len(columns)
        else:
            portal = self._portal(name)
            if self._asking.is_of_catalogue(portal.prepared):
                # Only its answer tells its columns; it is kept until it is asked for.
                columns = (await self._run(name, portal)).answer.columns
            else:
                columns = await self._blocking(lambda: self._columns(portal.prepared))
            formats = _spread(portal.formats, len(columns))
        if columns:
            self._writer.write(wire.row_description(columns, formats))
        else:
            self._writer.write(wire.NO_DATA)

    async def _execute(self, body: wire.Reader) -> None:
        name, rows_max = body.text(), body.integer()
        portal = self._portal(name)
        if not portal.prepared.text:
            self._writer.write(wire.EMPTY_QUERY)
            return
        running = self._state.running.get(name) or await self._run(name, portal)
        answer, table = running.answer, running.answer.table
        if table is None:
            self._tell_changes()
            self._writer.write(wire.command_complete(answer.tag))
            return
        page = table.slice(running.sent, rows_max) if rows_max > 0 else table.slice(running.sent)
        await self._send_rows(page, answer.columns, running.formats)
        running.sent += page.num_rows
        if running.sent < table.num_rows:
            self._writer.write(wire.PORTAL_SUSPENDED)
        else:
            # What is out need not be held any longer.
            running.answer, running.sent = answer._replace(table=table.schema.empty_table()), 0
            tag = f"SELECT {page.num_rows}" if answer.tag.startswith("SELECT") else answer.tag
            self._writer.write(wire.command_complete(tag))

    async def _run(self, name: str, portal: Portal) -> Running:
        """Return a portal that was run; its answer is kept until it is taken."""
        answer = await self._blocking(
            lambda: self._asking.run(self._caller(), portal.prepared, portal.values)
        )
        formats = _spread(portal.formats, len(answer.columns))
        running = self._state.running[name] = Running(answer, formats)
        return running

    async def _close(self, body: wire.Reader) -> None:
        kind, name = body.byte(), body.text()
        if kind == b"S":
            self._state.prepared.pop(name, None)
        else:
            self._state.portals.pop(name, None)
            self._state.running.pop(name, None)
        self._writer.write(wire.CLOSE_COMPLETE)

    def _columns(self, prepared: Prepared) -> tuple[wire.Column, ...]:
        return self._asking.describe(self._caller(), prepared) if prepared.text else ()

    async def _send_rows(
        self, table: pa.Table, columns: Sequence[wire.Column], formats: Sequence[int]
    ) -> None:
        pages: Iterator[bytes] = encode_rows(table, columns, formats)
        while (page := await self._blocking(lambda: next(pages, None))) is not None:
            self._writer.write(page)
            await self._writer.drain()

    def _tell_changes(self) -> None:
        """Tell the client the settings that it has changed, if they are such as are told."""
        changed, self._settings.changed = self._settings.changed, []
        for name in TOLD_AT_START:
            if name.lower() in changed:
                self._writer.write(wire.parameter_status(name, self._settings.values[name.lower()]))

    def _refuse(self, error: BaseException, statement: str = "") -> None:
        self._settings.fail()
        self._writer.write(problem(error, statement=statement))

    def _ready(self) -> None:
        self._writer.write(wire.ready(self._settings.status))

    def _forget_portals(self) -> None:
        # A portal lives as long as its transaction, which Sync ends where there is none.
        if not self._settings.is_in_transaction:
            self._state.portals.clear()
            self._state.running.clear()

    def _prepared(self, name: str) -> Prepared:
        prepared = self._state.prepared.get(name)
        if prepared is None:
            raise ProtocolFault(f'there is no prepared statement "{name}"', "26000")
        return prepared

    def _portal(self, name: str) -> Portal:
        portal = self._state.portals.get(name)
        if portal is None:
            raise ProtocolFault(f'there is no portal "{name}"', "34000")
        return portal

    @property
    def _asking(self) -> Statements:
        assert self._statements is not None, "nobody asks before they are let in"
        return self._statements

    def _caller(self) -> Caller:
        assert self._sign_in is not None, "nobody asks before they are let in"
        return self._sign_in.caller()

    def _is_secure(self) -> bool:
        return isinstance(self._writer.get_extra_info("ssl_object"), ssl.SSLObject)

    def _is_local(self) -> bool:
        peer = self._writer.get_extra_info("peername")
        return bool(peer) and str(peer[0]).startswith(_LOOPBACK)

    async def _blocking(self, call: Callable[[], T]) -> T:
        return await self._host.blocking(call)

    async def _say_last(self, last: bytes) -> None:
        try:
            self._writer.write(last)
            await self._writer.drain()
        except ConnectionError:
            pass


def _spread(formats: Sequence[int], count: int) -> list[int]:
    """Return a format for each value: none given is text, one is for all.

    Raises:
        InvalidRequest: there are more or fewer.
    """
    if not formats:
        return [TEXT_FORM] * count
    if len(formats) == 1:
        return [formats[0]] * count
    if len(formats) != count:
        raise InvalidRequest(f"{len(formats)} formats for {count} values")
    return list(formats)
