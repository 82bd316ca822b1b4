"""The two ways to carry out a flow: blocking, and on an event loop.

A link owns the connections of one client. Threads may share a `Link`, tasks of one loop an
`AsyncLink`; credentials are renewed by one of them while the others wait.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

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
                return self._http.send(_request(self._http, call, headers))
            case Pause(seconds):
                time.sleep(seconds)
                return None
            case Authorise(refused):
                return self._authorise(refused)

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
                return await self._http.send(_request(self._http, call, headers))
            case Pause(seconds):
                await asyncio.sleep(seconds)
                return None
            case Authorise(refused):
                return await self._authorise(refused)

    async def _authorise(self, refused: Authorisation | None) -> Authorisation:
        found = self.session.current(refused)
        if found is None:
            async with self._lock:
                found = self.session.current(refused)
                if found is None:
                    found = await self.run(self.session.renew())
        return found


def _request(
    http: httpx.Client | httpx.AsyncClient, call: Call, headers: Mapping[str, str]
) -> httpx.Request:
    return http.build_request(
        call.method,
        call.path,
        content=call.content or None,
        headers={**(_JSON if call.content else {}), **call.headers, **headers},
    )
