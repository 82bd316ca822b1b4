"""Entries of the audit log: how an act becomes a row, and which rows are asked for.

Ids begin with the time in microseconds, so that their order is that of the acts, and end in
random bits.
"""

import secrets

import sqlalchemy as sa

from bitbrook.stores.catalogue_rows import AuditRow
from bitbrook.stores.catalogue_tables import AUDIT_ENTRY
from bitbrook.telemetry.acts import RESOURCE_CHARACTERS_MAX, Act

Condition = sa.ColumnElement[bool]


def audit_row(act: Act, outcome: str, status: int | None = None) -> AuditRow:
    """Return the entry of an act, which learns the entry's id."""
    if not act.entry_id:
        act.entry_id = f"{moment_mark(act.at_s)}{secrets.token_hex(5)}"
    return AuditRow(
        id=act.entry_id,
        at_s=act.at_s,
        organisation_id=act.organisation_id,
        user_id=act.user_id,
        who=act.who,
        api_key_id=act.api_key_id,
        address=act.address,
        request_id=act.request_id,
        action=act.action,
        resource=act.resource[:RESOURCE_CHARACTERS_MAX],
        outcome=outcome,
        status=status,
    )


def moment_mark(at_s: float) -> str:
    """Return how the ids of a moment begin."""
    return f"{max(0, round(at_s * 1_000_000)):014x}"


def of_organisations(organisation_ids: list[str | None]) -> Condition:
    """Return the condition of being an entry of one of these; None is nobody's."""
    column = AUDIT_ENTRY.c.organisation_id
    known = [each for each in organisation_ids if each is not None]
    condition = column.in_(known)
    return sa.or_(condition, column.is_(None)) if None in organisation_ids else condition


def matching(
    *,
    user: str | None = None,
    action: str | None = None,
    outcome: str | None = None,
    resource: str | None = None,
    since_s: float | None = None,
    until_s: float | None = None,
    before: str | None = None,
) -> list[Condition]:
    """Return the conditions of a filter.

    `user`: an id or address. `resource`: a part of its path. `before`: an entry's id.
    """
    columns = AUDIT_ENTRY.c
    found: list[Condition] = []
    if user is not None:
        found.append(sa.or_(columns.user_id == user, columns.who == user.strip().lower()))
    if action is not None:
        found.append(columns.action == action)
    if outcome is not None:
        found.append(columns.outcome == outcome)
    if resource is not None:
        found.append(columns.resource.contains(resource, autoescape=True))
    if since_s is not None:
        found.append(columns.id >= moment_mark(since_s))
    if until_s is not None:
        found.append(columns.id < moment_mark(until_s))
    if before is not None:
        found.append(columns.id < before)
    return found


def older_than(moment_s: float) -> Condition:
    """Return the condition of being from before a moment."""
    return AUDIT_ENTRY.c.id < moment_mark(moment_s)


def is_change(*, of_change: bool) -> Condition:
    """Return the condition of telling of a change, or of anything else."""
    return (AUDIT_ENTRY.c.outcome == "done") == sa.literal(of_change)
