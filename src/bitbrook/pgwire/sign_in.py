"""Who connects: by a password, an API key or a token in the password's place, and to what.

The protocol's own hashed ways need the password or a verifier of its own; what is kept here is
neither. So a password travels as it is, and is asked for over TLS or from this machine alone.
"""

from msgspec.structs import replace

from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import API_KEY_MARK
from bitbrook.control.identity import Tokens
from bitbrook.control.registry import Registry
from bitbrook.control.service import Service
from bitbrook.errors import NotAllowed, NotAuthenticated
from bitbrook.pgwire.problems import ProtocolFault
from bitbrook.stores.catalogue_rows import DeploymentRow

_READING = frozenset({Right.VIEW, Right.QUERY})


class SignIn:
    """One connection's credentials, asked again before each statement."""

    def __init__(self, service: Service, user: str, password: str) -> None:
        """Check them.

        Raises:
            NotAuthenticated: they are not good.
            QuotaExceeded: too many failed for this user.
        """
        self._identity = service.identity
        self._password = password
        self._tokens: Tokens | None = None
        if not password.startswith(API_KEY_MARK) and password.count(".") != 2:
            self._tokens = self._identity.sign_in(user, password)

    def caller(self) -> Caller:
        """Return whom they speak for now, with the rights to read alone.

        Raises:
            NotAuthenticated: they are not good any more.
        """
        caller = self._caller()
        return replace(caller, rights=caller.rights & _READING)

    def end(self) -> None:
        """End the session that the password began."""
        if self._tokens is not None:
            self._identity.sign_out(self._tokens.refresh)

    def _caller(self) -> Caller:
        if self._password.startswith(API_KEY_MARK):
            return self._identity.authenticate_key(self._password)
        if self._tokens is None:
            return self._identity.authenticate(self._password)
        try:
            return self._identity.authenticate(self._tokens.access)
        except NotAuthenticated:
            # It has run out; the session goes on.
            self._tokens = self._identity.refresh(self._tokens.refresh)
            return self._identity.authenticate(self._tokens.access)


def find_deployment(registry: Registry, caller: Caller, name: str) -> DeploymentRow:
    """Return the deployment of a name, or an id.

    Raises:
        ProtocolFault: the caller reaches none of that name.
        NotAllowed: they may not ask.
    """
    if Right.QUERY not in caller.rights:
        raise NotAllowed(f"{caller.email} has no right to query")
    rows = [
        row
        for row in registry.deployments(caller.organisation_id)
        if caller.reaches(deployment_id=row.id)
    ]
    for row in rows:
        if name in {row.name, row.id}:
            return row
    known = ", ".join(row.name for row in rows) or "none"
    raise ProtocolFault(f'database "{name}" does not exist; there are: {known}', "3D000")
