"""Sources, for asyncio: all of them, and one of them."""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from bitbrook.client import _operations as operations
from bitbrook.client._async_writer import AsyncWriter
from bitbrook.client._link import AsyncLink
from bitbrook.client._models import (
    DeploymentModel,
    FieldDefinition,
    Minute,
    Outcomes,
    RetryResult,
    SourceError,
    SourceModel,
    SourceSchema,
    TableModel,
)
from bitbrook.client._names import WAIT_S, id_of, name_of
from bitbrook.client._outbox import ErrorHandler
from bitbrook.client._steps import Flow


class AsyncSource(SourceModel, frozen=True, dict=True):
    """A source, as it was when it was asked for, and what can be done with it."""

    async def send(
        self,
        records: Iterable[Any],
        *,
        idempotency_key: str | None = None,
        on_error: Literal["partial", "reject"] = "partial",
        durability: Literal["fsync", "group"] | None = None,
    ) -> Outcomes:
        """Return the outcome of each record; what succeeded is durable and visible.

        `idempotency_key`: a text under which the server does this once, however often it is asked;
        one is made up if none is given. `on_error`: with reject one record at fault keeps all out.

        Raises:
            RecordsRejected: one did; `outcomes` tells of each.
        """
        return await AsyncSources(_link_of(self)).send(
            self,
            records,
            idempotency_key=idempotency_key,
            on_error=on_error,
            durability=durability,
        )

    async def push(self, records: Iterable[Any], *, idempotency_key: str | None = None) -> str:
        """Return the token of a write of these records, for `min_seq` of a statement.

        Raises:
            RecordsRefused: some were refused; the others are stored.
        """
        return await AsyncSources(_link_of(self)).push(
            self, records, idempotency_key=idempotency_key
        )

    def writer(
        self,
        *,
        batch_records: int = 1000,
        linger_s: float = 0.05,
        on_error: ErrorHandler | None = None,
        retry_for_s: float = 120.0,
    ) -> AsyncWriter:
        """Return an `AsyncWriter` into it, which sends records in batches of its own accord."""
        return AsyncSources(_link_of(self)).writer(
            self,
            batch_records=batch_records,
            linger_s=linger_s,
            on_error=on_error,
            retry_for_s=retry_for_s,
        )

    async def add_fields(
        self,
        definition: Iterable[FieldDefinition | Mapping[str, Any]],
        *,
        allow_missing_fields: bool | None = None,
    ) -> "AsyncSource":
        """Return it with more fields, which its table gains too."""
        return await AsyncSources(_link_of(self)).add_fields(
            self, definition, allow_missing_fields=allow_missing_fields
        )

    async def limit_rates(self, **per_s: int | None) -> "AsyncSource":
        """Return it, held to `records_per_s` and `bytes_per_s`: 0 is no limit, None the default."""
        return await AsyncSources(_link_of(self)).limit_rates(self, **per_s)

    async def pause(self) -> "AsyncSource":
        """Return it, taking nothing until it is resumed."""
        return await AsyncSources(_link_of(self)).pause(self)

    async def resume(self) -> "AsyncSource":
        """Return it, taking records again."""
        return await AsyncSources(_link_of(self)).resume(self)

    async def errors(self) -> list[SourceError]:
        """Return the last records that it could not take, newest first."""
        return await AsyncSources(_link_of(self)).errors(self)

    async def retry_errors(self, ids: Iterable[str] | None = None) -> RetryResult:
        """Return what became of refused records, those of these ids or all, taken once more."""
        return await AsyncSources(_link_of(self)).retry_errors(self, ids)

    async def metrics(self) -> list[Minute]:
        """Return what it took, minute by minute; minutes without traffic are absent."""
        return await AsyncSources(_link_of(self)).metrics(self)

    async def wait_until_running(self, timeout_s: float = WAIT_S) -> "AsyncSource":
        """Return it once it takes records."""
        return await AsyncSources(_link_of(self)).wait_until_running(self, timeout_s)

    async def wait_until_gone(self, timeout_s: float = WAIT_S) -> None:
        """Return once it is deleted."""
        await AsyncSources(_link_of(self)).wait_until_gone(self, timeout_s)

    async def reload(self) -> "AsyncSource":
        """Return it as it is now."""
        return await AsyncSources(_link_of(self)).get(self.id)

    async def delete(self) -> None:
        """Have it deleted; what it stored stays in the table."""
        await AsyncSources(_link_of(self)).delete(self)


