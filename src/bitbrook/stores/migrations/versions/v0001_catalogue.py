"""The first catalogue."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(name: str, *constraints: sa.ForeignKey) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *constraints, nullable=False)


def _reference(name: str, target: str) -> sa.Column[str]:
    return _text(name, sa.ForeignKey(f"{target}.id"))


def _moment(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False)


def upgrade() -> None:
    """Make every table."""
    _create_people()
    _create_access()
    _create_things()


def _create_people() -> None:
    op.create_table(
        "organisation",
        _text("id"),
        _text("name"),
        _moment("created_s"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "member",
        _text("id"),
        _reference("organisation_id", "organisation"),
        _text("email"),
        _text("role"),
        _text("status"),
        _text("password_hash"),
        _moment("created_s"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "member_email",
        "member",
        ["email"],
        unique=True,
        sqlite_where=sa.text("status != 'left'"),
        postgresql_where=sa.text("status != 'left'"),
    )


def _create_access() -> None:
    op.create_table(
        "session",
        _text("id"),
        _reference("user_id", "member"),
        _text("refresh_id"),
        _text("refresh_digest"),
        _moment("created_s"),
        _moment("expires_s"),
        sa.Column("ended_s", sa.Double),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("refresh_id"),
    )
    op.create_index("session_user", "session", ["user_id"])
    op.create_index("session_expiry", "session", ["expires_s"])
    op.create_table(
        "invite",
        _text("id"),
        _reference("organisation_id", "organisation"),
        _text("email"),
        _text("role"),
        _text("token_digest"),
        _moment("created_s"),
        _moment("expires_s"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_digest"),
    )
    op.create_table(
        "api_key",
        _text("id"),
        _reference("organisation_id", "organisation"),
        _reference("user_id", "member"),
        _text("name"),
        _text("prefix"),
        _text("digest"),
        _text("scopes"),
        sa.Column("bound_kind", sa.Text),
        sa.Column("bound_id", sa.Text),
        _moment("created_s"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "signing_key",
        _text("id"),
        _text("private_key"),
        _moment("created_s"),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_things() -> None:
    op.create_table(
        "deployment",
        _text("id"),
        _reference("organisation_id", "organisation"),
        _text("name"),
        _text("shape"),
        _text("status"),
        sa.Column("failure_reason", sa.Text),
        _moment("created_s"),
        _text("created_by"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "name", name="deployment_name"),
    )
    op.create_table(
        "data_table",
        _text("id"),
        _reference("organisation_id", "organisation"),
        _reference("deployment_id", "deployment"),
        _text("name"),
        _text("description"),
        sa.Column("is_keyed", sa.Boolean),
        sa.Column("partition_count", sa.Integer, nullable=False),
        sa.Column("next_field_id", sa.BigInteger, nullable=False),
        _text("status"),
        _moment("created_s"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("deployment_id", "name", name="data_table_name"),
    )
    op.create_table(
        "field",
        _reference("table_id", "data_table"),
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        _text("name"),
        _text("definition"),
        sa.PrimaryKeyConstraint("table_id", "id"),
        sa.UniqueConstraint("table_id", "name", name="field_name"),
    )
    op.create_table(
        "sql_view",
        _reference("deployment_id", "deployment"),
        _text("name"),
        _text("statement"),
        sa.PrimaryKeyConstraint("deployment_id", "name"),
    )
    op.create_table(
        "source",
        _text("id"),
        _reference("organisation_id", "organisation"),
        _reference("deployment_id", "deployment"),
        _reference("table_id", "data_table"),
        _text("name"),
        _text("definition"),
        _text("status"),
        sa.Column("failure_reason", sa.Text),
        _moment("created_s"),
        _text("created_by"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "name", name="source_name"),
    )
