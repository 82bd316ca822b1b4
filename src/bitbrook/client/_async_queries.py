"""Statements as things of their own, for asyncio: which run, which ran, and an end to one."""

import builtins

from bitbrook.client import _people_operations as operations
from bitbrook.client._link import AsyncLink
from bitbrook.client._models import DeploymentModel
from bitbrook.client._names import id_of
from bitbrook.client._people_models import Query


class AsyncQueries:
    """Statements. One is given as a struct or by its id."""

    def __init__(self, link: AsyncLink) -> None:
        self._link = link

    async def list(self) -> builtins.list[Query]:
        """Return those that run, oldest first: the caller's, an administrator's all."""
        return await self._link.run(operations.list_queries(self._link.retries))

    async def past(
        self, deployment: DeploymentModel | str, *, limit: int = 100
    ) -> builtins.list[Query]:
        """Return the last ones of a deployment, newest first, those that run included."""
        flow = operations.list_past_queries(id_of(deployment), limit, self._link.retries)
        return await self._link.run(flow)

    async def cancel(self, query: Query | str) -> Query:
        """Return one, which ends within moments.

        Raises:
            NotFound: it does not run.
        """
        id_ = query if isinstance(query, str) else query.id
        return await self._link.run(operations.cancel_query(id_, self._link.retries))
