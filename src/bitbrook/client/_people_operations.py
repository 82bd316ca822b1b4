"""Operations on users, invites, API keys and statements, as flows. See `_operations`."""

from collections.abc import Iterable

from bitbrook.client._calls import delete, get, patch, path_of, post
from bitbrook.client._exchange import Retries, ask, exchange
from bitbrook.client._people_models import ApiKey, Invite, Query, User
from bitbrook.client._steps import Call, Flow


def list_users(retries: Retries) -> Flow[list[User]]:
    """Return the organisation's users."""
    answer = yield from ask(get("/v1/users"), dict[str, list[User]], retries)
    return answer["users"]


def get_user(id_: str, retries: Retries) -> Flow[User]:
    """Return one user; `me` is the caller."""
    return (yield from ask(get(path_of("users", id_)), User, retries))


def change_role(id_: str, role: str, retries: Retries) -> Flow[User]:
    """Return the user with another role."""
    return (yield from ask(patch(path_of("users", id_), {"role": role}), User, retries))


def switch_user(id_: str, verb: str, retries: Retries) -> Flow[User]:
    """Return the user, deactivated or activated."""
    return (yield from ask(post(path_of("users", id_, verb), is_idempotent=True), User, retries))


def remove_user(id_: str, retries: Retries) -> Flow[User]:
    """Return the user, who has left."""
    return (yield from ask(delete(path_of("users", id_)), User, retries))


def change_password(old: str, new: str, retries: Retries) -> Flow[None]:
    """Change the caller's password."""
    body = {"old_password": old, "new_password": new}
    yield from exchange(post("/v1/users/me/password", body), retries)


def create_invite(email: str, role: str, retries: Retries) -> Flow[Invite]:
    """Return a new invite, with its token and link."""
    body = {"email": email, "role": role}
    return (yield from ask(post("/v1/invites", body), Invite, retries))


def list_invites(retries: Retries) -> Flow[list[Invite]]:
    """Return the invites that can still be accepted."""
    answer = yield from ask(get("/v1/invites"), dict[str, list[Invite]], retries)
    return answer["invites"]


def revoke_invite(id_: str, retries: Retries) -> Flow[None]:
    """Make an invite worthless."""
    yield from exchange(delete(path_of("invites", id_)), retries)


def accept_invite(token: str, password: str, retries: Retries) -> Flow[User]:
    """Return who an invite's token makes a user."""
    call = post("/v1/invites/accept", {"token": token, "password": password})
    # Who accepts has no credentials yet.
    call = Call(call.method, call.path, call.content, is_authorised=False)
    return (yield from ask(call, User, retries))


def create_api_key(
    name: str,
    scopes: Iterable[str],
    *,
    deployment_id: str | None,
    source_id: str | None,
    endpoints: Iterable[str],
    retries: Retries,
) -> Flow[ApiKey]:
    """Return a new API key, with the key itself."""
    bound = {
        "deployment_id": deployment_id,
        "source_id": source_id,
        "endpoints": list(endpoints),
    }
    body = {"name": name, "scopes": list(scopes), **{k: v for k, v in bound.items() if v}}
    return (yield from ask(post("/v1/api-keys", body), ApiKey, retries))


def list_api_keys(retries: Retries) -> Flow[list[ApiKey]]:
    """Return the caller's keys; an administrator's all of the organisation."""
    answer = yield from ask(get("/v1/api-keys"), dict[str, list[ApiKey]], retries)
    return answer["api_keys"]


def revoke_api_key(id_: str, retries: Retries) -> Flow[None]:
    """Make a key worthless."""
    yield from exchange(delete(path_of("api-keys", id_)), retries)


def list_queries(retries: Retries) -> Flow[list[Query]]:
    """Return the statements that run."""
    answer = yield from ask(get("/v1/queries"), dict[str, list[Query]], retries)
    return answer["queries"]


def list_past_queries(deployment_id: str, limit: int, retries: Retries) -> Flow[list[Query]]:
    """Return a deployment's last statements, newest first."""
    call = get(f"{path_of('deployments', deployment_id, 'queries')}?limit={limit}")
    answer = yield from ask(call, dict[str, list[Query]], retries)
    return answer["queries"]


def cancel_query(id_: str, retries: Retries) -> Flow[Query]:
    """Return the statement, which ends within moments."""
    return (yield from ask(delete(path_of("queries", id_)), Query, retries))