class AsyncSources:
    """The organisation's sources. A source is given as a handle or by its id."""

    def __init__(self, link: AsyncLink) -> None:
        self._link = link

    async def create(
        self,
        name: str,
        deployment: DeploymentModel | str,
        table: TableModel | str,
        schema: SourceSchema | Mapping[str, Any],
    ) -> AsyncSource:
        """Return a new source; the table gains the schema's fields.

        `schema`: a struct, or a dict in the form of the API.
        """
        flow = operations.create_source(
            name,
            id_of(deployment),
            name_of(table),
            schema,
            type_=AsyncSource,
            retries=self._link.retries,
        )
        return self._bound(await self._link.run(flow))

    async def list(self) -> builtins.list[AsyncSource]:
        """Return all of them."""
        flow = operations.list_sources(AsyncSource, self._link.retries)
        return [self._bound(each) for each in await self._link.run(flow)]

    async def get(self, source_id: str) -> AsyncSource:
        """Return one by its id.

        Raises:
            NotFound: there is none.
        """
        return self._bound(await self._link.run(self._look(source_id)))

    async def find(self, name: str) -> AsyncSource | None:
        """Return the one of that name, None if there is none."""
        listed = await self.list()
        return next((each for each in listed if each.name == name), None)

    async def add_fields(
        self,
        source: SourceModel | str,
        definition: Iterable[FieldDefinition | Mapping[str, Any]],
        *,
        allow_missing_fields: bool | None = None,
    ) -> AsyncSource:
        """Return one with more fields, which its table gains too.

        Raises:
            Conflict: a field contradicts what is there; `details` name both.
        """
        return await self._change(
            source, list(definition), allow_missing_fields=allow_missing_fields
        )

    async def limit_rates(self, source: SourceModel | str, **per_s: int | None) -> AsyncSource:
        """Return one, held to `records_per_s` and `bytes_per_s`: 0 is no limit, None the default.

        What is not given stays as it is.
        """
        return await self._change(source, rate_limits=per_s)

    async def pause(self, source: SourceModel | str) -> AsyncSource:
        """Return one, taking nothing until it is resumed."""
        return await self._change(source, paused=True)

    async def resume(self, source: SourceModel | str) -> AsyncSource:
        """Return one, taking records again."""
        return await self._change(source, paused=False)

    async def delete(self, source: SourceModel | str) -> None:
        """Have one deleted; what it stored stays in the table."""
        await self._link.run(operations.delete_source(id_of(source), self._link.retries))

    async def wait_until_running(
        self, source: SourceModel | str, timeout_s: float = WAIT_S
    ) -> AsyncSource:
        """Return one once it takes records."""
        id_ = id_of(source)
        flow = operations.wait_until_running(lambda: self._look(id_), timeout_s)
        return self._bound(await self._link.run(flow))

    async def wait_until_gone(self, source: SourceModel | str, timeout_s: float = WAIT_S) -> None:
        """Return once one is deleted."""
        id_ = id_of(source)
        await self._link.run(operations.wait_until_gone(lambda: self._look(id_), timeout_s))

    async def send(
        self,
        source: SourceModel | str,
        records: Iterable[Any],
        *,
        idempotency_key: str | None = None,
        on_error: Literal["partial", "reject"] = "partial",
        durability: Literal["fsync", "group"] | None = None,
    ) -> Outcomes:
        """Return the outcome of each record; what succeeded is durable and visible."""
        flow = operations.send_records(
            id_of(source),
            records,
            idempotency_key,
            on_error=on_error,
            durability=durability,
            retries=self._link.retries,
        )
        return await self._link.run(flow)

    async def push(
        self,
        source: SourceModel | str,
        records: Iterable[Any],
        *,
        idempotency_key: str | None = None,
    ) -> str:
        """Return the token of a write of these records, for `min_seq` of a statement.

        Raises:
            RecordsRefused: some were refused; the others are stored.
        """
        flow = operations.push_records(id_of(source), records, idempotency_key, self._link.retries)
        return await self._link.run(flow)

    def writer(
        self,
        source: SourceModel | str,
        *,
        batch_records: int = 1000,
        linger_s: float = 0.05,
        on_error: ErrorHandler | None = None,
        retry_for_s: float = 120.0,
    ) -> AsyncWriter:
        """Return an `AsyncWriter` into one, which sends records in batches of its own accord."""
        return AsyncWriter(
            self._link,
            id_of(source),
            batch_records=batch_records,
            linger_s=linger_s,
            on_error=on_error,
            retry_for_s=retry_for_s,
        )

    async def errors(self, source: SourceModel | str) -> builtins.list[SourceError]:
        """Return the last records that one could not take, newest first."""
        return await self._link.run(operations.list_errors(id_of(source), self._link.retries))

    async def retry_errors(
        self, source: SourceModel | str, ids: Iterable[str] | None = None
    ) -> RetryResult:
        """Return what became of one's refused records, of these ids or all, taken once more."""
        flow = operations.retry_errors(id_of(source), ids, self._link.retries)
        return await self._link.run(flow)

    async def metrics(self, source: SourceModel | str) -> builtins.list[Minute]:
        """Return what one took, minute by minute."""
        return await self._link.run(operations.list_minutes(id_of(source), self._link.retries))

    async def _change(
        self,
        source: SourceModel | str,
        definition: Sequence[FieldDefinition | Mapping[str, Any]] = (),
        *,
        allow_missing_fields: bool | None = None,
        rate_limits: Mapping[str, int | None] | None = None,
        paused: bool | None = None,
    ) -> AsyncSource:
        flow = operations.change_source(
            id_of(source),
            definition,
            allow_missing_fields=allow_missing_fields,
            rate_limits=rate_limits,
            paused=paused,
            type_=AsyncSource,
            retries=self._link.retries,
        )
        return self._bound(await self._link.run(flow))

    def _look(self, id_: str) -> Flow[AsyncSource]:
        return operations.get_source(id_, AsyncSource, self._link.retries)

    def _bound(self, source: AsyncSource) -> AsyncSource:
        source.__dict__["link"] = self._link
        return source


def _link_of(handle: AsyncSource) -> AsyncLink:
    link: AsyncLink = handle.__dict__["link"]
    return link
