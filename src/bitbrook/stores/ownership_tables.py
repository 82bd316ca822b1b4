"""Tables of the log's database that say who owns which partition, and what their users share.

`ownership.Ownership` and `owner_moves.OwnerMoves` alone change them; others only read.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bitbrook.errors import Overloaded

METADATA = sa.MetaData()
OWNER = sa.Table(
    "owner",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("deployment", sa.Text, nullable=False, index=True),
    sa.Column("slot", sa.Integer, nullable=False),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("lease_until_s", sa.Double, nullable=False),
)
HOLDING = sa.Table(
    "holding",
    METADATA,
    sa.Column("partition", sa.Text, primary_key=True),
    sa.Column("table_id", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
)
PLACED_TABLE = sa.Table(
    "placed_table",
    METADATA,
    sa.Column("table_id", sa.Text, primary_key=True),
    sa.Column("deployment", sa.Text, nullable=False, index=True),
    sa.Column("definition", sa.LargeBinary, nullable=False),
)
PLACEMENT = sa.Table(
    "placement",
    METADATA,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("owner_count", sa.Integer, nullable=False),
)


def insert_owner(connection: Connection, name: str, deployment: str, slot: int) -> None:
    """Add an owner that has not begun; nothing happens if it is there."""
    known = connection.execute(sa.select(OWNER.c.name).where(OWNER.c.name == name)).first()
    if known is None:
        row = {"name": name, "deployment": deployment, "slot": slot}
        connection.execute(sa.insert(OWNER), {**row, "process": "", "lease_until_s": 0.0})


def lock_owners(connection: Connection, names: Collection[str]) -> None:
    """Let nobody forget these owners before the transaction ends.

    Raises:
        Overloaded: one of them was replaced meanwhile.
    """
    asked = sa.select(OWNER.c.name).where(OWNER.c.name.in_(sorted(set(names))))
    there = connection.execute(asked.order_by(OWNER.c.name).with_for_update(read=True)).scalars()
    gone = set(names) - set(there)
    if gone:
        raise Overloaded(f"owner {min(gone)} was replaced at the same moment; try again")
