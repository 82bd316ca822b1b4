"""What each route asks of its caller, said where the route is.

A route says `opt=OPEN`, `opt=SIGNED_IN` or `opt=needs(Right...)`; one that says nothing is not
served. This is the least that it takes: whose a thing is, and what a bound key may touch, is asked
of `bitbrook.control`.
"""

from collections.abc import Mapping
from typing import Any

from bitbrook.auth.policy import Right

OPEN: dict[str, Any] = {"permission": "open"}
"""Options of a route that answers without credentials."""

SIGNED_IN: dict[str, Any] = {"permission": "signed-in"}
"""Options of a route that answers whoever has credentials."""

HOT_PERMISSIONS = {
    "records": str(Right.INGEST),
    "webhook": "open",
    "json": str(Right.QUERY),
    "text": str(Right.QUERY),
}
"""What the routes ahead of the framework ask for, by their kind; their handlers see to it. A
webhook has a signature in place of credentials."""

HOT_ACTIONS = {
    "records": "send_records",
    "webhook": "take_webhook",
    "json": "run_statement",
    "text": "run_statement",
}
"""What they are called in the audit log."""


def needs(right: Right) -> dict[str, Any]:
    """Return the options of a route that asks for a right."""
    return {"permission": right}


def permission_of(opt: Mapping[str, Any]) -> str:
    """Return what a route asks for: a right, `open` or `signed-in`; "" if it does not say."""
    if opt.get("is_open"):
        return "open"
    return str(opt.get("permission", ""))
