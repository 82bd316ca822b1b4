"""Statements become endpoints: versions that never change, and tags that move between them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables of endpoints, their versions and their tags."""
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("organisation.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("deployment_id", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("requests_per_s", sa.BigInteger),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "name", name="endpoint_name"),
    )
    op.create_table(
        "endpoint_version",
        sa.Column("endpoint_id", sa.Text, sa.ForeignKey("endpoint.id"), nullable=False),
        sa.Column("version", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "version"),
    )
    op.create_table(
        "endpoint_tag",
        sa.Column("endpoint_id", sa.Text, sa.ForeignKey("endpoint.id"), nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "tag"),
    )
