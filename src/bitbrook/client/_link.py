"""The two ways to carry out a flow: blocking, and on an event loop.

A link owns the connections of one client. Threads may share a `Link`, tasks of one loop an
`AsyncLink`; credentials are renewed by one of them while the others wait.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

import httpx

from bitbrook.client._exchange import Retries
from bitbrook.client._session import Session
from bitbrook.client._steps import Authorisation, Authorise, Call, Flow, Pause, Send, Step, T


def _user_agent() -> str:
    try:
        return f"bitbrook-python/{version('bitbrook')}"
    except PackageNotFoundError:
        return "bitbrook-python"


HEADERS = {"user-agent": _user_agent()}
_JSON = {"content-type": "application/json"}


class Link:
    """Carries out flows, blocking."""

    def __init__(self, http: httpx.Client, session: Session, retries: Retries) -> None:
        self.retries = retries
        self.session = session
        self._http = http
        self._lock = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        """Return what a flow returns, or raise what it raises."""
        try:
            step = next(flow)
            while True:
                try:
                    came: object = self._carry_out(step)
                except Exception as fault:
                    step = flow.throw(fault)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            result: T = end.value
            return result

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _carry_out(self, step: Step) -> object:
        match step:
            case Send(call, headers):
                with _opened(call) as files:
                    request = _request(self._http, call, headers, files)
                    if call.saves_to is not None:
                        return self._save(request, call.saves_to)
                    return self._http.send(request)
            case Pause(seconds):
                time.sleep(seconds)
                return None
            case Authorise(refused):
                return self._authorise(refused)

    def _save(self, request: httpx.Request, path: Path) -> httpx.Response:
        """Return an answer whose body is in a file, begun anew, if it is a success."""
        response = self._http.send(request, stream=True)
        try:
            if not response.is_success:
                response.read()
                return response
            with path.open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
        finally:
            response.close()
        return response

    def _authorise(self, refused: Authorisation | None) -> Authorisation:
        found = self.session.current(refused)
        if found is None:
            with self._lock:
                found = self.session.current(refused)
                if found is None:
                    found = self.run(self.session.renew())
        return found


class AsyncLink:
    """Carries out flows on an event loop."""

    def __init__(self, http: httpx.AsyncClient, session: Session, retries: Retries) -> None:
        self.retries = retries
        self.session = session
        self._http = http
        self._lock = asyncio.Lock()

    async def run(self, flow: Flow[T]) -> T:
        """Return what a flow returns, or raise what it raises."""
        try:
            step = next(flow)
            while True:
                try:
                    came: object = await self._carry_out(step)
                except Exception as fault:
                    step = flow.throw(fault)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            result: T = end.value
            return result

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _carry_out(self, step: Step) -> object:
        match step:
            case Send(call, headers):
                with _opened(call) as files:
                    request = _request(self._http, call, headers, files)
                    if call.saves_to is not None:
                        return await self._save(request, call.saves_to)
                    return await self._http.send(request)
            case Pause(seconds):
                await asyncio.sleep(seconds)
                return None
            case Authorise(refused):
                return await self._authorise(refused)

    async def _save(self, request: httpx.Request, path: Path) -> httpx.Response:
        """Return an answer whose body is in a file, begun anew, if it is a success."""
        response = await self._http.send(request, stream=True)
        try:
            if not response.is_success:
                await response.aread()
                return response
            with path.open("wb") as file:
                async for piece in response.aiter_bytes():
                    file.write(piece)
        finally:
            await response.aclose()
        return response

    async def _authorise(self, refused: Authorisation | None) -> Authorisation:
        found = self.session.current(refused)
        if found is None:
            async with self._lock:
                found = self.session.current(refused)
                if found is None:
                    found = await self.run(self.session.renew())
        return found


@contextmanager
def _opened(call: Call) -> Iterator[dict[str, IO[bytes]]]:
    """Give the files of a call, opened anew each time that it is sent."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(path.open("rb")) for name, path in call.files.items()}


def _request(
    http: httpx.Client | httpx.AsyncClient,
    call: Call,
    headers: Mapping[str, str],
    files: Mapping[str, IO[bytes]],
) -> httpx.Request:
    if files:
        return http.build_request(
            call.method,
            call.path,
            data=dict(call.form),
            files=files,
            headers={**call.headers, **headers},
        )
    return http.build_request(
        call.method,
        call.path,
        content=call.content or None,
        headers={**(_JSON if call.content else {}), **call.headers, **headers},
    )
