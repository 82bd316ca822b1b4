"""Users, invites and API keys over HTTP."""

from datetime import datetime

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, UnsetType

from bitbrook.api.paths import AnyRequest, base_url, versioned
from bitbrook.api.permissions import OPEN, SIGNED_IN, needs
from bitbrook.api.workers import on_thread
from bitbrook.auth.policy import Binding, BoundKind, Caller, Right, Role, Scope
from bitbrook.control import api_keys
from bitbrook.control import users as control
from bitbrook.control.service import Service
from bitbrook.errors import InvalidValue

TAGS = ["users"]


class UserList(msgspec.Struct):
    """Every user of the organisation."""

    users: list[control.User]


class NewRole(msgspec.Struct):
    """Another role for a user."""

    role: Role


class NewPassword(msgspec.Struct):
    """A change of one's own password."""

    old_password: str
    new_password: str


class NewInvite(msgspec.Struct):
    """Somebody to invite."""

    email: str
    role: Role = Role.USER


class Invite(msgspec.Struct, omit_defaults=True):
    """An invite. `token` and `link` are shown only when it is made."""

    id: str
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime
    token: str | UnsetType = UNSET
    link: str | UnsetType = UNSET


class InviteList(msgspec.Struct):
    """Every invite that can still be accepted."""

    invites: list[Invite]


class Acceptance(msgspec.Struct):
    """An invite's token and the password its user wants."""

    token: str
    password: str


class PasswordReset(msgspec.Struct):
    """A way for a user to set a new password. `token` and `link` are shown only here."""

    user_id: str
    email: str
    expires_at: datetime
    token: str
    link: str


class PasswordToReset(msgspec.Struct):
    """A reset's token and the password its user wants."""

    token: str
    password: str


class NewApiKey(msgspec.Struct):
    """An API key to create, bound to a deployment, a source or endpoints if such are named.

    `endpoints`: by their names; the scope is then `endpoint`, and the key does nothing else.
    """

    name: str
    scopes: tuple[Scope, ...]
    deployment_id: str | None = None
    database_id: str | None = None
    source_id: str | None = None
    endpoints: list[str] = []


class ApiKey(msgspec.Struct, omit_defaults=True):
    """An API key. `key`: the key itself, shown only when it is created."""

    id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    user_id: str
    created_at: datetime
    bound_to: Binding | UnsetType = UNSET
    key: str | UnsetType = UNSET


class ApiKeyList(msgspec.Struct):
    """The caller's API keys; an administrator sees the organisation's."""

    api_keys: list[ApiKey]


