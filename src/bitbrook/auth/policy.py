"""Callers and what they may do.

A role gives rights; an API key's scopes take some of them away and its binding confines it to one
deployment or one source. Every action of `bitbrook.control` begins with `caller.require`. Knows
nothing of what is being protected; whose a thing is, its keeper says.
"""

import enum

import msgspec

from bitbrook.errors import NotAllowed


class Role(enum.StrEnum):
    """What a user is in their organisation."""

    ADMIN = "admin"
    USER = "user"


class Right(enum.StrEnum):
    """What may be done.

    VIEW: see deployments, tables and sources. QUERY: ask. CALL: call endpoints, which ask what they
    were published to ask. INGEST: write records. MANAGE: create and delete deployments, tables,
    sources and endpoints. ADMIN: users, invites and everybody's API keys.
    """

    VIEW = "view"
    QUERY = "query"
    CALL = "call"
    INGEST = "ingest"
    MANAGE = "manage"
    ADMIN = "admin"


class Scope(enum.StrEnum):
    """What an API key is for."""

    QUERY = "query"
    ENDPOINT = "endpoint"
    INGEST = "ingest"
    ADMIN = "admin"


RIGHTS_OF_ROLE: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.USER: frozenset({Right.VIEW, Right.QUERY, Right.CALL, Right.INGEST, Right.MANAGE}),
}

RIGHTS_OF_SCOPE: dict[Scope, frozenset[Right]] = {
    Scope.QUERY: frozenset({Right.VIEW, Right.QUERY, Right.CALL}),
    Scope.ENDPOINT: frozenset({Right.CALL}),
    Scope.INGEST: frozenset({Right.INGEST}),
    Scope.ADMIN: frozenset(Right),
}


class BoundKind(enum.StrEnum):
    """What an API key can be bound to."""

    DEPLOYMENT = "deployment"
    SOURCE = "source"
    ENDPOINT = "endpoint"


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one deployment or source that an API key is good for, or the endpoints.

    `others`: of several endpoints, those after the first.
    """

    kind: BoundKind
    id: str
    others: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Everything that it names."""
        return (self.id, *self.others)


class Caller(msgspec.Struct, frozen=True):
    """Who calls, for which organisation, with which rights.

    `bound_to`: the only thing that the caller may touch, if there is such a limit. `session_id`:
    the sign-in whose token was used, None for an API key. `api_key_id`: the key, if one was used.
    """

    organisation_id: str
    user_id: str
    email: str
    role: Role
    rights: frozenset[Right]
    bound_to: Binding | None = None
    session_id: str | None = None
    api_key_id: str | None = None

    def require(
        self,
        right: Right,
        *,
        deployment_id: str | None = None,
        source_id: str | None = None,
        endpoint_id: str | None = None,
    ) -> None:
        """Return if the caller has this right, for this deployment and source or endpoint.

        What names none of them concerns the whole organisation, which a bound key may not touch.

        Raises:
            NotAllowed: they do not; the message says which right is missing.
        """
        self.require_somewhere(right)
        if self.bound_to is not None and not self.reaches(
            deployment_id=deployment_id, source_id=source_id, endpoint_id=endpoint_id
        ):
            raise NotAllowed(
                f"this API key is bound to {self.bound_to.kind} {' '.join(self.bound_to.ids)}; "
                "use a key without a binding or with another one"
            )

    def require_somewhere(self, right: Right) -> None:
        """Return if the caller has this right, wherever their binding confines it to.

        Raises:
            NotAllowed: they do not.
        """
        if right not in self.rights:
            who = "this API key" if self.api_key_id else f"{self.email} ({self.role})"
            raise NotAllowed(f"{who} has no right to {right}; ask an administrator for it")

    def reaches(
        self,
        *,
        deployment_id: str | None = None,
        source_id: str | None = None,
        endpoint_id: str | None = None,
    ) -> bool:
        """Whether the caller's binding, if any, includes this deployment, source or endpoint."""
        if self.bound_to is None:
            return True
        match self.bound_to.kind:
            case BoundKind.DEPLOYMENT:
                return self.bound_to.id == deployment_id
            case BoundKind.SOURCE:
                return self.bound_to.id == source_id
            case BoundKind.ENDPOINT:
                return endpoint_id in self.bound_to.ids


def rights_of(role: Role, scopes: frozenset[Scope] | None = None) -> frozenset[Right]:
    """Return the rights of a role, confined to what these scopes (of an API key) are for."""
    rights = RIGHTS_OF_ROLE[role]
    if scopes is None:
        return rights
    return rights & frozenset[Right]().union(*(RIGHTS_OF_SCOPE[scope] for scope in scopes))
