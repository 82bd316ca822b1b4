"""Users, invites and API keys, for threads."""

import builtins
from collections.abc import Iterable

from bitbrook.client import _people_operations as operations
from bitbrook.client._link import Link
from bitbrook.client._models import DeploymentModel, SourceModel
from bitbrook.client._names import id_of
from bitbrook.client._people_models import ApiKey, Invite, User


class Users:
    """The organisation's users. A user is given as a struct or by the id."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def list(self) -> builtins.list[User]:
        """Return all of them, those who left included."""
        return self._link.run(operations.list_users(self._link.retries))

    def me(self) -> User:
        """Return who calls."""
        return self._link.run(operations.get_user("me", self._link.retries))

    def get(self, user_id: str) -> User:
        """Return one by the id.

        Raises:
            NotFound: there is none.
        """
        return self._link.run(operations.get_user(user_id, self._link.retries))

    def find(self, email: str) -> User | None:
        """Return the one of that address, None if there is none."""
        listed = self.list()
        return next((each for each in listed if each.email == email.lower()), None)

    def change_role(self, user: User | str, role: str) -> User:
        """Return one with another role: admin or user."""
        flow = operations.change_role(_id_of(user), role, self._link.retries)
        return self._link.run(flow)

    def deactivate(self, user: User | str) -> User:
        """Return one, shut out at once, until activated."""
        flow = operations.switch_user(_id_of(user), "deactivate", self._link.retries)
        return self._link.run(flow)

    def activate(self, user: User | str) -> User:
        """Return one, let in again."""
        flow = operations.switch_user(_id_of(user), "activate", self._link.retries)
        return self._link.run(flow)

    def remove(self, user: User | str) -> User:
        """Return one, marked as having left for good."""
        return self._link.run(operations.remove_user(_id_of(user), self._link.retries))

    def change_password(self, old: str, new: str) -> None:
        """Change the caller's own password; the caller's other sessions end."""
        self._link.run(operations.change_password(old, new, self._link.retries))


class Invites:
    """The organisation's invites. An invite is given as a struct or by its id."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def create(self, email: str, role: str = "user") -> Invite:
        """Return a new invite, whose `link` or `token` is for the one who is invited."""
        return self._link.run(operations.create_invite(email, role, self._link.retries))

    def list(self) -> builtins.list[Invite]:
        """Return those that can still be accepted."""
        return self._link.run(operations.list_invites(self._link.retries))

    def revoke(self, invite: Invite | str) -> None:
        """Make one worthless."""
        id_ = invite if isinstance(invite, str) else invite.id
        self._link.run(operations.revoke_invite(id_, self._link.retries))

    def accept(self, token: str, password: str) -> User:
        """Return who one becomes by an invite's token and a password of one's own."""
        return self._link.run(operations.accept_invite(token, password, self._link.retries))


class ApiKeys:
    """API keys. A key is given as a struct or by its id."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        deployment: DeploymentModel | str | None = None,
        source: SourceModel | str | None = None,
        endpoints: Iterable[str] = (),
    ) -> ApiKey:
        """Return a new key; its `key` is shown this once.

        `scopes`: of query, ingest, admin and endpoint. `deployment`, `source` or `endpoints` (by
        name, with the scope endpoint alone): what it is bound to.
        """
        flow = operations.create_api_key(
            name,
            scopes,
            deployment_id=None if deployment is None else id_of(deployment),
            source_id=None if source is None else id_of(source),
            endpoints=endpoints,
            retries=self._link.retries,
        )
        return self._link.run(flow)

    def list(self) -> builtins.list[ApiKey]:
        """Return the caller's, an administrator's all of the organisation."""
        return self._link.run(operations.list_api_keys(self._link.retries))

    def revoke(self, key: ApiKey | str) -> None:
        """Make one worthless at once."""
        id_ = key if isinstance(key, str) else key.id
        self._link.run(operations.revoke_api_key(id_, self._link.retries))


def _id_of(user: User | str) -> str:
    return user if isinstance(user, str) else user.id
