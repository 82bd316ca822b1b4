"""Tables and fields are what was asked for, and what is gone is never mistaken for what came later.

Tried with fields dropped and added again over restarts, names and options that cannot be, tables of
undecided record ids that get sources, records or neither, and deletions that a restart interrupts.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from bitbrook.control.lifecycle import Status
from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.errors import (
    Conflict,
    FieldNotFound,
    InvalidValue,
    LimitExceeded,
    NotFound,
    Overloaded,
    Stopping,
    TableNotFound,
)
from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.schema.limits import FIELDS_PER_TABLE_MAX

AMOUNT = FieldSchema("amount", FieldType.INT)
TAGS = FieldSchema("tags", FieldType.SET, is_keyed=True)


def write(home: Any, caller: Any, table: Any, **columns: Any) -> list[int]:
    """Upsert these columns through the caller's database."""
    database = home.service.queries.database(caller, table.deployment_id)
    records = pa.RecordBatch.from_pydict(columns)
    schema = database.table(table.schema.name)
    return database.write(schema, Batch([Operation(OperationKind.UPSERT, records)]))


def ids(*numbers: int) -> pa.Array:
    return pa.array(numbers, type=pa.uint64())


def test_a_table_is_what_was_asked_for(home: Any, admin: Any) -> None:
    made = home.table(admin, description="of iris", is_keyed=False, fields=(AMOUNT, TAGS))
    assert [(field.name, field.id) for field in made.schema.fields] == [("amount", 1), ("tags", 2)]
    assert (made.schema.description, made.is_keyed, made.status) == ("of iris", False, "RUNNING")
    write(home, admin, made, _id=ids(1, 2), amount=pa.array([5, 6]))
    for _ in range(2):
        found = home.service.tables.get(admin, made.deployment_id, "things")
        assert found.schema == made.schema
        assert found.statistics.record_count == 2
        assert home.service.tables.list(admin, made.deployment_id) == [found]
        home.restart()


def test_field_ids_are_never_used_again(home: Any, admin: Any) -> None:
    made = home.table(admin, is_keyed=False, fields=(AMOUNT,))
    place = (admin, made.deployment_id, "things")
    write(home, admin, made, _id=ids(1), amount=pa.array([5]))
    given = {1}
    for _ in range(3):
        dropped = home.service.tables.drop_field(*place, "amount")
        assert dropped.schema.fields == ()
        home.restart()
        added = home.service.tables.add_field(*place, AMOUNT).schema.field("amount")
        assert added.id not in given
        given.add(added.id)
        home.restart()
        table = home.service.tables.get(*place)
        assert table.schema.fields == (added,)
        assert table.statistics.record_count == 1
    write(home, admin, made, _id=ids(1), amount=pa.array([7]))


def test_fields_that_cannot_be(home: Any, admin: Any) -> None:
    made = home.table(admin, fields=(AMOUNT,))
    place = (admin, made.deployment_id, "things")
    tables = home.service.tables
    with pytest.raises(Conflict, match="has a field 'amount' already"):
        tables.add_field(*place, FieldSchema("amount", FieldType.SET))
    with pytest.raises(FieldNotFound):
        tables.drop_field(*place, "nothing")
    for field in (
        FieldSchema("_id", FieldType.INT),
        FieldSchema("Amount", FieldType.INT),
        FieldSchema("", FieldType.INT),
        FieldSchema("a", FieldType.INT, min=5, max=4),
        FieldSchema("a", FieldType.DECIMAL, scale=19),
        FieldSchema("a", FieldType.TIME),
        FieldSchema("a", FieldType.TIME, quantum="YD"),
        FieldSchema("a", FieldType.SET, quantum="YM"),
        FieldSchema("a", FieldType.SET, ttl_s=5),
        FieldSchema("a", FieldType.TIME, quantum="YMDH", ttl_s=-1),
    ):
        with pytest.raises(InvalidValue):
            tables.add_field(*place, field)
    with pytest.raises(InvalidValue, match="listed twice"):
        tables.create(admin, made.deployment_id, "other", fields=(TAGS, TAGS))
    many = tuple(FieldSchema(f"f{i}", FieldType.BOOL) for i in range(FIELDS_PER_TABLE_MAX + 1))
    with pytest.raises(LimitExceeded):
        tables.create(admin, made.deployment_id, "wide", fields=many)
    tables.create(admin, made.deployment_id, "wide", fields=many[:-1])
    with pytest.raises(LimitExceeded):
        tables.add_field(admin, made.deployment_id, "wide", AMOUNT)
    assert tables.get(*place).schema == made.schema


