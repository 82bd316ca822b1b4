"""The catalogue's tables, as SQLAlchemy knows them.

What a database really has is made by the migrations; a test compares the two.
"""

import sqlalchemy as sa

METADATA = sa.MetaData()


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _reference(name: str, target: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(f"{target}.id"), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _moment(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False)


ORGANISATION = sa.Table("organisation", METADATA, _id(), _text("name"), _moment("created_s"))

MEMBER = sa.Table(
    "member",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _text("email"),
    _text("role"),
    _text("status"),
    _text("password_hash"),
    _moment("created_s"),
)
# Somebody who left may come back, as somebody new.
sa.Index(
    "member_email",
    MEMBER.c.email,
    unique=True,
    sqlite_where=MEMBER.c.status != "left",
    postgresql_where=MEMBER.c.status != "left",
)

SESSION = sa.Table(
    "session",
    METADATA,
    _id(),
    _reference("user_id", "member"),
    sa.Column("refresh_id", sa.Text, nullable=False, unique=True),
    _text("refresh_digest"),
    _moment("created_s"),
    _moment("expires_s"),
    sa.Column("ended_s", sa.Double),
    sa.Index("session_user", "user_id"),
    sa.Index("session_expiry", "expires_s"),
)

INVITE = sa.Table(
    "invite",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _text("email"),
    _text("role"),
    sa.Column("token_digest", sa.Text, nullable=False, unique=True),
    _moment("created_s"),
    _moment("expires_s"),
)

API_KEY = sa.Table(
    "api_key",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _reference("user_id", "member"),
    _text("name"),
    _text("prefix"),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    _text("scopes"),
    sa.Column("bound_kind", sa.Text),
    sa.Column("bound_id", sa.Text),
    _moment("created_s"),
)

SIGNING_KEY = sa.Table("signing_key", METADATA, _id(), _text("private_key"), _moment("created_s"))

DEPLOYMENT = sa.Table(
    "deployment",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _text("name"),
    _text("shape"),
    _text("status"),
    sa.Column("failure_reason", sa.Text),
    _moment("created_s"),
    _text("created_by"),
    sa.UniqueConstraint("organisation_id", "name", name="deployment_name"),
)

DATA_TABLE = sa.Table(
    "data_table",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _reference("deployment_id", "deployment"),
    _text("name"),
    _text("description"),
    sa.Column("is_keyed", sa.Boolean),
    sa.Column("partition_count", sa.Integer, nullable=False),
    sa.Column("next_field_id", sa.BigInteger, nullable=False),
    _text("status"),
    _moment("created_s"),
    sa.UniqueConstraint("deployment_id", "name", name="data_table_name"),
)

FIELD = sa.Table(
    "field",
    METADATA,
    sa.Column("table_id", sa.Text, sa.ForeignKey("data_table.id"), primary_key=True),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("name"),
    _text("definition"),
    sa.UniqueConstraint("table_id", "name", name="field_name"),
)

VIEW = sa.Table(
    "sql_view",
    METADATA,
    sa.Column("deployment_id", sa.Text, sa.ForeignKey("deployment.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("statement"),
)

SOURCE = sa.Table(
    "source",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _reference("deployment_id", "deployment"),
    _reference("table_id", "data_table"),
    _text("name"),
    _text("definition"),
    _text("status"),
    sa.Column("failure_reason", sa.Text),
    _moment("created_s"),
    _text("created_by"),
    sa.Column("records_per_s", sa.BigInteger),
    sa.Column("bytes_per_s", sa.BigInteger),
    sa.UniqueConstraint("organisation_id", "name", name="source_name"),
)

SOURCE_TRAFFIC = sa.Table(
    "source_traffic",
    METADATA,
    sa.Column("source_id", sa.Text, sa.ForeignKey("source.id"), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

SOURCE_WEBHOOK = sa.Table(
    "source_webhook",
    METADATA,
    sa.Column("source_id", sa.Text, sa.ForeignKey("source.id"), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

PASSWORD_RESET = sa.Table(
    "password_reset",
    METADATA,
    _id(),
    _reference("user_id", "member"),
    sa.Column("token_digest", sa.Text, nullable=False, unique=True),
    _moment("created_s"),
    _moment("expires_s"),
)

EXTERNAL_IDENTITY = sa.Table(
    "external_identity",
    METADATA,
    _id(),
    _reference("user_id", "member"),
    _text("issuer"),
    _text("subject"),
    _moment("created_s"),
)

# Without references: an entry outlives whom and what it tells of.
AUDIT_ENTRY = sa.Table(
    "audit_entry",
    METADATA,
    _id(),
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
    sa.Index("audit_entry_organisation", "organisation_id", "id"),
)

# Without a reference to the deployment: a statement outlives it.
SAVED_QUERY = sa.Table(
    "saved_query",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _reference("user_id", "member"),
    _text("name"),
    _text("language"),
    _text("statement"),
    sa.Column("deployment_id", sa.Text),
    sa.Column("is_shared", sa.Boolean, nullable=False),
    _moment("created_s"),
    _moment("changed_s"),
    sa.UniqueConstraint("user_id", "name", name="saved_query_name"),
    sa.Index("saved_query_organisation", "organisation_id"),
)

# Without a reference to the deployment: an endpoint outlives it, and answers that it is gone.
ENDPOINT = sa.Table(
    "endpoint",
    METADATA,
    _id(),
    _reference("organisation_id", "organisation"),
    _text("name"),
    _text("deployment_id"),
    _text("description"),
    sa.Column("requests_per_s", sa.BigInteger),
    _moment("created_s"),
    _text("created_by"),
    sa.UniqueConstraint("organisation_id", "name", name="endpoint_name"),
)

ENDPOINT_VERSION = sa.Table(
    "endpoint_version",
    METADATA,
    sa.Column("endpoint_id", sa.Text, sa.ForeignKey("endpoint.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("language"),
    _text("statement"),
    _text("parameters"),
    _moment("created_s"),
    _text("created_by"),
)

ENDPOINT_TAG = sa.Table(
    "endpoint_tag",
    METADATA,
    sa.Column("endpoint_id", sa.Text, sa.ForeignKey("endpoint.id"), primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
