"""The clients: where a caller begins.

`transport` is the one seam: whatever carries an httpx request to an answer, such as a proxy or an
application in the same process, goes in there.
"""

from types import TracebackType
from typing import Self

import httpx

from bitbrook.client._async_deployments import AsyncDeployments
from bitbrook.client._async_endpoints import AsyncEndpoints
from bitbrook.client._async_people import AsyncApiKeys, AsyncInvites, AsyncUsers
from bitbrook.client._async_queries import AsyncQueries
from bitbrook.client._async_sources import AsyncSources
from bitbrook.client._async_tables import AsyncTables
from bitbrook.client._configuration import find_credentials, find_url
from bitbrook.client._deployments import Deployments
from bitbrook.client._endpoints import Endpoints
from bitbrook.client._exchange import Retries
from bitbrook.client._link import HEADERS, AsyncLink, Link
from bitbrook.client._people import ApiKeys, Invites, Users
from bitbrook.client._queries import Queries
from bitbrook.client._session import Session
from bitbrook.client._sources import Sources
from bitbrook.client._tables import Tables


class Client:
    """A bitbrook server, for threads; also a context manager that closes its connections.

    Parameters:
        url: where it is; by default `BITBROOK_URL`, else http://127.0.0.1:8000.
        email, password: sign in when first needed; tokens are renewed by themselves. By default
            `BITBROOK_EMAIL` and `BITBROOK_PASSWORD`.
        token: an ID or access token, used as it is; by default `BITBROOK_TOKEN`.
        api_key: an API key; by default `BITBROOK_API_KEY`.
        retries: how long calls are repeated.
        timeout_s: how long to wait for a connection, or for the next part of an answer.
        transport: what carries requests; by default httpx's own.

    Raises:
        ConfigurationError: no address or credentials, or ones that cannot be.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        email: str | None = None,
        password: str | None = None,
        token: str | None = None,
        api_key: str | None = None,
        retries: Retries | None = None,
        timeout_s: float = 70.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = find_url(url)
        retries = retries or Retries()
        session = Session(find_credentials(email, password, token, api_key), retries)
        http = httpx.Client(
            base_url=self.url, timeout=timeout_s, headers=HEADERS, transport=transport
        )
        self._link = Link(http, session, retries)
        self.deployments = Deployments(self._link)
        self.tables = Tables(self._link)
        self.sources = Sources(self._link)
        self.endpoints = Endpoints(self._link)
        self.queries = Queries(self._link)
        self.users = Users(self._link)
        self.invites = Invites(self._link)
        self.api_keys = ApiKeys(self._link)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def sign_out(self) -> None:
        """End the session at the server, its tokens included; the next call signs in again."""
        self._link.run(self._link.session.end())

    def close(self) -> None:
        """Close the connections."""
        self._link.close()


class AsyncClient:
    """A bitbrook server, for the tasks of one event loop; also an async context manager.

    The parameters are those of `Client`; `transport` is an async one.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        email: str | None = None,
        password: str | None = None,
        token: str | None = None,
        api_key: str | None = None,
        retries: Retries | None = None,
        timeout_s: float = 70.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = find_url(url)
        retries = retries or Retries()
        session = Session(find_credentials(email, password, token, api_key), retries)
        http = httpx.AsyncClient(
            base_url=self.url, timeout=timeout_s, headers=HEADERS, transport=transport
        )
        self._link = AsyncLink(http, session, retries)
        self.deployments = AsyncDeployments(self._link)
        self.tables = AsyncTables(self._link)
        self.sources = AsyncSources(self._link)
        self.endpoints = AsyncEndpoints(self._link)
        self.queries = AsyncQueries(self._link)
        self.users = AsyncUsers(self._link)
        self.invites = AsyncInvites(self._link)
        self.api_keys = AsyncApiKeys(self._link)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def sign_out(self) -> None:
        """End the session at the server, its tokens included; the next call signs in again."""
        await self._link.run(self._link.session.end())

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()
