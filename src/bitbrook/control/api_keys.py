"""API keys: what programs use instead of a password.

A key never has more rights than its user. Its text is shown once and kept
as a digest. Removing it, or deactivating its user, counts from the next request on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bitbrook.auth.policy import Binding, BoundKind, Caller, Right, Scope
from bitbrook.auth.random_texts import API_KEY_MARK, make_id, make_secret
from bitbrook.clock import Clock
from bitbrook.control.identity import binding_of, scopes_of
from bitbrook.control.members import Members
from bitbrook.control.registry import Registry
from bitbrook.errors import InvalidValue, NotFound, QuotaExceeded
from bitbrook.schema.limits import NAME_CHARACTERS_MAX
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import ApiKeyRow


class ApiKey(msgspec.Struct, frozen=True):
    """A key for programs. `prefix`: how it begins, to know it by. `key`: only when created."""

    id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    bound_to: Binding | None
    user_id: str
    created_at: datetime
    key: str | None = None

    def __repr__(self) -> str:
        return f"ApiKey(id={self.id!r}, name={self.name!r}, prefix={self.prefix!r})"


class ApiKeys:
    """The API keys of all organisations, each seen by its own."""

    def __init__(
        self, members: Members, registry: Registry, settings: Settings, *, clock: Clock
    ) -> None:
        self._members = members
        self._registry = registry
        self._api_keys_max = settings.api_keys_max
        self._clock = clock

    def create(
        self,
        caller: Caller,
        name: str,
        scopes: Sequence[Scope],
        bound_to: Binding | None = None,
    ) -> ApiKey:
        """Return a new API key of the caller's, with the key itself, which is shown only here.

        Needs MANAGE. Whatever its scopes, a key may do what its user may at the time, or less.

        Raises:
            InvalidValue: there is no scope, or the name is too long or unprintable.
            NotFound: there is no such deployment or source to bind it to.
            (Endpoints to bind it to are found by `Endpoints.binding`.)
            QuotaExceeded: the organisation has as many keys as it may.
        """
        caller.require(Right.MANAGE)
        if not scopes:
            raise InvalidValue(f"give one or more scopes of {', '.join(Scope)}", field="scopes")
        if not name or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
            raise InvalidValue(
                f"name {name[:20]!r} cannot be; give 1 to {NAME_CHARACTERS_MAX} printable "
                "characters",
                field="name",
            )
        is_of_endpoints = bound_to is not None and bound_to.kind is BoundKind.ENDPOINT
        if is_of_endpoints and set(scopes) != {Scope.ENDPOINT}:
            message = f"a key of endpoints does nothing else; give the scope {Scope.ENDPOINT} alone"
            raise InvalidValue(message, field="scopes")
        if bound_to is not None:
            self._check_binding(caller, bound_to)
        count = len(self._members.api_keys_of(caller.organisation_id))
        if count >= self._api_keys_max:
            raise QuotaExceeded(
                f"the organisation has {count:,} API keys and {self._api_keys_max:,} are allowed; "
                "revoke one or raise api_keys_max"
            )
        secret = make_secret(API_KEY_MARK)
        row = ApiKeyRow(
            id=make_id(),
            organisation_id=caller.organisation_id,
            user_id=caller.user_id,
            name=name,
            prefix=secret.prefix,
            digest=secret.digest,
            scopes=" ".join(sorted(set(scopes))),
            bound_kind=bound_to.kind.value if bound_to else None,
            bound_id=" ".join(bound_to.ids) if bound_to else None,
            created_s=self._clock.now_s(),
        )
        self._members.add_api_key(row)
        return _api_key(row, secret.text)

    def list(self, caller: Caller) -> Sequence[ApiKey]:
        """Return the caller's API keys; an administrator sees the organisation's. Needs MANAGE."""
        caller.require(Right.MANAGE)
        rows = self._members.api_keys_of(caller.organisation_id)
        return [_api_key(row) for row in rows if self._may_see(caller, row)]

    def revoke(self, caller: Caller, api_key_id: str) -> None:
        """Make an API key worthless at once; one's own, or as ADMIN any of the organisation's.

        Raises:
            NotFound: there is no such key, or none that the caller may see.
        """
        caller.require(Right.MANAGE)
        for row in self._members.api_keys_of(caller.organisation_id):
            if row.id == api_key_id and self._may_see(caller, row):
                self._members.remove_api_key(row)
                return
        raise NotFound(f"there is no API key {api_key_id!r}")

    def _may_see(self, caller: Caller, row: ApiKeyRow) -> bool:
        return row.user_id == caller.user_id or Right.ADMIN in caller.rights

    def _check_binding(self, caller: Caller, bound_to: Binding) -> None:
        if bound_to.kind is BoundKind.DEPLOYMENT:
            self._registry.deployment(caller, bound_to.id)
        elif bound_to.kind is BoundKind.SOURCE:
            self._registry.source(caller, bound_to.id)


def _api_key(row: ApiKeyRow, key: str | None = None) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.prefix,
        tuple(sorted(scopes_of(row))),
        binding_of(row),
        row.user_id,
        datetime.fromtimestamp(row.created_s, UTC),
        key,
    )
