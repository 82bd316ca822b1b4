"""Who owns which partition, in the log's database, and the epochs that its appends are checked by.

An owner is a name that a process answers to; a restarted one is another process under that name. A
partition is assigned to an owner and held by a process, and whoever takes it raises its epoch, so
that an append, which checks the epochs in its own transaction, tells a process that was presumed
dead from the one that took over. Reads go by a lease: a process may answer until a while after it
last saw in this database that it still holds what it held, and whoever takes a partition from it
waits for that while to pass. All moments are the database's, so that clocks need not agree.

Knows nothing of where processes run, nor of what is in partitions.
"""

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bitbrook.errors import Fenced, Overloaded
from bitbrook.stores.ownership_tables import (
    HOLDING,
    METADATA,
    OWNER,
    PLACED_TABLE,
    PLACEMENT,
    insert_owner,
    lock_owners,
)
from bitbrook.stores.sql import reading, take_turn

STALLED_SETTING = "idle_in_transaction_session_timeout"
STALLED_TRANSACTION_MS = "5000"
"""After so long in the middle of a transaction a process is taken for stalled, and its locks go."""


class Placement(NamedTuple):
    """How many owners a deployment has, and how often that was changed before."""

    deployment: str
    generation: int
    owner_count: int


class OwnerState(NamedTuple):
    """An owner. `over_for_s`: how long ago its lease ended, negative while it is good.

    `process`: empty until one has begun under the name.
    """

    name: str
    slot: int
    process: str
    over_for_s: float

    @property
    def goes_on(self) -> bool:
        """Whether it has begun and renews its lease."""
        return bool(self.process) and self.over_for_s < 0


class Held(NamedTuple):
    """A partition that is assigned to an owner. `number`: among those of its table."""

    partition: str
    table_id: str
    number: int


class Epochs:
    """The epochs under which a process holds partitions: the fence of its log."""

    def __init__(self) -> None:
        self._epochs: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def partitions(self) -> set[str]:
        """What is held."""
        return set(self._epochs)

    def add(self, epochs: Mapping[str, int]) -> None:
        """Take note of what was taken."""
        with self._lock:
            self._epochs = {**self._epochs, **epochs}

    def remove(self, partitions: Collection[str]) -> None:
        """Append to these no more."""
        gone = set(partitions)
        with self._lock:
            kept = self._epochs.items()
            self._epochs = {name: epoch for name, epoch in kept if name not in gone}

    def holds(self, partitions: Iterable[str]) -> bool:
        """Whether all of these are held, as far as this process knows."""
        epochs = self._epochs
        return all(name in epochs for name in partitions)

    def check(self, connection: Connection, partitions: Collection[str]) -> None:
        """Return if all are held, and let nobody take them before the transaction ends.

        Raises:
            Fenced: another process holds one of them, or nobody does.
        """
        known = self._epochs
        columns: list[sa.ColumnElement[Any]] = [HOLDING.c.partition, HOLDING.c.epoch]
        if connection.dialect.name == "postgresql":
            # Until this transaction ends; in one round trip with the rest.
            columns.append(sa.func.set_config(STALLED_SETTING, STALLED_TRANSACTION_MS, sa.true()))
        asked = (
            sa.select(*columns)
            .where(HOLDING.c.partition.in_(sorted(partitions)))
            .order_by(HOLDING.c.partition)
            .with_for_update(read=True)
        )
        epochs = {row[0]: row[1] for row in connection.execute(asked)}
        for name in partitions:
            if name not in known or epochs.get(name) != known[name]:
                raise Fenced(
                    f"partition {name} is held under epoch {epochs.get(name)} and not "
                    f"{known.get(name)} any more; nothing was applied here"
                )


