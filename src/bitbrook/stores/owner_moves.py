"""How one owner gives its place to another one that is as alive as itself.

Both are owners for a while: the second is begun only if all owners are still those that whoever
moves has seen, so of several who would move one does. Partitions pass table by table, and the first
is forgotten only when nothing is assigned to it and its process holds nothing; so whoever takes a
partition over always waits for the lease of whom it takes it from. Any step may be the last of
whoever moves, and any may be done again by another.

Knows nothing of where owners run, nor why they move.
"""

from collections.abc import Collection

import sqlalchemy as sa

from bitbrook.errors import Overloaded
from bitbrook.stores.ownership import Ownership, Placement
from bitbrook.stores.ownership_tables import HOLDING, OWNER, PLACEMENT, insert_owner, lock_owners


class OwnerMoves:
    """What moves of owners write."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def begin(
        self, placement: Placement, successor: str, slot: int, *, seen: Collection[str]
    ) -> bool:
        """Add an owner to a deployment for one that it has; return whether all was as seen.

        `seen`: the names of all owners of all deployments.
        """
        asked = sa.select(PLACEMENT).order_by(PLACEMENT.c.deployment)
        with self._ownership.changing() as connection:
            # Moves begin one after another; a deployment that is placed anew has another row.
            rows = connection.execute(asked.with_for_update()).all()
            if placement not in [Placement(*row) for row in rows]:
                return False
            if set(connection.execute(sa.select(OWNER.c.name)).scalars()) != set(seen):
                return False
            insert_owner(connection, successor, placement.deployment, slot)
        return True

    def hand_over(self, table_id: str, owner: str, successor: str) -> bool:
        """Assign what one owner has of a table to another; who holds it does so until told.

        Returns whether both are owners still.
        """
        is_meant = (HOLDING.c.table_id == table_id) & (HOLDING.c.owner == owner)
        asked = sa.select(HOLDING.c.partition).where(is_meant).order_by(HOLDING.c.partition)
        with self._ownership.changing() as connection:
            try:
                lock_owners(connection, [owner, successor])
            except Overloaded:
                return False
            # Locked in the order in which appends lock them.
            connection.execute(asked.with_for_update()).all()
            connection.execute(sa.update(HOLDING).where(is_meant).values(owner=successor))
        return True

    def forget_idle(self, owner: str) -> bool:
        """Forget an owner if nothing is assigned to it and it holds nothing; return whether so."""
        asked = sa.select(OWNER.c.process).where(OWNER.c.name == owner)
        with self._ownership.changing() as connection:
            row = connection.execute(asked.with_for_update()).first()
            if row is None:
                return False
            is_held = (HOLDING.c.process == row.process) & (HOLDING.c.process != "")
            kept = sa.select(HOLDING.c.partition).where((HOLDING.c.owner == owner) | is_held)
            if connection.execute(kept.limit(1)).first() is not None:
                return False
            connection.execute(sa.delete(OWNER).where(OWNER.c.name == owner))
        return True
