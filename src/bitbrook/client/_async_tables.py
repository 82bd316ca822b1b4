"""Tables, for asyncio: of every deployment, of one, and one of them."""

import builtins
from os import PathLike
from pathlib import Path

from bitbrook.client import _operations as operations
from bitbrook.client._link import AsyncLink
from bitbrook.client._models import DeploymentModel, FieldOptions, TableModel
from bitbrook.client._names import WAIT_S, id_of, name_of
from bitbrook.client._steps import Flow


class AsyncTable(TableModel, frozen=True, dict=True):
    """A table, as it was when it was asked for, and what can be done with it."""

    @property
    def deployment_id(self) -> str:
        """The deployment it is in."""
        deployment_id: str = self.__dict__["deployment_id"]
        return deployment_id

    async def add_field(self, name: str, options: FieldOptions) -> "AsyncTable":
        """Return it with another field, empty in every record."""
        return await AsyncTables(_link_of(self)).add_field(self.deployment_id, self, name, options)

    async def drop_field(self, name: str) -> "AsyncTable":
        """Return it without a field and what that held."""
        return await AsyncTables(_link_of(self)).drop_field(self.deployment_id, self, name)

    async def export(
        self,
        path: str | PathLike[str],
        *,
        format: str | None = None,  # noqa: A002 - the word people look for
    ) -> Path:
        """Return a file that gets all of it. `format`: of the file's name by default.

        It is ndjson, csv, arrow or parquet.
        """
        return await AsyncTables(_link_of(self)).export(
            self.deployment_id, self, path, format=format
        )

    async def wait_until_gone(self, timeout_s: float = WAIT_S) -> None:
        """Return once it is deleted."""
        await AsyncTables(_link_of(self)).wait_until_gone(self.deployment_id, self, timeout_s)

    async def reload(self) -> "AsyncTable":
        """Return it as it is now."""
        return await AsyncTables(_link_of(self)).get(self.deployment_id, self.name)

    async def delete(self) -> None:
        """Have it deleted; no source may feed it."""
        await AsyncTables(_link_of(self)).delete(self.deployment_id, self)


class AsyncTables:
    """The tables of every deployment. A table is given as a handle or by its name."""

    def __init__(self, link: AsyncLink) -> None:
        self._link = link

    async def create(
        self,
        deployment: DeploymentModel | str,
        name: str,
        *,
        keys: bool | None = None,
        description: str = "",
    ) -> AsyncTable:
        """Return a new table.

        `keys`: whether records have string ids; None leaves that to the first source.
        """
        id_ = id_of(deployment)
        flow = operations.create_table(
            id_,
            name,
            keys=keys,
            description=description,
            type_=AsyncTable,
            retries=self._link.retries,
        )
        return self._bound(id_, await self._link.run(flow))

    async def list(self, deployment: DeploymentModel | str) -> builtins.list[AsyncTable]:
        """Return all tables of a deployment."""
        id_ = id_of(deployment)
        flow = operations.list_tables(id_, AsyncTable, self._link.retries)
        return [self._bound(id_, each) for each in await self._link.run(flow)]

    async def get(self, deployment: DeploymentModel | str, name: str) -> AsyncTable:
        """Return one by its name.

        Raises:
            NotFound: there is none.
        """
        id_ = id_of(deployment)
        return self._bound(id_, await self._link.run(self._look(id_, name)))

    async def export(
        self,
        deployment: DeploymentModel | str,
        table: TableModel | str,
        path: str | PathLike[str],
        *,
        format: str | None = None,  # noqa: A002 - the word people look for
    ) -> Path:
        """Return a file that gets all of one. `format`: ndjson, csv, arrow or parquet.

        It is that of the file's name by default.
        """
        flow = operations.export_table(
            id_of(deployment), name_of(table), Path(path), format, self._link.retries
        )
        return await self._link.run(flow)

    async def delete(self, deployment: DeploymentModel | str, table: TableModel | str) -> None:
        """Have one deleted; no source may feed it."""
        flow = operations.delete_table(id_of(deployment), name_of(table), self._link.retries)
        await self._link.run(flow)

    async def wait_until_gone(
        self, deployment: DeploymentModel | str, table: TableModel | str, timeout_s: float = WAIT_S
    ) -> None:
        """Return once one is deleted."""
        id_, name = id_of(deployment), name_of(table)
        await self._link.run(operations.wait_until_gone(lambda: self._look(id_, name), timeout_s))

    async def add_field(
        self,
        deployment: DeploymentModel | str,
        table: TableModel | str,
        name: str,
        options: FieldOptions,
    ) -> AsyncTable:
        """Return a table with another field, empty in every record."""
        id_ = id_of(deployment)
        flow = operations.add_field(
            id_, name_of(table), name, options, type_=AsyncTable, retries=self._link.retries
        )
        return self._bound(id_, await self._link.run(flow))

    async def drop_field(
        self, deployment: DeploymentModel | str, table: TableModel | str, name: str
    ) -> AsyncTable:
        """Return a table without a field and what that held."""
        id_ = id_of(deployment)
        flow = operations.drop_field(id_, name_of(table), name, AsyncTable, self._link.retries)
        return self._bound(id_, await self._link.run(flow))

    def _look(self, deployment_id: str, name: str) -> Flow[AsyncTable]:
        return operations.get_table(deployment_id, name, AsyncTable, self._link.retries)

    def _bound(self, deployment_id: str, table: AsyncTable) -> AsyncTable:
        table.__dict__.update(link=self._link, deployment_id=deployment_id)
        return table


class AsyncDeploymentTables:
    """The tables of one deployment."""

    def __init__(self, tables: AsyncTables, deployment_id: str) -> None:
        self._tables = tables
        self._deployment_id = deployment_id

    async def create(
        self, name: str, *, keys: bool | None = None, description: str = ""
    ) -> AsyncTable:
        """Return a new table; `keys`: whether records have string ids."""
        return await self._tables.create(
            self._deployment_id, name, keys=keys, description=description
        )

    async def list(self) -> builtins.list[AsyncTable]:
        """Return all of them."""
        return await self._tables.list(self._deployment_id)

    async def get(self, name: str) -> AsyncTable:
        """Return one by its name."""
        return await self._tables.get(self._deployment_id, name)

    async def export(
        self,
        table: TableModel | str,
        path: str | PathLike[str],
        *,
        format: str | None = None,  # noqa: A002 - the word people look for
    ) -> Path:
        """Return a file that gets all of one. `format`: of the file's name by default."""
        return await self._tables.export(self._deployment_id, table, path, format=format)

    async def delete(self, table: TableModel | str) -> None:
        """Have one deleted; no source may feed it."""
        await self._tables.delete(self._deployment_id, table)


def _link_of(handle: AsyncTable) -> AsyncLink:
    link: AsyncLink = handle.__dict__["link"]
    return link