class Ownership:
    """Owners, what is assigned to them, and who holds it."""

    def __init__(self, engine: Engine) -> None:
        """Make the tables if they are not there yet."""
        self._engine = engine
        with self.changing() as connection:
            take_turn(connection)
            METADATA.create_all(connection)

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Give a transaction; what it does is done when the block ends, or not at all."""
        with _naming_faults(), self._engine.begin() as connection:
            yield connection

    # Deployments and their tables, for whoever places them.

    def placement(self, deployment: str) -> Placement | None:
        """Return how a deployment is placed, if it is."""
        asked = sa.select(PLACEMENT).where(PLACEMENT.c.deployment == deployment)
        with self._reading() as connection:
            row = connection.execute(asked).first()
        return None if row is None else Placement(*row)

    def placements(self) -> list[Placement]:
        """Return how every deployment is placed, by its id."""
        asked = sa.select(PLACEMENT).order_by(PLACEMENT.c.deployment)
        with self._reading() as connection:
            return [Placement(*row) for row in connection.execute(asked)]

    def place(self, placement: Placement, owners: Sequence[str]) -> None:
        """Make this the deployment's placement, with these owners, by slot, beside any others."""
        with self.changing() as connection:
            connection.execute(
                sa.delete(PLACEMENT).where(PLACEMENT.c.deployment == placement.deployment)
            )
            connection.execute(sa.insert(PLACEMENT), placement._asdict())
            for slot, name in enumerate(owners):
                insert_owner(connection, name, placement.deployment, slot)

    def forget_deployment(self, deployment: str) -> None:
        """Forget a deployment's placement, owners and tables, and what they held."""
        owners = sa.select(OWNER.c.name).where(OWNER.c.deployment == deployment)
        with self.changing() as connection:
            connection.execute(sa.delete(HOLDING).where(HOLDING.c.owner.in_(owners)))
            for table in (PLACED_TABLE, OWNER, PLACEMENT):
                connection.execute(sa.delete(table).where(table.c.deployment == deployment))

    def owners(self, deployment: str | None = None) -> list[OwnerState]:
        """Return a deployment's owners (or all), by slot and name."""
        asked = sa.select(
            OWNER.c.name, OWNER.c.slot, OWNER.c.process, self._now() - OWNER.c.lease_until_s
        ).order_by(OWNER.c.slot, OWNER.c.name)
        if deployment is not None:
            asked = asked.where(OWNER.c.deployment == deployment)
        with self._reading() as connection:
            return [OwnerState(*row) for row in connection.execute(asked)]

    def forget_owners(self, names: Collection[str]) -> None:
        """Forget owners to whom nothing is assigned any more."""
        with self.changing() as connection:
            connection.execute(sa.delete(OWNER).where(OWNER.c.name.in_(names)))

    def replace_owner(self, name: str, successor: str, *, over_for_s: float) -> bool:
        """Assign all that an owner has to a successor, if its lease ended so long ago.

        Returns whether that was so: of several who try, one succeeds.
        """
        asked = sa.select(
            OWNER.c.deployment, OWNER.c.slot, self._now() - OWNER.c.lease_until_s
        ).where(OWNER.c.name == name)
        with self.changing() as connection:
            row = connection.execute(asked.with_for_update()).first()
            if row is None or row[2] < over_for_s:
                return False
            insert_owner(connection, successor, row[0], row[1])
            connection.execute(
                sa.update(HOLDING).where(HOLDING.c.owner == name).values(owner=successor)
            )
            # Without its row its lease cannot be renewed: the successor need not wait.
            connection.execute(sa.delete(OWNER).where(OWNER.c.name == name))
        return True

    def store_table(self, table_id: str, deployment: str, definition: bytes) -> None:
        """Keep what a table is, for the owners of its partitions."""
        with self.changing() as connection:
            connection.execute(sa.delete(PLACED_TABLE).where(PLACED_TABLE.c.table_id == table_id))
            row = {"table_id": table_id, "deployment": deployment, "definition": definition}
            connection.execute(sa.insert(PLACED_TABLE), row)

    def table(self, table_id: str) -> bytes | None:
        """Return what a table is, if it is placed."""
        asked = sa.select(PLACED_TABLE.c.definition).where(PLACED_TABLE.c.table_id == table_id)
        with self._reading() as connection:
            return connection.execute(asked).scalar()

    def deployment_of(self, table_id: str) -> str:
        """Return the deployment of a table, empty if it is not placed."""
        asked = sa.select(PLACED_TABLE.c.deployment).where(PLACED_TABLE.c.table_id == table_id)
        with self._reading() as connection:
            return str(connection.execute(asked).scalar() or "")

    def table_ids(self, deployment: str) -> list[str]:
        """Return the tables of a deployment."""
        asked = (
            sa.select(PLACED_TABLE.c.table_id)
            .where(PLACED_TABLE.c.deployment == deployment)
            .order_by(PLACED_TABLE.c.table_id)
        )
        with self._reading() as connection:
            return list(connection.execute(asked).scalars())

    def assign(self, held: Mapping[Held, str]) -> None:
        """Assign each partition to the owner of that name; those that have one keep it.

        Raises:
            Overloaded: one of these owners was replaced meanwhile.
        """
        names = [each.partition for each in held]
        with self.changing() as connection:
            lock_owners(connection, held.values())
            asked = sa.select(HOLDING.c.partition).where(HOLDING.c.partition.in_(names))
            known = set(connection.execute(asked).scalars())
            rows = [
                {**each._asdict(), "owner": owner, "process": "", "epoch": 0}
                for each, owner in held.items()
                if each.partition not in known
            ]
            if rows:
                connection.execute(sa.insert(HOLDING), rows)

    def reassign(self, owners: Mapping[str, str]) -> None:
        """Assign partitions, by name, to other owners; who holds them does so until told."""
        with self.changing() as connection:
            for name in sorted(owners):
                connection.execute(
                    sa.update(HOLDING).where(HOLDING.c.partition == name).values(owner=owners[name])
                )

    def owners_of(self, table_id: str) -> dict[int, str]:
        """Return to whom each partition of a table is assigned, by number."""
        asked = sa.select(HOLDING.c.number, HOLDING.c.owner).where(HOLDING.c.table_id == table_id)
        with self._reading() as connection:
            return {row.number: row.owner for row in connection.execute(asked)}

    def forget_table(self, table_id: str) -> None:
        """Forget a table; whoever holds a partition of it can append no more."""
        with self.changing() as connection:
            connection.execute(sa.delete(HOLDING).where(HOLDING.c.table_id == table_id))
            connection.execute(sa.delete(PLACED_TABLE).where(PLACED_TABLE.c.table_id == table_id))

    # What an owner's process does.

    def begin(self, name: str, process: str, *, lease_s: float) -> None:
        """Be the owner of that name, and return when no earlier process can be.

        Raises:
            Fenced: there is no owner of that name (any more).
        """
        with self.changing() as connection:
            asked = sa.select(OWNER.c.lease_until_s - self._now()).where(OWNER.c.name == name)
            left_s = connection.execute(asked.with_for_update()).scalar()
            if left_s is None:
                raise Fenced(f"owner {name} was replaced")
            connection.execute(
                sa.update(OWNER)
                .where(OWNER.c.name == name)
                .values(process=process, lease_until_s=self._now() + max(left_s, 0.0) + lease_s)
            )
        if left_s > 0:
            time.sleep(left_s)

    def renew(self, name: str, process: str, *, lease_s: float) -> set[str]:
        """Renew a process's lease; return the partitions that it holds.

        Raises:
            Fenced: another process is the owner now.
        """
        is_own = (OWNER.c.name == name) & (OWNER.c.process == process)
        renewed = sa.update(OWNER).where(is_own).values(lease_until_s=self._now() + lease_s)
        with self.changing() as connection:
            if not connection.execute(renewed).rowcount:
                raise Fenced(f"owner {name} is another process now")
            # A statement of its own: it sees what was taken while the one before waited.
            asked = sa.select(HOLDING.c.partition).where(HOLDING.c.process == process)
            return set(connection.execute(asked).scalars())

    def assigned(self, name: str) -> list[Held]:
        """Return the partitions that are assigned to an owner."""
        asked = (
            sa.select(HOLDING.c.partition, HOLDING.c.table_id, HOLDING.c.number)
            .where(HOLDING.c.owner == name)
            .order_by(HOLDING.c.partition)
        )
        with self._reading() as connection:
            return [Held(*row) for row in connection.execute(asked)]

    def is_held_elsewhere(self, process: str, partitions: Collection[str]) -> bool:
        """Return whether another process holds one of these whose lease is good."""
        lives = (OWNER.c.lease_until_s > self._now()) & (OWNER.c.process != process)
        asked = (
            sa.select(HOLDING.c.partition)
            .join(OWNER, OWNER.c.process == HOLDING.c.process)
            .where(HOLDING.c.partition.in_(partitions) & lives)
            .limit(1)
        )
        with self._reading() as connection:
            return connection.execute(asked).first() is not None

    def take(self, name: str, process: str, partitions: Collection[str]) -> dict[str, int]:
        """Hold partitions that are assigned to one's name, and return their new epochs.

        Returns when those who held them before can neither append nor answer any more.

        Raises:
            Fenced: one of them is not assigned to that name, or the name is another process's.
        """
        with self.changing() as connection:
            # Owners before partitions, in the order in which a renewal has them.
            others = sa.select(HOLDING.c.process).where(HOLDING.c.partition.in_(partitions))
            asked = (
                sa.select(OWNER.c.name, OWNER.c.process, OWNER.c.lease_until_s - self._now())
                .where(OWNER.c.process.in_(others) | (OWNER.c.name == name))
                .order_by(OWNER.c.name)
                .with_for_update()
            )
            owners = connection.execute(asked).all()
            processes = {row[1]: row[2] for row in owners}
            if (name, process) not in {(row[0], row[1]) for row in owners}:
                raise Fenced(f"owner {name} is another process now")
            left_s = max((left for each, left in processes.items() if each != process), default=0.0)
            epochs = self._raise_epochs(connection, name, process, partitions, processes)
        if left_s > 0:
            time.sleep(left_s)
        return epochs

    def release(self, process: str, partitions: Collection[str]) -> None:
        """Hold partitions no more: who takes them next need not wait."""
        is_own = HOLDING.c.partition.in_(partitions) & (HOLDING.c.process == process)
        with self.changing() as connection:
            connection.execute(
                sa.update(HOLDING).where(is_own).values(process="", epoch=HOLDING.c.epoch + 1)
            )

    def _raise_epochs(
        self,
        connection: Connection,
        name: str,
        process: str,
        partitions: Collection[str],
        processes: Collection[str],
    ) -> dict[str, int]:
        """Hold partitions; `processes`: those whose leases are being waited for."""
        asked = (
            sa.select(HOLDING.c.partition, HOLDING.c.owner, HOLDING.c.process, HOLDING.c.epoch)
            .where(HOLDING.c.partition.in_(partitions))
            .order_by(HOLDING.c.partition)
            .with_for_update()
        )
        rows = connection.execute(asked).all()
        strange = set(partitions) - {row.partition for row in rows if row.owner == name}
        if strange:
            raise Fenced(f"partition {min(strange)} is not assigned to {name} any more")
        between = {row.process for row in rows} - {"", *processes}
        if connection.execute(sa.select(OWNER.c.name).where(OWNER.c.process.in_(between))).first():
            raise Overloaded("a partition was taken at the same moment by somebody else; try again")
        connection.execute(
            sa.update(HOLDING)
            .where(HOLDING.c.partition.in_(partitions))
            .values(process=process, epoch=HOLDING.c.epoch + 1)
        )
        return {row.partition: row.epoch + 1 for row in rows}

    def _now(self) -> sa.ColumnElement[float]:
        """Return the database's present moment in Unix seconds."""
        if self._engine.dialect.name == "sqlite":
            return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double)
        return sa.literal_column("extract(epoch from clock_timestamp())::float8", sa.Double)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _naming_faults(), reading(self._engine) as connection:
            yield connection


def end_stalled_transactions(engine: Engine) -> None:
    """Let a PostgreSQL server end a transaction of this engine whose process does nothing.

    A process that is stopped in the middle of an append would otherwise keep others from taking
    its partitions for as long as it is.
    """
    if engine.dialect.name != "postgresql":
        return

    def bound(connection: sa.engine.interfaces.DBAPIConnection, _entry: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET {STALLED_SETTING} = {STALLED_TRANSACTION_MS}")
        cursor.close()
        connection.commit()

    sa.event.listen(engine, "connect", bound)


@contextmanager
def _naming_faults() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise Overloaded(
            f"who owns which partition cannot be read or changed ({error.orig}); try again"
        ) from error
