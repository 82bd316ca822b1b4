"""The id of the request that is being served, on every log line written on its behalf."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_FOREIGN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def request_id_from(offered: str | None) -> str:
    """Return the id that a client or proxy offered if it is a plain one, else a new one."""
    if offered is not None and _FOREIGN_ID.fullmatch(offered):
        return offered
    return secrets.token_hex(8)


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Put the id on every line that is logged inside, in this task or thread."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        yield


def current_request_id() -> str | None:
    """Return the id of the request being served, if one is."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return None if request_id is None else str(request_id)
