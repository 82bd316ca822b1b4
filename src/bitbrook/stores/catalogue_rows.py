"""The catalogue's rows, typed: one struct a table, its members the columns.

Moments are Unix seconds. Secrets are stored as digests or password hashes, but for the private keys
that tokens are signed with. Knows nothing of what states, roles or definitions mean.
"""

from typing import ClassVar

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of some table; `table` is its name and `key` names what identifies a row."""

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]] = ("id",)


class OrganisationRow(Row, frozen=True, kw_only=True):
    """An organisation."""

    table = "organisation"

    id: str
    name: str
    created_s: float


class UserRow(Row, frozen=True, kw_only=True):
    """A user. `password_hash`: Argon2's encoded form."""

    table = "member"

    id: str
    organisation_id: str
    email: str
    role: str
    status: str
    password_hash: str
    created_s: float


class SessionRow(Row, frozen=True, kw_only=True):
    """A sign-in that can be continued.

    `refresh_id` is the part of its refresh tokens that stays, `refresh_digest` that of the part
    that each refresh replaces. `ended_s`: when it was ended before its time.
    """

    table = "session"

    id: str
    user_id: str
    refresh_id: str
    refresh_digest: str
    created_s: float
    expires_s: float
    ended_s: float | None = None


class InviteRow(Row, frozen=True, kw_only=True):
    """An invite that was not used yet."""

    table = "invite"

    id: str
    organisation_id: str
    email: str
    role: str
    token_digest: str
    created_s: float
    expires_s: float


class ApiKeyRow(Row, frozen=True, kw_only=True):
    """An API key. `scopes`, and `bound_id` of several: parted by spaces. `prefix`: its start."""

    table = "api_key"

    id: str
    organisation_id: str
    user_id: str
    name: str
    prefix: str
    digest: str
    scopes: str
    bound_kind: str | None
    bound_id: str | None
    created_s: float


class SigningKeyRow(Row, frozen=True, kw_only=True):
    """A key that tokens are signed with. `private_key`: PEM."""

    table = "signing_key"

    id: str
    private_key: str
    created_s: float


class DeploymentRow(Row, frozen=True, kw_only=True):
    """A deployment."""

    table = "deployment"

    id: str
    organisation_id: str
    name: str
    shape: str
    status: str
    failure_reason: str | None = None
    created_s: float
    created_by: str


class TableRow(Row, frozen=True, kw_only=True):
    """A table. `is_keyed`: None while undecided. `next_field_id`: ids below it were given."""

    table = "data_table"

    id: str
    organisation_id: str
    deployment_id: str
    name: str
    description: str
    is_keyed: bool | None
    partition_count: int
    next_field_id: int
    status: str
    created_s: float


class FieldRow(Row, frozen=True, kw_only=True):
    """A field of a table; ids ascend in the order in which fields were added.

    `definition`: JSON.
    """

    table = "field"
    key = ("table_id", "id")

    table_id: str
    id: int
    name: str
    definition: str


class ViewRow(Row, frozen=True, kw_only=True):
    """A view of a deployment. `statement`: the SELECT that it stands for."""

    table = "sql_view"
    key = ("deployment_id", "name")

    deployment_id: str
    name: str
    statement: str


class SourceRow(Row, frozen=True, kw_only=True):
    """A source. `definition`: JSON. Its rates: None is the server's, 0 is none."""

    table = "source"

    id: str
    organisation_id: str
    deployment_id: str
    table_id: str
    name: str
    definition: str
    status: str
    failure_reason: str | None = None
    created_s: float
    created_by: str
    records_per_s: int | None = None
    bytes_per_s: int | None = None


class SourceTrafficRow(Row, frozen=True, kw_only=True):
    """What a source took before the server stopped. `body`: MessagePack."""

    table = "source_traffic"
    key = ("source_id",)

    source_id: str
    body: bytes


class SourceWebhookRow(Row, frozen=True, kw_only=True):
    """How a source's webhooks are signed. `body`: MessagePack, with the secret in it."""

    table = "source_webhook"
    key = ("source_id",)

    source_id: str
    body: bytes


class PasswordResetRow(Row, frozen=True, kw_only=True):
    """A way for a user to set a new password, once."""

    table = "password_reset"

    id: str
    user_id: str
    token_digest: str
    created_s: float
    expires_s: float


class ExternalIdentityRow(Row, frozen=True, kw_only=True):
    """Whom an identity provider's subject stands for. `id`: a digest of issuer and subject."""

    table = "external_identity"

    id: str
    user_id: str
    issuer: str
    subject: str
    created_s: float


class AuditRow(Row, frozen=True, kw_only=True):
    """An entry of the audit log; ids ascend with time.

    `organisation_id`: None where nobody known has tried. `status`: of the answer, None where the
    entry was kept along with a change that succeeded.
    """

    table = "audit_entry"

    id: str
    at_s: float
    organisation_id: str | None = None
    user_id: str | None = None
    who: str | None = None
    api_key_id: str | None = None
    address: str
    request_id: str
    action: str
    resource: str
    outcome: str
    status: int | None = None


class SavedQueryRow(Row, frozen=True, kw_only=True):
    """A statement that a user keeps. `deployment_id`: where it was written for; may be gone."""

    table = "saved_query"

    id: str
    organisation_id: str
    user_id: str
    name: str
    language: str
    statement: str
    deployment_id: str | None
    is_shared: bool
    created_s: float
    changed_s: float


class EndpointRow(Row, frozen=True, kw_only=True):
    """A statement that is called by a name. `created_by`: an e-mail address.

    `requests_per_s`: of one caller; None is the server's, 0 is no limit.
    """

    table = "endpoint"

    id: str
    organisation_id: str
    name: str
    deployment_id: str
    description: str
    requests_per_s: int | None
    created_s: float
    created_by: str


class EndpointVersionRow(Row, frozen=True, kw_only=True):
    """A version of an endpoint, which never changes. `parameters`: JSON."""

    table = "endpoint_version"
    key = ("endpoint_id", "version")

    endpoint_id: str
    version: int
    language: str
    statement: str
    parameters: str
    created_s: float
    created_by: str


class EndpointTagRow(Row, frozen=True, kw_only=True):
    """A word for one of an endpoint's versions."""

    table = "endpoint_tag"
    key = ("endpoint_id", "tag")

    endpoint_id: str
    tag: str
    version: int
