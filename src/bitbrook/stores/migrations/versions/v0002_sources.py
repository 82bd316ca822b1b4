"""Sources have rates of their own, and what they took outlives an orderly stop."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give sources their rates, and their traffic a table."""
    op.add_column("source", sa.Column("records_per_s", sa.BigInteger))
    op.add_column("source", sa.Column("bytes_per_s", sa.BigInteger))
    op.create_table(
        "source_traffic",
        sa.Column("source_id", sa.Text, sa.ForeignKey("source.id"), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("source_id"),
    )
