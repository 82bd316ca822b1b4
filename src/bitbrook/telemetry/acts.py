"""What a request does, for the audit log: who, from where, what to which resource.

The request's edge begins an act and everything it calls can say more of it; a change of the
catalogue takes the act along in its own transaction. In a thread that nobody's request runs there
is none. Knows nothing of who may read it or of how long it is kept.
"""

from contextvars import ContextVar, Token

import msgspec

WHO_CHARACTERS_MAX = 254
RESOURCE_CHARACTERS_MAX = 500


class Act(msgspec.Struct):
    """One request, as far as is known. `at_s`: Unix seconds.

    `action`: the name of the route, "" as long as none was found. `who`: an e-mail address, also
    one that nobody has. `is_kept`: whether a change of the catalogue has taken it along.
    """

    request_id: str
    at_s: float
    method: str
    resource: str
    address: str = ""
    action: str = ""
    organisation_id: str | None = None
    user_id: str | None = None
    who: str | None = None
    api_key_id: str | None = None
    is_kept: bool = False
    entry_id: str = ""


_current: ContextVar[Act | None] = ContextVar("bitbrook_act", default=None)


class acting:  # noqa: N801 - reads as what is done, like the standard library's own
    """Have everything inside, in this task and the threads it hands on to, belong to an act."""

    __slots__ = ("_act", "_token")

    def __init__(self, act: Act) -> None:
        self._act = act

    def __enter__(self) -> None:
        self._token: Token[Act | None] = _current.set(self._act)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def current_act() -> Act | None:
    """Return the act that this code runs for, if it is somebody's request."""
    return _current.get()


def say_who(
    organisation_id: str | None,
    user_id: str | None,
    who: str | None,
    *,
    api_key_id: str | None = None,
) -> None:
    """Say on whose behalf the present act is, or in whose name it was tried."""
    act = _current.get()
    if act is not None:
        act.organisation_id = organisation_id
        act.user_id = user_id
        act.who = shown_address(who)
        act.api_key_id = api_key_id


def shown_address(who: str | None) -> str | None:
    """Return an address as it may be kept: what is none may be a password in the wrong place."""
    if who is None or "@" not in who or not who.isprintable():
        return None
    return who[:WHO_CHARACTERS_MAX]
