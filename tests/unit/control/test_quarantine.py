"""The quarantine keeps the newest within its bounds, and a retry stores nothing twice.

Tried with more and longer records than are kept, sources that are gone, ids that are none, and a
retry that is cut off between its two steps, the store and the removal.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bitbrook.clock import Clock
from bitbrook.control.quarantine import Quarantine
from bitbrook.control.sources import SourceChange
from bitbrook.errors import InvalidValue, Overloaded
from bitbrook.settings import Settings
from bitbrook.sources.outcomes import RecordError
from bitbrook.sources.schema_change import SchemaChange
from bitbrook.stores.rejected import RejectedStore
from bitbrook.stores.sql import open_engine


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Quarantine]:
    found = open_quarantine(tmp_path)
    yield found
    found.close()


def open_quarantine(place: Path) -> Quarantine:
    settings = Settings(quarantine_records_max=10, quarantine_bytes_max=10_000)
    store = RejectedStore(open_engine(f"sqlite:///{place}/quarantine.db"))
    return Quarantine(store, settings, clock=Clock())


def put(kept: Quarantine, count: int, record: bytes = b"{}", source_id: str = "s") -> None:
    refused = [RecordError(n, "InvalidValue", f"wrong {n}", "") for n in range(count)]
    kept.put(source_id, "r", refused, [record] * count).result(10)


def test_the_oldest_go_first(kept: Quarantine, tmp_path: Path) -> None:
    put(kept, 3, source_id="other")
    for _ in range(4):
        put(kept, 3)
    assert kept.count("s") == 9
    put(kept, 30)
    assert [each.message for each in kept.records("s")] == [f"wrong {n}" for n in range(29, 19, -1)]
    put(kept, 3, record=b'"' + b"x" * 4_000 + b'"')
    assert kept.count("s") == 2
    assert kept.count("other") == 3
    kept.close()
    again = open_quarantine(tmp_path)
    assert (again.count("s"), again.count("other")) == (2, 3)
    assert len(list(again.records("s"))) == 2
    again.forget_others(["other"])
    assert list(again.records("s")) == []
    again.close()


def test_two_servers_keep_all_that_either_refused(tmp_path: Path, database_url: str) -> None:
    """Both give the same number to what comes in the same microsecond; the bounds are for both."""
    clock = Still()
    engines = [open_engine(database_url) for _ in range(2)]
    settings = Settings(quarantine_records_max=10, quarantine_bytes_max=10_000)
    one, other = (Quarantine(RejectedStore(each), settings, clock=clock) for each in engines)
    for text in ("a", "b", "c"):
        for kept in (one, other):
            errors = [RecordError(0, "InvalidValue", text, text)]
            kept.put("s", "r", errors, [b"{}"]).result(10)
    for kept in (one, other):
        found = [record.message for record in kept.records("s")]
        assert sorted(found) == ["a", "a", "b", "b", "c", "c"]
    clock.at_s += 10
    for number in range(12):
        errors = [RecordError(0, "InvalidValue", f"d{number}", "")]
        (one, other)[number % 2].put("s", "r", errors, [b"{}"]).result(10)
        clock.at_s += 10
    found = [record.message for record in one.records("s")]
    assert found == [record.message for record in other.records("s")]
    assert found == [f"d{number}" for number in range(11, 1, -1)]
    for kept in (one, other):
        kept.close()


class Still(Clock):
    """A clock that stands still until it is moved."""

    at_s = 1_700_000_000.0

    def now_s(self) -> float:
        return self.at_s

    def monotonic_s(self) -> float:
        return self.at_s


def test_ids_are_checked(kept: Quarantine) -> None:
    for wrong in ("", "-", "1", "1-", "x-1", "1-1-1", "٣-1", "1-" + "1" * 30):
        with pytest.raises(InvalidValue):
            next(kept.records("s", before=wrong), None)


def test_a_retry_that_was_cut_off_stores_nothing_twice(home: Any, admin: Any) -> None:
    made = home.source(admin)
    sources = home.service.sources
    body = b'{"records":[{"value":{"id":1,"species":"a","amount":"x"}},{"value":{"id":2}}]}'
    sources.begin_ingest(admin, made.id, body).durable.result(10)
    ids = [each.id for each in sources.errors(admin, made.id)]
    kept = sources._quarantine
    change, kept.change = kept.change, refuse
    mend = SourceChange(schema=SchemaChange(allow_missing_fields=True))
    sources.change(admin, made.id, mend)
    with pytest.raises(Overloaded):
        sources.retry(admin, made.id)
    kept.change = change
    assert [each.id for each in sources.errors(admin, made.id)] == ids
    home.restart()
    sources = home.service.sources
    assert len(sources.errors(admin, made.id)) == 1
    again = sources.retry(admin, made.id)
    assert (again.stored, len(again.refused)) == (0, 1)


def refuse(*_: Any) -> None:
    raise Overloaded("the disk is full")