@get(versioned("/users"), opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def list_users(caller: Caller, service: Service) -> UserList:
    """List the organisation's users."""
    return UserList(list(service.users.list(caller)))


@get(versioned("/users/me"), opt=SIGNED_IN, tags=TAGS)
@on_thread
def get_me(caller: Caller, service: Service) -> control.User:
    """Show who one is."""
    return service.users.me(caller)


@post(versioned("/users/me/password"), status_code=204, opt=SIGNED_IN, tags=TAGS)
@on_thread
def change_password(data: NewPassword, caller: Caller, service: Service) -> None:
    """Change one's own password; one's other sessions end."""
    service.users.change_password(caller, data.old_password, data.new_password)


@post(versioned("/users/{user_id:str}/password-reset"), opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def begin_password_reset(
    request: AnyRequest, user_id: str, caller: Caller, service: Service
) -> PasswordReset:
    """Give a user a way to set a new password; the answer carries the link to send them."""
    reset = service.password_resets.begin(caller, user_id)
    # After the '#', a browser keeps it to itself: it stands in nobody's log.
    link = f"{base_url(request, service.settings)}/#password-reset={reset.token}"
    return PasswordReset(reset.user_id, reset.email, reset.expires_at, reset.token, link)


@post(versioned("/password-reset"), status_code=204, opt=OPEN, tags=TAGS)
@on_thread
def reset_password(data: PasswordToReset, service: Service) -> None:
    """Set a new password with a reset's token; every session of the user ends."""
    service.password_resets.finish(data.token, data.password)


@get(versioned("/users/{user_id:str}"), opt=SIGNED_IN, tags=TAGS)
@on_thread
def get_user(user_id: str, caller: Caller, service: Service) -> control.User:
    """Show one user."""
    return service.users.get(caller, user_id)


@patch(versioned("/users/{user_id:str}"), opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def change_role(user_id: str, data: NewRole, caller: Caller, service: Service) -> control.User:
    """Give a user another role."""
    return service.users.change_role(caller, user_id, data.role)


@post(
    versioned("/users/{user_id:str}/deactivate"),
    status_code=200,
    opt=needs(Right.ADMIN),
    tags=TAGS,
)
@on_thread
def deactivate_user(user_id: str, caller: Caller, service: Service) -> control.User:
    """Shut a user out at once."""
    return service.users.deactivate(caller, user_id)


@post(
    versioned("/users/{user_id:str}/activate"),
    status_code=200,
    opt=needs(Right.ADMIN),
    tags=TAGS,
)
@on_thread
def activate_user(user_id: str, caller: Caller, service: Service) -> control.User:
    """Let a deactivated user in again."""
    return service.users.activate(caller, user_id)


@delete(versioned("/users/{user_id:str}"), status_code=200, opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def remove_user(user_id: str, caller: Caller, service: Service) -> control.User:
    """Mark a user as having left."""
    return service.users.remove(caller, user_id)


@post(versioned("/invites"), opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def create_invite(request: AnyRequest, data: NewInvite, caller: Caller, service: Service) -> Invite:
    """Invite somebody; the answer carries the link to send them."""
    invite = service.users.invite(caller, data.email, data.role)
    shown = _shown_invite(invite)
    if invite.token is not None:
        shown.token = invite.token
        # After the '#', a browser keeps it to itself: it stands in nobody's log.
        shown.link = f"{base_url(request, service.settings)}/#invite={invite.token}"
    return shown


@get(versioned("/invites"), opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def list_invites(caller: Caller, service: Service) -> InviteList:
    """List the invites that can still be accepted."""
    return InviteList([_shown_invite(each) for each in service.users.invites(caller)])


@delete(versioned("/invites/{invite_id:str}"), status_code=204, opt=needs(Right.ADMIN), tags=TAGS)
@on_thread
def revoke_invite(invite_id: str, caller: Caller, service: Service) -> None:
    """Make an invite worthless."""
    service.users.revoke_invite(caller, invite_id)


@post(versioned("/invites/accept"), opt=OPEN, tags=TAGS)
@on_thread
def accept_invite(data: Acceptance, service: Service) -> control.User:
    """Become a user with an invite's token and a password of one's own."""
    return service.users.accept_invite(data.token, data.password)


@post(versioned("/api-keys"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def create_api_key(data: NewApiKey, caller: Caller, service: Service) -> ApiKey:
    """Create an API key; the key itself is shown only in this answer."""
    key = service.api_keys.create(
        caller, data.name, data.scopes, _binding_of(data, caller, service)
    )
    return _shown_key(key)


@get(versioned("/api-keys"), opt=needs(Right.MANAGE), tags=TAGS)
@on_thread
def list_api_keys(caller: Caller, service: Service) -> ApiKeyList:
    """List API keys."""
    return ApiKeyList([_shown_key(each) for each in service.api_keys.list(caller)])


@delete(
    versioned("/api-keys/{api_key_id:str}"),
    status_code=204,
    opt=needs(Right.MANAGE),
    tags=TAGS,
)
@on_thread
def revoke_api_key(api_key_id: str, caller: Caller, service: Service) -> None:
    """Make an API key worthless at once."""
    service.api_keys.revoke(caller, api_key_id)


def _binding_of(data: NewApiKey, caller: Caller, service: Service) -> Binding | None:
    deployment_id = data.deployment_id or data.database_id
    if sum(map(bool, (deployment_id, data.source_id, data.endpoints))) > 1:
        message = "a key is bound to a deployment, a source or endpoints; name one of these"
        field = "endpoints" if data.endpoints else "source_id"
        raise InvalidValue(message, field=field)
    if data.endpoints:
        return service.endpoints.binding(caller, data.endpoints)
    if deployment_id:
        return Binding(BoundKind.DEPLOYMENT, deployment_id)
    return Binding(BoundKind.SOURCE, data.source_id) if data.source_id else None


def _shown_invite(invite: control.Invite) -> Invite:
    return Invite(invite.id, invite.email, invite.role, invite.created_at, invite.expires_at)


def _shown_key(key: api_keys.ApiKey) -> ApiKey:
    return ApiKey(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes,
        user_id=key.user_id,
        created_at=key.created_at,
        bound_to=key.bound_to or UNSET,
        key=key.key or UNSET,
    )


ROUTES = (
    list_users,
    get_me,
    change_password,
    begin_password_reset,
    reset_password,
    get_user,
    change_role,
    deactivate_user,
    activate_user,
    remove_user,
    create_invite,
    list_invites,
    revoke_invite,
    accept_invite,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)