def test_names_and_places_that_cannot_be(home: Any, admin: Any) -> None:
    made = home.table(admin)
    tables = home.service.tables
    for name in ("", "Things", "1st", "a b", "x" * 231):
        with pytest.raises(InvalidValue):
            tables.create(admin, made.deployment_id, name)
    with pytest.raises(Conflict, match="'things' already"):
        tables.create(admin, made.deployment_id, "things")
    with pytest.raises(NotFound):
        tables.create(admin, "nowhere", "other")
    with pytest.raises(TableNotFound):
        tables.get(admin, made.deployment_id, "other")
    home.service.lifecycle.hold()
    coming = home.service.deployments.create(admin, "coming", "8GB")
    with pytest.raises(Conflict, match="must be RUNNING"):
        tables.create(admin, coming.id, "things")
    home.service.lifecycle.release()


def test_a_record_decides_the_kind_of_ids(home: Any, admin: Any) -> None:
    made = home.table(admin, fields=(AMOUNT,))
    assert made.is_keyed is None
    write(home, admin, made, _id=ids(1), amount=pa.array([5]))
    for _ in range(2):
        found = home.service.tables.get(admin, made.deployment_id, "things")
        assert (found.is_keyed, found.statistics.record_count) == (False, 1)
        home.restart()
    keyed = home.source_schema(
        [{"name": "key", "type": "string"}, {"name": "amount", "type": "int"}], id_field="key"
    )
    with pytest.raises(Conflict, match="string keys"):
        home.source(admin, schema=keyed)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_source_decides_the_kind_of_ids(home: Any, admin: Any, restarts: bool) -> None:
    home.table(admin, fields=(AMOUNT,))
    if restarts:
        home.restart()
    keyed = home.source_schema(
        [{"name": "key", "type": "string"}, {"name": "amount", "type": "int"}], id_field="key"
    )
    source = home.source(admin, schema=keyed)
    body = b'{"records":[{"value":{"key":"a","amount":5}},{"value":{"key":"b","amount":6}}]}'
    home.service.sources.begin_ingest(admin, source.id, body).durable.result(10)
    for _ in range(2):
        found = home.service.tables.get(admin, source.deployment_id, "things")
        assert (found.is_keyed, found.schema.is_keyed) == (True, True)
        assert found.statistics.record_count == 2
        home.restart()
    with pytest.raises(Conflict, match="integer ids"):
        home.source(admin, name="other", schema=home.source_schema())


def test_what_a_source_feeds_stays(home: Any, admin: Any) -> None:
    source = home.source(admin)
    place = (admin, source.deployment_id, "things")
    tables = home.service.tables
    tables.add_field(*place, TAGS)
    for attempt in (
        lambda: tables.delete(*place),
        lambda: tables.drop_field(*place, "amount"),
    ):
        with pytest.raises(Conflict, match="fed by source 'stream'") as refusal:
            attempt()
        assert refusal.value.details == [f"source 'stream' ({source.id})"]
    tables.drop_field(*place, "tags")
    home.service.sources.delete(admin, source.id)
    tables.drop_field(*place, "amount")
    tables.delete(*place)


