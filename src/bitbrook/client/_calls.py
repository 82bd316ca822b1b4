"""Calls as every operation makes them: a method, a path of quoted parts, and a body as JSON."""

from urllib.parse import quote

import msgspec

from bitbrook.client._steps import Call


def path_of(*parts: str) -> str:
    """Return a path of the API."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def get(path: str) -> Call:
    """Return a call that reads."""
    return Call("GET", path, is_idempotent=True)


def delete(path: str) -> Call:
    """Return a call that deletes, which may be done twice."""
    return Call("DELETE", path, is_idempotent=True)


def post(path: str, body: object = None, *, is_idempotent: bool = False) -> Call:
    """Return a call that makes or does something."""
    content = b"" if body is None else msgspec.json.encode(body)
    return Call("POST", path, content, is_idempotent=is_idempotent)


def patch(path: str, body: object) -> Call:
    """Return a call that changes something into what it says, which may be done twice."""
    return Call("PATCH", path, msgspec.json.encode(body), is_idempotent=True)
