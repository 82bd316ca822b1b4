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
