"""Statements that users keep under names, for themselves or for everybody in the organisation.

Whoever saved one changes and deletes it; an administrator may delete what is shared. Statements are
kept as they were written: nobody reads them but those who run them. Asked for now and then, so they
are in the catalogue alone and not in memory.
"""

import enum
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.control.members import Members
from bitbrook.errors import Conflict, InvalidValue, LimitExceeded, NotAllowed, NotFound
from bitbrook.schema.limits import NAME_CHARACTERS_MAX
from bitbrook.stores.catalogue import Catalogue, Transaction
from bitbrook.stores.catalogue_rows import SavedQueryRow

SAVED_MAX = 1_000
"""Statements that one user may keep."""

STATEMENT_CHARACTERS_MAX = 100_000


class SavedLanguage(enum.StrEnum):
    """What a saved statement is written in."""

    SQL = "sql"
    PQL = "pql"


class SavedQuery(msgspec.Struct, frozen=True):
    """A statement that somebody keeps. `user`: their e-mail address."""

    id: str
    name: str
    language: SavedLanguage
    statement: str
    deployment_id: str | None
    is_shared: bool
    user_id: str
    user: str
    created_at: datetime
    changed_at: datetime


class SavedQueryChange(msgspec.Struct, frozen=True):
    """What is to change; what is None stays."""

    name: str | None = None
    statement: str | None = None
    is_shared: bool | None = None


class SavedQueries:
    """The saved statements of all organisations, each seen by its own."""

    def __init__(self, catalogue: Catalogue, members: Members, *, clock: Clock) -> None:
        self._catalogue = catalogue
        self._members = members
        self._clock = clock

    def create(
        self,
        caller: Caller,
        name: str,
        language: SavedLanguage,
        statement: str,
        *,
        deployment_id: str | None = None,
        is_shared: bool = False,
    ) -> SavedQuery:
        """Return a new saved statement of the caller's. Needs QUERY.

        Raises:
            InvalidValue: the name or the statement cannot be.
            Conflict: the caller has one of that name.
            LimitExceeded: they keep as many as they may.
        """
        caller.require(Right.QUERY)
        _check(name, statement)
        now_s = self._clock.now_s()
        row = SavedQueryRow(
            id=make_id(),
            organisation_id=caller.organisation_id,
            user_id=caller.user_id,
            name=name,
            language=language.value,
            statement=statement,
            deployment_id=deployment_id,
            is_shared=is_shared,
            created_s=now_s,
            changed_s=now_s,
        )
        with self._catalogue.changing() as rows:
            own = rows.all(SavedQueryRow, user_id=caller.user_id)
            _check_free(own, name)
            if len(own) >= SAVED_MAX:
                raise LimitExceeded(
                    f"you keep {len(own):,} statements and {SAVED_MAX:,} are allowed; delete one"
                )
            rows.insert(row)
        return self._saved_query(row)

    def list(self, caller: Caller) -> Sequence[SavedQuery]:
        """Return what the caller keeps and what others share, by name. Needs QUERY."""
        caller.require(Right.QUERY)
        with self._catalogue.reading() as rows:
            found = rows.all(SavedQueryRow, organisation_id=caller.organisation_id)
        seen = [row for row in found if _sees(caller, row)]
        return [self._saved_query(row) for row in sorted(seen, key=lambda row: (row.name, row.id))]

    def change(self, caller: Caller, saved_query_id: str, change: SavedQueryChange) -> SavedQuery:
        """Return a saved statement of the caller's, changed. Needs QUERY.

        Raises:
            NotFound: there is none of that id that the caller may see.
            NotAllowed: somebody else keeps it.
            InvalidValue, Conflict: as of `create`.
        """
        caller.require(Right.QUERY)
        with self._catalogue.changing() as rows:
            row = _find(rows, caller, saved_query_id)
            if row.user_id != caller.user_id:
                raise NotAllowed(f"{self._email(row)} keeps it; save a copy of your own")
            changed = replace(
                row,
                name=row.name if change.name is None else change.name,
                statement=row.statement if change.statement is None else change.statement,
                is_shared=row.is_shared if change.is_shared is None else change.is_shared,
                changed_s=self._clock.now_s(),
            )
            _check(changed.name, changed.statement)
            if changed.name != row.name:
                _check_free(rows.all(SavedQueryRow, user_id=caller.user_id), changed.name)
            rows.update(changed)
        return self._saved_query(changed)

    def delete(self, caller: Caller, saved_query_id: str) -> None:
        """Forget a saved statement: one's own, or as ADMIN any that is shared. Needs QUERY.

        Raises:
            NotFound: there is none of that id that the caller may see.
            NotAllowed: somebody else keeps it.
        """
        caller.require(Right.QUERY)
        with self._catalogue.changing() as rows:
            row = _find(rows, caller, saved_query_id)
            if row.user_id != caller.user_id and Right.ADMIN not in caller.rights:
                raise NotAllowed(f"{self._email(row)} keeps it; ask them or an administrator")
            rows.delete(SavedQueryRow, id=row.id)

    def _saved_query(self, row: SavedQueryRow) -> SavedQuery:
        return SavedQuery(
            row.id,
            row.name,
            SavedLanguage(row.language),
            row.statement,
            row.deployment_id,
            row.is_shared,
            row.user_id,
            self._email(row),
            datetime.fromtimestamp(row.created_s, UTC),
            datetime.fromtimestamp(row.changed_s, UTC),
        )

    def _email(self, row: SavedQueryRow) -> str:
        user = self._members.user(row.user_id)
        return "" if user is None else user.email


def _sees(caller: Caller, row: SavedQueryRow) -> bool:
    return row.is_shared or row.user_id == caller.user_id


def _find(rows: Transaction, caller: Caller, saved_query_id: str) -> SavedQueryRow:
    row = rows.find(SavedQueryRow, id=saved_query_id, organisation_id=caller.organisation_id)
    if row is None or not _sees(caller, row):
        raise NotFound(f"there is no saved query {saved_query_id[:100]!r}")
    return row


def _check(name: str, statement: str) -> None:
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidValue(
            f"name {name[:20]!r} cannot be; give 1 to {NAME_CHARACTERS_MAX} printable characters",
            field="name",
        )
    if not statement.strip() or len(statement) > STATEMENT_CHARACTERS_MAX:
        raise InvalidValue(
            f"a statement of {len(statement):,} characters cannot be saved; give 1 to "
            f"{STATEMENT_CHARACTERS_MAX:,}",
            field="statement",
        )


def _check_free(own: Sequence[SavedQueryRow], name: str) -> None:
    if any(row.name == name for row in own):
        raise Conflict(f"you keep a statement {name!r} already; choose another name", field="name")
