"""What an endpoint is: its row, its versions and its tags, in memory as in the catalogue.

The shapes that are published and shown, the checks of what may be in them, and how they are read
from the catalogue and written to it. Knows no callers.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from bitbrook.control.endpoint_parameters import EndpointParameter, ParameterSet
from bitbrook.control.endpoint_statements import EndpointStatement
from bitbrook.control.saved_queries import SavedLanguage
from bitbrook.errors import InvalidValue, LimitExceeded, NotFound
from bitbrook.schema.field_types import INT64_MAX
from bitbrook.stores.catalogue import Catalogue, Transaction
from bitbrook.stores.catalogue_rows import EndpointRow, EndpointTagRow, EndpointVersionRow

LIVE = "live"
"""The tag of the version that a call gets which names none."""


TAGS_MAX = 100
DESCRIPTION_CHARACTERS_MAX = 10_000

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,99}", re.ASCII)
_TAG = re.compile(r"[a-z][a-z0-9_.-]{0,49}", re.ASCII)

PerSecond = Annotated[int, Meta(ge=0, le=INT64_MAX)]


class Publication(msgspec.Struct, frozen=True):
    """What a new version asks. `tag`: a word that is to mean it from now on."""

    language: SavedLanguage
    statement: str
    parameters: list[EndpointParameter] = []
    tag: str | None = None


class EndpointVersion(msgspec.Struct, frozen=True):
    """A version, as it was published."""

    version: int
    language: SavedLanguage
    statement: str
    parameters: tuple[EndpointParameter, ...]
    created_at: datetime
    created_by: str


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint. `tags`: which version each means. `requests_per_s`: of one caller, 0 no limit.

    `called_version`: the one that a call gets which names none.
    """

    id: str
    name: str
    deployment_id: str
    description: str
    requests_per_s: int
    called_version: int
    tags: dict[str, int]
    versions: tuple[EndpointVersion, ...]
    created_at: datetime
    created_by: str


class EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of an endpoint; what is absent stays.

    `requests_per_s`: null is the server's default, 0 no limit.
    """

    description: str | UnsetType = UNSET
    requests_per_s: PerSecond | UnsetType | None = UNSET


class PublishedVersion(msgspec.Struct, frozen=True):
    """A version, ready to be called: its statement and its parameters are compiled once."""

    row: EndpointVersionRow
    statement: EndpointStatement
    parameters: ParameterSet


class EndpointEntry(msgspec.Struct, frozen=True):
    """An endpoint in memory; a change replaces it as a whole."""

    row: EndpointRow
    versions: dict[int, PublishedVersion]
    tags: dict[str, int]

    @property
    def called_version(self) -> int:
        """The version that a call gets which names none."""
        return self.tags.get(LIVE) or max(self.versions)


def read_all(catalogue: Catalogue) -> dict[tuple[str, str], EndpointEntry]:
    """Return every endpoint, by its organisation and its name."""
    with catalogue.reading() as rows:
        endpoints = rows.all(EndpointRow)
        version_rows = rows.all(EndpointVersionRow)
        tag_rows = rows.all(EndpointTagRow)
    entries = {row.id: EndpointEntry(row, {}, {}) for row in endpoints}
    for row in version_rows:
        parameters = ParameterSet(msgspec.json.decode(row.parameters, type=_DECLARED))
        statement = EndpointStatement(SavedLanguage(row.language), row.statement)
        version = PublishedVersion(row, statement, parameters)
        entries[row.endpoint_id].versions[row.version] = version
    for tag in tag_rows:
        entries[tag.endpoint_id].tags[tag.tag] = tag.version
    return {(each.row.organisation_id, each.row.name): each for each in entries.values()}


_DECLARED = list[EndpointParameter]


def with_version(entry: EndpointEntry, version: PublishedVersion, tag: str | None) -> EndpointEntry:
    """Return an endpoint with a version more, which a tag means if one is given."""
    number = version.row.version
    entry = replace(entry, versions={**entry.versions, number: version})
    return entry if tag is None else replace(entry, tags=with_tag(entry, tag, number))


def with_tag(entry: EndpointEntry, tag: str, version: int) -> dict[str, int]:
    """Return an endpoint's tags, of which one means this version."""
    check_tag(tag)
    tags = {**entry.tags, tag: version}
    if len(tags) > TAGS_MAX:
        raise LimitExceeded(f"an endpoint has {TAGS_MAX} tags at most; delete one of them")
    return tags


def store_version(rows: Transaction, row: EndpointVersionRow, tag: str | None) -> None:
    """Store a new version, and the tag that means it if one is given."""
    rows.insert(row)
    if tag is not None:
        store_tag(rows, row.endpoint_id, tag, row.version)


def store_tag(rows: Transaction, endpoint_id: str, tag: str, version: int) -> None:
    """Store which version a tag means."""
    row = EndpointTagRow(endpoint_id=endpoint_id, tag=tag, version=version)
    if not rows.update(row):
        rows.insert(row)


def shown_version(version: PublishedVersion) -> EndpointVersion:
    """Return a version as it is shown."""
    row = version.row
    return EndpointVersion(
        row.version,
        SavedLanguage(row.language),
        row.statement,
        version.parameters.declared,
        datetime.fromtimestamp(row.created_s, UTC),
        row.created_by,
    )


def check_names(used: Iterable[str], declared: frozenset[str]) -> None:
    """Return if a statement uses the parameters that are declared, else raise InvalidValue."""
    missing = [name for name in used if name not in declared]
    if missing:
        raise InvalidValue(
            f"the statement uses ${missing[0][:40]}, which is no parameter; declare it",
            field="parameters",
        )
    unused = sorted(declared.difference(used))
    if unused:
        raise InvalidValue(
            f"parameter {unused[0]!r} is not used; write ${unused[0]} or leave it out",
            field="parameters",
        )


def _check_text(what: str, text: str, pattern: re.Pattern[str], takes: str) -> None:
    if not pattern.fullmatch(text):
        raise InvalidValue(f"{what} {text[:40]!r} cannot be; give {takes}", field=what)


def check_name(name: str) -> None:
    """Return if an endpoint may be called so, else raise InvalidValue."""
    takes = "a-z, 0-9, _ and -, beginning with a letter, 100 at most"
    _check_text("name", name, _NAME, takes)


def check_tag(tag: str) -> None:
    """Return if a tag may be called so, else raise InvalidValue."""
    _check_text("tag", tag, _TAG, "a-z, 0-9, _, . and -, beginning with a letter, 50 at most")


def check_description(description: str) -> None:
    """Return if a description may be, else raise InvalidValue."""
    if len(description) > DESCRIPTION_CHARACTERS_MAX:
        raise InvalidValue(
            f"the description has {len(description):,} characters; give "
            f"{DESCRIPTION_CHARACTERS_MAX:,} at most",
            field="description",
        )


def no_version(name: str, version: str) -> NotFound:
    """Return the refusal of a version that there is not."""
    return NotFound(f"endpoint {name!r} has no version {version[:20]!r}; its definition lists them")


def no_tag(name: str, tag: str) -> NotFound:
    """Return the refusal of a tag that there is not."""
    return NotFound(f"endpoint {name!r} has no tag {tag[:50]!r}; its definition lists them")
