"""Users keep statements under names of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of saved queries."""
    op.create_table(
        "saved_query",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("user_id", sa.Text, sa.ForeignKey("member.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("deployment_id", sa.Text),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("changed_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "name", name="saved_query_name"),
    )
    op.create_index("saved_query_organisation", "saved_query", ["organisation_id"])
