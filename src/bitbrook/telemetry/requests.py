"""The id of the request that is being served, on every log line written on its behalf."""

import re
import secrets
from collections.abc import MutableMapping
from contextvars import ContextVar, Token
from typing import Any

_ID: ContextVar[str] = ContextVar("request_id")
_FOREIGN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def request_id_from(offered: str | None) -> str:
    """Return the id that a client or proxy offered if it is a plain one, else a new one."""
    if offered is not None and _FOREIGN_ID.fullmatch(offered):
        return offered
    return secrets.token_hex(8)


class serving:  # noqa: N801 - reads as what is done, like the standard library's own
    """Put the id on every line that is logged inside, in this task or thread."""

    __slots__ = ("_request_id", "_token")

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def __enter__(self) -> None:
        self._token: Token[str] = _ID.set(self._request_id)

    def __exit__(self, *_: object) -> None:
        _ID.reset(self._token)


def current_request_id() -> str | None:
    """Return the id of the request being served, if one is."""
    return _ID.get(None)


def add_request_id(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the id of the request being served, if one is, to what is logged."""
    request_id = _ID.get(None)
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event
