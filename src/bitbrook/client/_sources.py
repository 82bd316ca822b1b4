"""Sources, for threads: all of them, and one of them."""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from bitbrook.client import _operations as operations
from bitbrook.client._link import Link
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
from bitbrook.client._writer import Writer


class Source(SourceModel, frozen=True, dict=True):
    """A source, as it was when it was asked for, and what can be done with it."""

    def send(
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
        return Sources(_link_of(self)).send(
            self,
            records,
            idempotency_key=idempotency_key,
            on_error=on_error,
            durability=durability,
        )

    def push(self, records: Iterable[Any], *, idempotency_key: str | None = None) -> str:
        """Return the token of a write of these records, for `min_seq` of a statement.

        Raises:
            RecordsRefused: some were refused; the others are stored.
        """
        return Sources(_link_of(self)).push(self, records, idempotency_key=idempotency_key)

    def writer(
        self,
        *,
        batch_records: int = 1000,
        linger_s: float = 0.05,
        on_error: ErrorHandler | None = None,
        retry_for_s: float = 120.0,
    ) -> Writer:
        """Return a `Writer` into it, which sends records in batches of its own accord."""
        return Sources(_link_of(self)).writer(
            self,
            batch_records=batch_records,
            linger_s=linger_s,
            on_error=on_error,
            retry_for_s=retry_for_s,
        )

    def add_fields(
        self,
        definition: Iterable[FieldDefinition | Mapping[str, Any]],
        *,
        allow_missing_fields: bool | None = None,
    ) -> "Source":
        """Return it with more fields, which its table gains too."""
        return Sources(_link_of(self)).add_fields(
            self, definition, allow_missing_fields=allow_missing_fields
        )

    def limit_rates(self, **per_s: int | None) -> "Source":
        """Return it, held to `records_per_s` and `bytes_per_s`: 0 is no limit, None the default."""
        return Sources(_link_of(self)).limit_rates(self, **per_s)

    def pause(self) -> "Source":
        """Return it, taking nothing until it is resumed."""
        return Sources(_link_of(self)).pause(self)

    def resume(self) -> "Source":
        """Return it, taking records again."""
        return Sources(_link_of(self)).resume(self)

    def errors(self) -> list[SourceError]:
        """Return the last records that it could not take, newest first."""
        return Sources(_link_of(self)).errors(self)

    def retry_errors(self, ids: Iterable[str] | None = None) -> RetryResult:
        """Return what became of refused records, those of these ids or all, taken once more."""
        return Sources(_link_of(self)).retry_errors(self, ids)

    def metrics(self) -> list[Minute]:
        """Return what it took, minute by minute; minutes without traffic are absent."""
        return Sources(_link_of(self)).metrics(self)

    def wait_until_running(self, timeout_s: float = WAIT_S) -> "Source":
        """Return it once it takes records."""
        return Sources(_link_of(self)).wait_until_running(self, timeout_s)

    def wait_until_gone(self, timeout_s: float = WAIT_S) -> None:
        """Return once it is deleted."""
        Sources(_link_of(self)).wait_until_gone(self, timeout_s)

    def reload(self) -> "Source":
        """Return it as it is now."""
        return Sources(_link_of(self)).get(self.id)

    def delete(self) -> None:
        """Have it deleted; what it stored stays in the table."""
        Sources(_link_of(self)).delete(self)


class Sources:
    """The organisation's sources. A source is given as a handle or by its id."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def create(
        self,
        name: str,
        deployment: DeploymentModel | str,
        table: TableModel | str,
        schema: SourceSchema | Mapping[str, Any],
    ) -> Source:
        """Return a new source; the table gains the schema's fields.

        `schema`: a struct, or a dict in the form of the API.
        """
        flow = operations.create_source(
            name,
            id_of(deployment),
            name_of(table),
            schema,
            type_=Source,
            retries=self._link.retries,
        )
        return self._bound(self._link.run(flow))

    def list(self) -> builtins.list[Source]:
        """Return all of them."""
        flow = operations.list_sources(Source, self._link.retries)
        return [self._bound(each) for each in self._link.run(flow)]

    def get(self, source_id: str) -> Source:
        """Return one by its id.

        Raises:
            NotFound: there is none.
        """
        return self._bound(self._link.run(self._look(source_id)))

    def find(self, name: str) -> Source | None:
        """Return the one of that name, None if there is none."""
        listed = self.list()
        return next((each for each in listed if each.name == name), None)

    def add_fields(
        self,
        source: SourceModel | str,
        definition: Iterable[FieldDefinition | Mapping[str, Any]],
        *,
        allow_missing_fields: bool | None = None,
    ) -> Source:
        """Return one with more fields, which its table gains too.

        Raises:
            Conflict: a field contradicts what is there; `details` name both.
        """
        return self._change(source, list(definition), allow_missing_fields=allow_missing_fields)

    def limit_rates(self, source: SourceModel | str, **per_s: int | None) -> Source:
        """Return one, held to `records_per_s` and `bytes_per_s`: 0 is no limit, None the default.

        What is not given stays as it is.
        """
        return self._change(source, rate_limits=per_s)

    def pause(self, source: SourceModel | str) -> Source:
        """Return one, taking nothing until it is resumed."""
        return self._change(source, paused=True)

    def resume(self, source: SourceModel | str) -> Source:
        """Return one, taking records again."""
        return self._change(source, paused=False)

    def delete(self, source: SourceModel | str) -> None:
        """Have one deleted; what it stored stays in the table."""
        self._link.run(operations.delete_source(id_of(source), self._link.retries))

    def wait_until_running(self, source: SourceModel | str, timeout_s: float = WAIT_S) -> Source:
        """Return one once it takes records."""
        id_ = id_of(source)
        flow = operations.wait_until_running(lambda: self._look(id_), timeout_s)
        return self._bound(self._link.run(flow))

    def wait_until_gone(self, source: SourceModel | str, timeout_s: float = WAIT_S) -> None:
        """Return once one is deleted."""
        id_ = id_of(source)
        self._link.run(operations.wait_until_gone(lambda: self._look(id_), timeout_s))

    def send(
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
        return self._link.run(flow)

    def push(
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
        return self._link.run(flow)

    def writer(
        self,
        source: SourceModel | str,
        *,
        batch_records: int = 1000,
        linger_s: float = 0.05,
        on_error: ErrorHandler | None = None,
        retry_for_s: float = 120.0,
    ) -> Writer:
        """Return a `Writer` into one, which sends records in batches of its own accord."""
        return Writer(
            self._link,
            id_of(source),
            batch_records=batch_records,
            linger_s=linger_s,
            on_error=on_error,
            retry_for_s=retry_for_s,
        )

    def errors(self, source: SourceModel | str) -> builtins.list[SourceError]:
        """Return the last records that one could not take, newest first."""
        return self._link.run(operations.list_errors(id_of(source), self._link.retries))

    def retry_errors(
        self, source: SourceModel | str, ids: Iterable[str] | None = None
    ) -> RetryResult:
        """Return what became of one's refused records, of these ids or all, taken once more."""
        flow = operations.retry_errors(id_of(source), ids, self._link.retries)
        return self._link.run(flow)

    def metrics(self, source: SourceModel | str) -> builtins.list[Minute]:
        """Return what one took, minute by minute."""
        return self._link.run(operations.list_minutes(id_of(source), self._link.retries))

    def _change(
        self,
        source: SourceModel | str,
        definition: Sequence[FieldDefinition | Mapping[str, Any]] = (),
        *,
        allow_missing_fields: bool | None = None,
        rate_limits: Mapping[str, int | None] | None = None,
        paused: bool | None = None,
    ) -> Source:
        flow = operations.change_source(
            id_of(source),
            definition,
            allow_missing_fields=allow_missing_fields,
            rate_limits=rate_limits,
            paused=paused,
            type_=Source,
            retries=self._link.retries,
        )
        return self._bound(self._link.run(flow))

    def _look(self, id_: str) -> Flow[Source]:
        return operations.get_source(id_, Source, self._link.retries)

    def _bound(self, source: Source) -> Source:
        source.__dict__["link"] = self._link
        return source


def _link_of(handle: Source) -> Link:
    link: Link = handle.__dict__["link"]
    return link
