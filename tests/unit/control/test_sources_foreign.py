"""An int with a ForeignIndex refers to records: by their ids, or where they have keys by those.

Tried with tables of either kind, undecided, missing, the source's own, and gone since; values of
the other kind; and fields that exist already in the other form.
"""

import json
from typing import Any

import pytest

from bitbrook.control.sources import SourceChange
from bitbrook.errors import Conflict
from bitbrook.schema.field_types import FieldType
from bitbrook.sources.schema import FieldDefinition
from bitbrook.sources.schema_change import SchemaChange


def schema_of(home: Any, foreign: str, **options: Any) -> Any:
    entry = {"name": "owner", "type": "int", "config": {"ForeignIndex": foreign}}
    return home.source_schema([{"name": "id", "type": "id"}, entry], **options)


def outcomes_of(home: Any, caller: Any, source: Any, *owners: Any) -> list[str]:
    """The code of each record's error, "" of a good one."""
    values = [{"value": {"id": n, "owner": owner}} for n, owner in enumerate(owners)]
    body = json.dumps({"records": values}).encode()
    begun = home.service.sources.begin_ingest(caller, source.id, body)
    begun.durable.result(10)
    codes = {error.index: error.code for error in begun.outcomes.errors}
    return [codes.get(n, "") for n in range(len(owners))]


def owner_of(home: Any, caller: Any, name: str = "things") -> Any:
    table = home.service.tables.get(caller, home.deployment_id(caller), name)
    return table.schema.field("owner")


def test_of_a_table_with_keys_it_takes_keys(home: Any, admin: Any) -> None:
    home.table(admin)
    home.table(admin, "people", is_keyed=True)
    made = home.source(admin, schema=schema_of(home, "people"))
    for _ in range(2):
        owner = owner_of(home, admin)
        assert (owner.type, owner.is_keyed) == (FieldType.MUTEX, True)
        assert outcomes_of(home, admin, made, "ada", "eve", 7) == ["", "", "InvalidValue"]
        assert made.schema.definition[1].type == "int"
        home.restart()
    # What a field holds stays, whatever becomes of the table.
    home.service.tables.delete(admin, made.deployment_id, "people")
    home.service.lifecycle.settle()
    home.restart()
    more = SchemaChange([FieldDefinition("size", None, "int")], allow_missing_fields=True)
    home.service.sources.change(admin, made.id, SourceChange(schema=more))
    assert outcomes_of(home, admin, made, "ada", 7) == ["", "InvalidValue"]


def test_of_a_table_with_ids_it_takes_ids(home: Any, admin: Any) -> None:
    home.table(admin)
    home.table(admin, "people", is_keyed=False)
    made = home.source(admin, schema=schema_of(home, "people"))
    assert owner_of(home, admin).type is FieldType.INT
    assert outcomes_of(home, admin, made, 10, "-12", "ada") == ["", "", "InvalidValue"]
    [error] = home.service.sources.errors(admin, made.id)
    assert "records of table 'people' have integer ids" in error.message


def test_a_table_may_refer_to_itself(home: Any, admin: Any) -> None:
    home.table(admin)
    made = home.source(admin, schema=schema_of(home, "things"))
    assert owner_of(home, admin).type is FieldType.INT
    assert outcomes_of(home, admin, made, 1) == [""]


@pytest.mark.parametrize(("is_made", "told"), [(False, "no such table"), (True, "may yet get")])
def test_what_is_referred_to_comes_first(home: Any, admin: Any, is_made: bool, told: str) -> None:
    home.table(admin)
    if is_made:
        home.table(admin, "people")
    with pytest.raises(Conflict, match=told) as refusal:
        home.source(admin, schema=schema_of(home, "people"))
    assert "'people'" in refusal.value.message
    assert "options.keys" in refusal.value.message
    assert home.service.sources.list(admin) == []


def test_a_field_of_the_other_form_is_a_conflict(home: Any, admin: Any) -> None:
    home.table(admin, "people", is_keyed=True)
    home.table(admin)
    plain = home.source_schema([{"name": "id", "type": "id"}, {"name": "owner", "type": "strings"}])
    home.source(admin, schema=plain)
    with pytest.raises(Conflict) as refusal:
        home.source(admin, name="second", schema=schema_of(home, "people"))
    assert "owner" in refusal.value.message
    assert "has set with row keys" in refusal.value.message
