"""The audit log: who did what to which resource, from where, with which outcome.

What changes the catalogue is kept in the change's own transaction; everything else that is kept
(refusals, failures, changes of what is in memory) is written by a thread soon after. Bounded
in age and, each organisation for itself, in number, refusals apart from changes: whoever floods one
kind loses nothing of the other. Reads that succeed, records and statements are not kept.
"""

import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.control.members import Members
from bitbrook.errors import BitbrookError, InvalidValue
from bitbrook.settings import Settings
from bitbrook.stores.audit_rows import (
    audit_row,
    is_change,
    matching,
    of_organisations,
    older_than,
)
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.catalogue_rows import AuditRow
from bitbrook.telemetry.acts import Act
from bitbrook.telemetry.logs import get_logger
from bitbrook.telemetry.metrics import count_audit_losses

LOGGER = get_logger(__name__)

WAITING_MAX = 5_000
"""Entries that may wait to be written; what comes on top is counted as lost."""

TOGETHER_MAX = 500
PAGE_ENTRIES_MAX = 1_000
TRIM_EVERY_S = 600.0

DONE, REFUSED, FAILED = "done", "refused", "failed"
OUTCOMES = (DONE, REFUSED, FAILED)

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_STREAMS = frozenset({"send_records", "take_webhook", "run_statement"})
_REFUSALS = frozenset({401, 403, 404})


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one request did. `user`: the address, also one that a sign-in was tried with.

    `outcome`: done, refused or failed. `status`: of the HTTP answer; absent if all went well.
    """

    id: str
    at: datetime
    action: str
    resource: str
    outcome: str
    address: str
    request_id: str
    user_id: str | None = None
    user: str | None = None
    api_key_id: str | None = None
    status: int | None = None


class AuditFilter(msgspec.Struct, frozen=True):
    """Which entries are asked for; what is None does not matter. `resource`: part of a path."""

    user: str | None = None
    action: str | None = None
    outcome: str | None = None
    resource: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Audit:
    """The audit log of all organisations, each seen by its own administrators.

    What was tried without any credentials that are known is nobody's; the organisation that the
    first start created, its operator's, sees it.
    """

    def __init__(
        self, catalogue: Catalogue, members: Members, settings: Settings, *, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._members = members
        self._ttl_s = settings.audit_ttl_s
        self._entries_max = settings.audit_entries_max
        self._clock = clock
        self._waiting: queue.Queue[tuple[AuditRow, bool] | None] = queue.Queue(WAITING_MAX)
        self._writer = threading.Thread(target=self._write, name="audit", daemon=True)
        self._trimmed_s = float("-inf")
        self._writer.start()

    def finish(self, act: Act, status: int) -> None:
        """Have what a request came to written soon, if it is to be kept; waits for nothing."""
        if act.is_kept:
            if status >= 400:
                self._put(audit_row(act, _outcome(status), status), is_new=False)
        elif act.action and _is_kept(act, status):
            self._put(audit_row(act, _outcome(status), status), is_new=True)

    def entries(
        self, caller: Caller, filter_: AuditFilter, *, limit: int = 100, before: str | None = None
    ) -> list[AuditEntry]:
        """Return the newest entries that match, newest first. Needs ADMIN.

        `before`: the id of an entry; those that come after it in this order.

        Raises:
            InvalidValue: there is no such outcome.
        """
        caller.require(Right.ADMIN)
        if filter_.outcome is not None and filter_.outcome not in OUTCOMES:
            raise InvalidValue(
                f"outcome {filter_.outcome[:20]!r} is none; give {', '.join(OUTCOMES)}",
                field="outcome",
            )
        conditions = matching(
            user=filter_.user,
            action=filter_.action,
            outcome=filter_.outcome,
            resource=filter_.resource,
            since_s=filter_.since.timestamp() if filter_.since else None,
            until_s=filter_.until.timestamp() if filter_.until else None,
            before=before,
        )
        whose: list[str | None] = [caller.organisation_id]
        if caller.organisation_id == self._members.first_organisation_id:
            whose.append(None)
        where = [of_organisations(whose), *conditions]
        with self._catalogue.reading() as rows:
            found = rows.audit_entries(where, min(limit, PAGE_ENTRIES_MAX))
        return [_entry(row) for row in found]

    def pages(self, caller: Caller, filter_: AuditFilter) -> Iterator[list[AuditEntry]]:
        """Give every entry that matches, newest first, in lists. Needs ADMIN."""
        before: str | None = None
        while True:
            page = self.entries(caller, filter_, limit=PAGE_ENTRIES_MAX, before=before)
            yield page
            if len(page) < PAGE_ENTRIES_MAX:
                return
            before = page[-1].id

    def close(self) -> None:
        """Write what waits and stop."""
        self._waiting.put(None)
        self._writer.join()

    def _put(self, row: AuditRow, *, is_new: bool) -> None:
        try:
            self._waiting.put_nowait((row, is_new))
        except queue.Full:
            count_audit_losses(1)

    def _write(self) -> None:
        is_closing = False
        while not is_closing:
            together: list[tuple[AuditRow, bool]] = []
            try:
                self._trim_if_due()
                is_closing = self._gather(together)
                self._store(together)
            except BitbrookError as error:
                # The edge of this thread: a catalogue that cannot be written now may be later.
                count_audit_losses(len(together))
                LOGGER.warning("audit entries were lost", count=len(together), reason=error.code)

    def _gather(self, together: list[tuple[AuditRow, bool]]) -> bool:
        """Add what waits, or comes within a while; return whether that is the last of it."""
        try:
            entry = self._waiting.get(timeout=TRIM_EVERY_S)
            while entry is not None:
                together.append(entry)
                if len(together) >= TOGETHER_MAX:
                    return False
                entry = self._waiting.get_nowait()
        except queue.Empty:
            return False
        return True

    def _store(self, entries: list[tuple[AuditRow, bool]]) -> None:
        if entries:
            with self._catalogue.changing() as rows:
                for row, is_new in entries:
                    if is_new:
                        rows.insert(row)
                    else:
                        rows.update(row)

    def _trim_if_due(self) -> None:
        now_s = self._clock.now_s()
        if now_s - self._trimmed_s >= TRIM_EVERY_S:
            self._trimmed_s = now_s
            self.trim()

    def trim(self) -> None:
        """Remove what is older or more than is to be kept."""
        whose: list[str | None] = [None, *self._members.organisation_ids()]
        with self._catalogue.changing() as rows:
            rows.trim_audit([older_than(self._clock.now_s() - self._ttl_s)], keep=0)
            for organisation_id in whose:
                for of_change in (True, False):
                    where = [of_organisations([organisation_id]), is_change(of_change=of_change)]
                    rows.trim_audit(where, keep=self._entries_max)


def _is_kept(act: Act, status: int) -> bool:
    if act.method in _READS:
        return status in _REFUSALS and (status != 404 or act.user_id is not None)
    if act.action in _STREAMS:
        return status in _REFUSALS
    return True


def _outcome(status: int) -> str:
    if status < 400:
        return DONE
    return REFUSED if status < 500 else FAILED


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=datetime.fromtimestamp(row.at_s, UTC),
        action=row.action,
        resource=row.resource,
        outcome=row.outcome,
        address=row.address,
        request_id=row.request_id,
        user_id=row.user_id,
        user=row.who,
        api_key_id=row.api_key_id,
        status=row.status,
    )
