"""Passwords can be reset, identity providers name users, and what was done is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _text(name: str, *constraints: sa.ForeignKey) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *constraints, nullable=False)


def _moment(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False)


def upgrade() -> None:
    """Make the tables of resets, external identities and the audit log."""
    op.create_table(
        "password_reset",
        _text("id"),
        _text("user_id", sa.ForeignKey("member.id")),
        _text("token_digest"),
        _moment("created_s"),
        _moment("expires_s"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_digest"),
    )
    op.create_table(
        "external_identity",
        _text("id"),
        _text("user_id", sa.ForeignKey("member.id")),
        _text("issuer"),
        _text("subject"),
        _moment("created_s"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_entry",
        _text("id"),
        _moment("at_s"),
        sa.Column("organisation_id", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("who", sa.Text),
        sa.Column("api_key_id", sa.Text),
        _text("address"),
        _text("request_id"),
        _text("action"),
        _text("resource"),
        _text("outcome"),
        sa.Column("status", sa.Integer),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_entry_organisation", "audit_entry", ["organisation_id", "id"])
