"""Deployments, for asyncio.

A collection (`client.deployments`) works by ids; what it returns is a handle: a frozen struct of
what the server said at that moment, with the operations on that one thing. A handle never changes;
`reload` returns what is there now. Tables and sources are made in the same way. Of these modules
one is made from the other, by `make twins`.
"""

import builtins
from collections.abc import Sequence
from typing import Any, Literal

from bitbrook.client import _operations as operations
from bitbrook.client._async_tables import AsyncDeploymentTables, AsyncTables
from bitbrook.client._link import AsyncLink
from bitbrook.client._models import DeploymentModel, Shape
from bitbrook.client._names import WAIT_S, Tokens, Upload, id_of
from bitbrook.client._result import Result
from bitbrook.client._steps import Flow


class AsyncDeployment(DeploymentModel, frozen=True, dict=True):
    """A deployment, as it was when it was asked for, and what can be done with it."""

    @property
    def tables(self) -> "AsyncDeploymentTables":
        """Its tables."""
        return AsyncDeploymentTables(AsyncTables(_link_of(self)), self.id)

    async def sql(
        self,
        statement: str,
        parameters: Sequence[object] = (),
        *,
        format: Literal["json", "arrow"] = "json",  # noqa: A002 - the word people look for
        upload: Upload | None = None,
        min_seq: Tokens = "",
    ) -> Result:
        """Return the result of a SQL statement, its `?` marks replaced by parameters.

        `format`: how the answer travels; arrow is the faster one for frames. `upload`: a file for
        `BULK INSERT ... FROM 'file' WITH INPUT 'UPLOAD'`, or several by the names after FROM.
        `min_seq`: tokens of writes that it has to see.

        Raises:
            InvalidStatement: the statement failed; the message says where and why.
            ValueError: marks and parameters do not match, or a parameter has no literal.
        """
        return await AsyncDeployments(_link_of(self)).sql(
            self, statement, parameters, format=format, upload=upload, min_seq=min_seq
        )

    async def pql(self, statement: str, *, min_seq: Tokens = "") -> list[Any]:
        """Return one answer for each call of a PQL statement; `min_seq` as of `sql`."""
        return await AsyncDeployments(_link_of(self)).pql(self, statement, min_seq=min_seq)

    async def wait_until_running(self, timeout_s: float = WAIT_S) -> "AsyncDeployment":
        """Return it once it runs."""
        return await AsyncDeployments(_link_of(self)).wait_until_running(self, timeout_s)

    async def wait_until_gone(self, timeout_s: float = WAIT_S) -> None:
        """Return once it is deleted."""
        await AsyncDeployments(_link_of(self)).wait_until_gone(self, timeout_s)

    async def reload(self) -> "AsyncDeployment":
        """Return it as it is now."""
        return await AsyncDeployments(_link_of(self)).get(self.id)

    async def delete(self) -> None:
        """Have it deleted; it must have no tables."""
        await AsyncDeployments(_link_of(self)).delete(self)


class AsyncDeployments:
    """The organisation's deployments. A deployment is given as a handle or by its id."""

    def __init__(self, link: AsyncLink) -> None:
        self._link = link

    async def shapes(self) -> builtins.list[Shape]:
        """Return the shapes on offer, smallest first."""
        return await self._link.run(operations.list_shapes(self._link.retries))

    async def create(self, name: str, shape: str = "8GB") -> AsyncDeployment:
        """Return a new deployment; it is CREATING, `wait_until_running` waits for it."""
        flow = operations.create_deployment(name, shape, AsyncDeployment, self._link.retries)
        return self._bound(await self._link.run(flow))

    async def list(self) -> builtins.list[AsyncDeployment]:
        """Return all of them."""
        flow = operations.list_deployments(AsyncDeployment, self._link.retries)
        return [self._bound(each) for each in await self._link.run(flow)]

    async def get(self, deployment_id: str) -> AsyncDeployment:
        """Return one by its id.

        Raises:
            NotFound: there is none.
        """
        return self._bound(await self._link.run(self._look(deployment_id)))

    async def find(self, name: str) -> AsyncDeployment | None:
        """Return the one of that name, None if there is none."""
        listed = await self.list()
        return next((each for each in listed if each.name == name), None)

    async def delete(self, deployment: DeploymentModel | str) -> None:
        """Have one deleted; it must have no tables."""
        await self._link.run(operations.delete_deployment(id_of(deployment), self._link.retries))

    async def wait_until_running(
        self, deployment: DeploymentModel | str, timeout_s: float = WAIT_S
    ) -> AsyncDeployment:
        """Return one once it runs.

        Raises:
            CreationFailed: it never will.
            WaitTimedOut: it does not yet.
        """
        id_ = id_of(deployment)
        flow = operations.wait_until_running(lambda: self._look(id_), timeout_s)
        return self._bound(await self._link.run(flow))

    async def wait_until_gone(
        self, deployment: DeploymentModel | str, timeout_s: float = WAIT_S
    ) -> None:
        """Return once one is deleted."""
        id_ = id_of(deployment)
        await self._link.run(operations.wait_until_gone(lambda: self._look(id_), timeout_s))

    async def sql(
        self,
        deployment: DeploymentModel | str,
        statement: str,
        parameters: Sequence[object] = (),
        *,
        format: Literal["json", "arrow"] = "json",  # noqa: A002 - the word people look for
        upload: Upload | None = None,
        min_seq: Tokens = "",
    ) -> Result:
        """Return the result of a SQL statement, its `?` marks replaced by parameters."""
        flow = operations.run_sql(
            id_of(deployment),
            statement,
            parameters,
            format,
            upload=upload,
            min_seq=min_seq,
            retries=self._link.retries,
        )
        return await self._link.run(flow)

    async def pql(
        self, deployment: DeploymentModel | str, statement: str, *, min_seq: Tokens = ""
    ) -> builtins.list[Any]:
        """Return one answer for each call of a PQL statement."""
        flow = operations.run_pql(id_of(deployment), statement, self._link.retries, min_seq=min_seq)
        return await self._link.run(flow)

    def _look(self, id_: str) -> Flow[AsyncDeployment]:
        return operations.get_deployment(id_, AsyncDeployment, self._link.retries)

    def _bound(self, deployment: AsyncDeployment) -> AsyncDeployment:
        deployment.__dict__["link"] = self._link
        return deployment


def _link_of(handle: AsyncDeployment) -> AsyncLink:
    link: AsyncLink = handle.__dict__["link"]
    return link
