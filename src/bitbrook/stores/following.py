"""What whoever follows partitions without holding them reads in the log's database.

One statement tells what was appended to some partitions of a table, where their snapshots stand and
what the table is, all of one moment: so a batch over several partitions is in it wholly or not at
all, and no entry has a field that the definition beside it does not know. Nothing is written here.

Knows nothing of what entries, manifests or definitions mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bitbrook.errors import Overloaded
from bitbrook.stores.log import LOG, SNAPSHOT, LogEntry
from bitbrook.stores.ownership import Held
from bitbrook.stores.ownership_tables import HOLDING, PLACED_TABLE
from bitbrook.stores.sql import reading

BEGINNING_BYTES = 256
"""Of a manifest: enough to tell which one it is."""

NAMES_PER_STATEMENT = 200
STATEMENTS_KEPT = 256

# In the column of sequences, which count up from 1.
_DEFINITION = -1
_BEGINNING = 0
_BEGINNING_OF = sa.func.substr(SNAPSHOT.c.manifest, 1, BEGINNING_BYTES, type_=sa.LargeBinary)


class Look(NamedTuple):
    """What there was at one moment.

    `definition`: of the table; None if it is not placed (any more). `beginnings`: of the current
    manifests, by partition. `entries`: by partition, in order, those beyond its position.
    """

    definition: bytes | None
    beginnings: dict[str, bytes]
    entries: dict[str, list[LogEntry]]


class Glance(NamedTuple):
    """Which partitions have entries beyond their positions; the rest as in a `Look`."""

    grown: set[str]
    beginnings: dict[str, bytes]


class Following:
    """Reads who is assigned what, and what became of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self, table_id: str, positions: Mapping[str, int]) -> Look:
        """Return what came to partitions of a table beyond a position of each.

        Raises:
            Overloaded: the database cannot be reached.
        """
        definition, beginnings, entries = None, {}, dict[str, list[LogEntry]]()
        bound = {"table_id": table_id, **_bound(positions)}
        with self._reading() as connection:
            for name, sequence, body in connection.execute(_look(len(positions)), bound):
                if sequence == _DEFINITION:
                    definition = bytes(body)
                elif sequence == _BEGINNING:
                    beginnings[name] = bytes(body)
                else:
                    entries.setdefault(name, []).append(LogEntry(name, sequence, body))
        return Look(definition, beginnings, entries)

    def glance(self, positions: Mapping[str, int]) -> Glance:
        """Return which partitions, of any tables, have anything beyond a position of each.

        Raises:
            Overloaded: the database cannot be reached.
        """
        grown: set[str] = set()
        beginnings: dict[str, bytes] = {}
        with self._reading() as connection:
            for names in _in_portions(sorted(positions)):
                bound = _bound({name: positions[name] for name in names})
                for name, body in connection.execute(_glance(len(names)), bound):
                    if body is None:
                        grown.add(name)
                    else:
                        beginnings[name] = bytes(body)
        return Glance(grown, beginnings)

    def assigned(self, beginning: str) -> list[Held]:
        """Return the partitions that are assigned to owners whose names begin so."""
        asked = (
            sa.select(HOLDING.c.partition, HOLDING.c.table_id, HOLDING.c.number)
            .where(HOLDING.c.owner.startswith(beginning, autoescape=True))
            .order_by(HOLDING.c.table_id, HOLDING.c.number)
        )
        with self._reading() as connection:
            return [Held(*row) for row in connection.execute(asked)]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with reading(self._engine) as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise Overloaded(f"the log cannot be followed ({error.orig}); try again") from error


# Made once for each number of partitions: to make one, and to find what SQLAlchemy made of it
# before, takes longer than the database does.


@lru_cache(maxsize=STATEMENTS_KEPT)
def _look(count: int) -> sa.CompoundSelect[Any]:
    parts: list[sa.Select[Any]] = [
        sa.select(
            PLACED_TABLE.c.table_id.label("name"),
            sa.literal(_DEFINITION, sa.BigInteger).label("sequence"),
            PLACED_TABLE.c.definition.label("body"),
        ).where(PLACED_TABLE.c.table_id == sa.bindparam("table_id"))
    ]
    if count:
        beginning = sa.literal(_BEGINNING, sa.BigInteger)
        parts += [
            sa.select(SNAPSHOT.c.partition, beginning, _BEGINNING_OF).where(_is_one_of(count)),
            sa.select(LOG.c.partition, LOG.c.sequence, LOG.c.body).where(_is_beyond(count)),
        ]
    return sa.union_all(*parts).order_by("name", "sequence")


@lru_cache(maxsize=STATEMENTS_KEPT)
def _glance(count: int) -> sa.CompoundSelect[Any]:
    grown = sa.select(LOG.c.partition, sa.null().cast(sa.LargeBinary)).where(_is_beyond(count))
    begins = sa.select(SNAPSHOT.c.partition, _BEGINNING_OF).where(_is_one_of(count))
    return sa.union_all(begins, grown.distinct())


def _is_one_of(count: int) -> sa.ColumnElement[bool]:
    return sa.or_(*(SNAPSHOT.c.partition == sa.bindparam(f"name{at}") for at in range(count)))


def _is_beyond(count: int) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(
            (LOG.c.partition == sa.bindparam(f"name{at}"))
            & (LOG.c.sequence > sa.bindparam(f"position{at}"))
            for at in range(count)
        )
    )


def _bound(positions: Mapping[str, int]) -> dict[str, str | int]:
    """Return the parameters of a statement about these partitions."""
    bound: dict[str, str | int] = {}
    for at, (name, position) in enumerate(positions.items()):
        bound[f"name{at}"], bound[f"position{at}"] = name, position
    return bound


def _in_portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), NAMES_PER_STATEMENT):
        yield names[start : start + NAMES_PER_STATEMENT]
