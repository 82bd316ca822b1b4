"""Endpoints: statements that are called by a name, with typed parameters.

What an endpoint asks is a version of it, which never changes: to publish is to add one. Tags are
words for versions and move between them; a call that names neither gets the version tagged `live`,
else the newest. All of it is in memory and in the catalogue; a change is in the catalogue first.
Invariant: a statement that was published could be read, only reads, and uses the parameters that it
declares and no others.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from bitbrook.auth.policy import Binding, BoundKind, Caller, Right
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.control.endpoint_entries import (
    Endpoint,
    EndpointChange,
    EndpointEntry,
    Publication,
    PublishedVersion,
    check_description,
    check_name,
    check_names,
    check_tag,
    no_tag,
    no_version,
    read_all,
    shown_version,
    store_tag,
    store_version,
    with_tag,
    with_version,
)
from bitbrook.control.endpoint_parameters import ParameterSet
from bitbrook.control.endpoint_statements import EndpointStatement
from bitbrook.control.queries import Queries
from bitbrook.control.registry import Registry
from bitbrook.control.saved_queries import STATEMENT_CHARACTERS_MAX
from bitbrook.errors import Conflict, InvalidValue, LimitExceeded, NotFound
from bitbrook.settings import Settings
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.catalogue_rows import EndpointRow, EndpointTagRow, EndpointVersionRow

VERSIONS_MAX = 1_000
"""Versions that an endpoint may have."""


class Endpoints:
    """The endpoints of all organisations, each seen by its own."""

    def __init__(
        self,
        catalogue: Catalogue,
        registry: Registry,
        queries: Queries,
        settings: Settings,
        *,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._registry = registry
        self._queries = queries
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._entries = read_all(catalogue)

    def read(self) -> None:
        """Read every endpoint of the catalogue, in place of those in memory."""
        self._entries = read_all(self._catalogue)

    def publish(
        self,
        caller: Caller,
        name: str,
        deployment_id: str,
        publication: Publication,
        *,
        description: str = "",
        requests_per_s: int | None = None,
    ) -> Endpoint:
        """Return a new endpoint, with its first version. Needs MANAGE.

        Raises:
            NotFound: the organisation has no such deployment.
            InvalidValue: its name, its tag or its parameters cannot be.
            InvalidStatement: its statement cannot be read, or writes.
            Conflict: there is one of that name; publish another version of it.
            LimitExceeded: there are as many as there may be.
        """
        self._registry.deployment(caller, deployment_id)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        check_name(name)
        check_description(description)
        row = EndpointRow(
            id=make_id(),
            organisation_id=caller.organisation_id,
            name=name,
            deployment_id=deployment_id,
            description=description,
            requests_per_s=requests_per_s,
            created_s=self._clock.now_s(),
            created_by=caller.email,
        )
        key = (caller.organisation_id, name)
        entry = EndpointEntry(row, {}, {})
        with self._lock:
            if key in self._entries:
                message = f"there is an endpoint {name!r}; publish another version of it"
                raise Conflict(message, field="name")
            count = sum(organisation_id == key[0] for organisation_id, _ in self._entries)
            if count >= self._settings.endpoints_max:
                raise LimitExceeded(
                    f"there are {count:,} endpoints and {self._settings.endpoints_max:,} are "
                    "allowed; delete one or raise endpoints_max"
                )
            version = self._version(caller, row, 1, publication)
            entry = with_version(entry, version, publication.tag)
            with self._catalogue.changing() as rows:
                rows.insert(row)
                store_version(rows, version.row, publication.tag)
            self._entries[key] = entry
        return self._shown(entry)

    def add_version(self, caller: Caller, name: str, publication: Publication) -> Endpoint:
        """Return an endpoint with a version more. Needs MANAGE. Raises what `publish` does."""
        with self._lock:
            entry = self._managed(caller, name)
            number = max(entry.versions) + 1
            if number > VERSIONS_MAX:
                raise LimitExceeded(
                    f"endpoint {name!r} has {VERSIONS_MAX:,} versions, which is all it may have; "
                    "publish under another name"
                )
            version = self._version(caller, entry.row, number, publication)
            entry = with_version(entry, version, publication.tag)
            with self._catalogue.changing() as rows:
                store_version(rows, version.row, publication.tag)
            self._put(entry)
        return self._shown(entry)

    def list(self, caller: Caller) -> Sequence[Endpoint]:
        """Return the endpoints that the caller reaches, by name. Needs VIEW."""
        caller.require_somewhere(Right.VIEW)
        return [self._shown(entry) for entry in self.entries(caller)]

    def get(self, caller: Caller, name: str) -> Endpoint:
        """Return one endpoint. Needs VIEW.

        Raises:
            NotFound: the organisation has none of that name.
        """
        entry = self.entry(caller, name)
        caller.require(Right.VIEW, deployment_id=entry.row.deployment_id, endpoint_id=entry.row.id)
        return self._shown(entry)

    def change(self, caller: Caller, name: str, change: EndpointChange) -> Endpoint:
        """Return an endpoint, changed. Needs MANAGE."""
        with self._lock:
            entry = self._managed(caller, name)
            row = entry.row
            if change.description is not UNSET:
                check_description(change.description)
                row = replace(row, description=change.description)
            if change.requests_per_s is not UNSET:
                row = replace(row, requests_per_s=change.requests_per_s)
            entry = replace(entry, row=row)
            with self._catalogue.changing() as rows:
                rows.update(row)
            self._put(entry)
        return self._shown(entry)

    def tag(self, caller: Caller, name: str, tag: str, version: int) -> Endpoint:
        """Return an endpoint one of whose versions a tag means from now on. Needs MANAGE.

        Raises:
            NotFound: there is no such endpoint or version.
            InvalidValue: the tag cannot be.
        """
        with self._lock:
            entry = self._managed(caller, name)
            if version not in entry.versions:
                raise no_version(name, str(version))
            entry = replace(entry, tags=with_tag(entry, tag, version))
            with self._catalogue.changing() as rows:
                store_tag(rows, entry.row.id, tag, version)
            self._put(entry)
        return self._shown(entry)

    def untag(self, caller: Caller, name: str, tag: str) -> Endpoint:
        """Return an endpoint none of whose versions a tag means any more. Needs MANAGE."""
        with self._lock:
            entry = self._managed(caller, name)
            if tag not in entry.tags:
                raise no_tag(name, tag)
            entry = replace(entry, tags={k: v for k, v in entry.tags.items() if k != tag})
            with self._catalogue.changing() as rows:
                rows.delete(EndpointTagRow, endpoint_id=entry.row.id, tag=tag)
            self._put(entry)
        return self._shown(entry)

    def delete(self, caller: Caller, name: str) -> None:
        """Delete an endpoint with all its versions. Needs MANAGE."""
        with self._lock:
            row = self._managed(caller, name).row
            with self._catalogue.changing() as rows:
                rows.delete(EndpointTagRow, endpoint_id=row.id)
                rows.delete(EndpointVersionRow, endpoint_id=row.id)
                rows.delete(EndpointRow, id=row.id)
            self._entries.pop((row.organisation_id, row.name), None)

    def binding(self, caller: Caller, names: Sequence[str]) -> Binding:
        """Return what confines an API key to endpoints.

        Raises:
            NotFound: there is none of one of these names.
        """
        first, *others = (self.entry(caller, name).row.id for name in dict.fromkeys(names))
        return Binding(BoundKind.ENDPOINT, first, tuple(others))

    def entries(self, caller: Caller) -> Sequence[EndpointEntry]:
        """Return the endpoints that the caller reaches, by name."""
        return [
            entry
            for (organisation_id, _), entry in sorted(self._entries.items())
            if organisation_id == caller.organisation_id
            and caller.reaches(deployment_id=entry.row.deployment_id, endpoint_id=entry.row.id)
        ]

    def entry(self, caller: Caller, name: str) -> EndpointEntry:
        """Return one endpoint.

        Raises:
            NotFound: the organisation has none of that name.
        """
        entry = self._entries.get((caller.organisation_id, name))
        if entry is None:
            raise NotFound(f"there is no endpoint {name[:100]!r}; /v1/endpoints lists them")
        return entry

    def chosen(self, entry: EndpointEntry, version: str | None, tag: str | None) -> int:
        """Return the version that a call names, by its number or a tag, or gets by itself.

        Raises:
            NotFound: there is no such version or tag.
            InvalidValue: it names both.
        """
        if version is not None and tag is not None:
            raise InvalidValue("a version and a tag are given; leave out one", field="tag")
        if tag is not None:
            if tag not in entry.tags:
                raise no_tag(entry.row.name, tag)
            return entry.tags[tag]
        if version is None:
            return entry.called_version
        number = int(version) if version.isascii() and version.isdigit() else 0
        if number not in entry.versions:
            raise no_version(entry.row.name, version)
        return number

    def requests_per_s(self, row: EndpointRow) -> int:
        """Return how often one caller may call an endpoint; 0 is no limit."""
        own = row.requests_per_s
        return self._settings.endpoint_requests_per_s if own is None else own

    def _managed(self, caller: Caller, name: str) -> EndpointEntry:
        entry = self.entry(caller, name)
        caller.require(Right.MANAGE, deployment_id=entry.row.deployment_id)
        return entry

    def _put(self, entry: EndpointEntry) -> None:
        self._entries[entry.row.organisation_id, entry.row.name] = entry

    def _version(
        self, caller: Caller, row: EndpointRow, number: int, publication: Publication
    ) -> PublishedVersion:
        """Return a version that was tried against the tables that there are."""
        size = len(publication.statement)
        if size > STATEMENT_CHARACTERS_MAX:
            raise InvalidValue(
                f"a statement of {size:,} characters cannot be published; give "
                f"{STATEMENT_CHARACTERS_MAX:,} at most",
                field="statement",
            )
        if publication.tag is not None:
            check_tag(publication.tag)
        parameters = ParameterSet(publication.parameters)
        statement = EndpointStatement(publication.language, publication.statement)
        check_names(statement.names, parameters.names)
        database = self._queries.database(caller, row.deployment_id)
        with self._queries.budget() as budget:
            statement.check(parameters.samples(), database, budget)
        version_row = EndpointVersionRow(
            endpoint_id=row.id,
            version=number,
            language=publication.language.value,
            statement=publication.statement,
            parameters=msgspec.json.encode(publication.parameters).decode(),
            created_s=self._clock.now_s(),
            created_by=caller.email,
        )
        return PublishedVersion(version_row, statement, parameters)

    def _shown(self, entry: EndpointEntry) -> Endpoint:
        row = entry.row
        versions = [shown_version(each) for _, each in sorted(entry.versions.items())]
        return Endpoint(
            row.id,
            row.name,
            row.deployment_id,
            row.description,
            self.requests_per_s(row),
            entry.called_version,
            dict(sorted(entry.tags.items())),
            tuple(versions),
            datetime.fromtimestamp(row.created_s, UTC),
            row.created_by,
        )
