"""What the API shows of users, invites, API keys and statements, as frozen structs."""

from datetime import datetime

import msgspec


class User(msgspec.Struct, frozen=True):
    """A user. `role`: admin or user. `status`: active, deactivated or left."""

    id: str
    email: str
    role: str
    status: str
    created_at: datetime


class Invite(msgspec.Struct, frozen=True):
    """An invite. `token` and `link` are there only when it has just been made."""

    id: str
    email: str
    role: str
    created_at: datetime
    expires_at: datetime
    token: str | None = None
    link: str | None = None

    def __repr__(self) -> str:
        return f"Invite(id={self.id!r}, email={self.email!r}, role={self.role!r})"


class Binding(msgspec.Struct, frozen=True):
    """What a key is good for. `kind`: deployment, source or endpoint.

    `others`: of several endpoints, those after the first.
    """

    kind: str
    id: str
    others: tuple[str, ...] = ()


class ApiKey(msgspec.Struct, frozen=True):
    """An API key. `key`: itself, only when it has just been created."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    user_id: str
    created_at: datetime
    bound_to: Binding | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"ApiKey(id={self.id!r}, name={self.name!r}, prefix={self.prefix!r})"


class Query(msgspec.Struct, frozen=True):
    """A statement that runs or has run.

    `status`: RUNNING, SUCCEEDED, FAILED, CANCELLED or TIMED_OUT. `rows_returned`: of SQL.
    """

    id: str
    language: str
    statement: str
    user: str
    started_at: datetime
    duration_us: int
    status: str
    records_selected: int
    answer_bytes: int
    deployment_id: str = ""
    request_id: str = ""
    rows_returned: int | None = None
    error: str = ""