def test_a_deleted_table_leaves_nothing(home: Any, admin: Any) -> None:
    made = home.table(admin, is_keyed=False, fields=(AMOUNT,))
    place = (admin, made.deployment_id, "things")
    write(home, admin, made, _id=ids(1, 2), amount=pa.array([5, 6]))
    home.service.checkpoint()
    write(home, admin, made, _id=ids(3), amount=pa.array([7]))
    home.service.lifecycle.hold()
    assert home.service.tables.delete(*place).status is Status.DELETING
    assert home.service.tables.delete(*place).status is Status.DELETING
    with pytest.raises(Conflict, match="DELETING"):
        write(home, admin, made, _id=ids(4), amount=pa.array([8]))
    with pytest.raises(Conflict, match="already"):
        home.table(admin)
    home.restart()
    home.service.lifecycle.settle()
    with pytest.raises(TableNotFound):
        home.service.tables.get(*place)
    assert not list((home.settings.data / "snapshots").iterdir())
    again = home.table(admin, is_keyed=False, fields=(AMOUNT,))
    assert again.schema.id != made.schema.id
    assert again.statistics.record_count == 0


def test_sql_drops_and_creates_under_one_name(home: Any, admin: Any) -> None:
    database = home.service.queries.database(admin, home.deployment_id(admin))
    for _ in range(3):
        made = database.create_table("things", is_keyed=True, fields=(AMOUNT,), description="d")
        assert database.tables() == [made]
        database.add_field("things", TAGS)
        assert [field.name for field in database.drop_field("things", "amount").fields] == ["tags"]
        database.drop_table("things")
        with pytest.raises(TableNotFound):
            database.table("things")
    assert database.tables() == []


def test_a_crash_between_catalogue_and_engine_is_mended_by_a_restart(home: Any, admin: Any) -> None:
    made = home.table(admin, is_keyed=False, fields=(AMOUNT,))
    place = (admin, made.deployment_id, "things")
    write(home, admin, made, _id=ids(1), amount=pa.array([5]))

    def crash(_schema: Any) -> None:
        raise KeyboardInterrupt

    home.service.tables._compute.alter_table = crash
    with pytest.raises(KeyboardInterrupt):
        home.service.tables.add_field(*place, TAGS)
    assert home.service.tables.get(*place).schema == made.schema
    home.restart()
    table = home.service.tables.get(*place)
    assert [field.name for field in table.schema.fields] == ["amount", "tags"]
    assert table.statistics.record_count == 1
    write(home, admin, table, _id=ids(1), tags=pa.array([["a"]]))


def test_a_deletion_that_fails_is_told_and_can_be_tried_again(home: Any, admin: Any) -> None:
    made = home.table(admin)
    compute = home.service.tables._compute
    erase_table = compute.erase_table

    def fail(_schema: Any) -> None:
        raise Overloaded("the disk is full; free some space")

    compute.erase_table = fail
    database = home.service.queries.default_database(admin)
    with pytest.raises(Overloaded, match="disk is full"):
        database.drop_table("things")
    found = home.service.tables.get(admin, made.deployment_id, "things")
    assert found.status is Status.FAILED
    compute.erase_table = erase_table
    database.drop_table("things")
    assert database.tables() == []


def test_a_stop_in_the_middle_of_a_drop_is_told(home: Any, admin: Any) -> None:
    home.table(admin)
    database = home.service.queries.default_database(admin)
    home.service.lifecycle.hold()
    blocker = home.service.lifecycle.begin(lambda: None, on_failure=print)
    with ThreadPoolExecutor(1) as thread:
        dropping = thread.submit(database.drop_table, "things")
        while home.service.tables.list(admin, home.deployment_id(admin))[0].status == "RUNNING":
            assert not dropping.done()
        home.stop()
        with pytest.raises(Stopping):
            dropping.result(30)
    assert blocker.result(10) is None
    home.start()
    home.service.lifecycle.settle()
    assert home.service.queries.default_database(admin).tables() == []
