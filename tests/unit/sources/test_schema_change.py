"""A schema gains what is new and keeps what is there word for word, or is refused with all faults.

Tried with entries given again in other words, entries given differently, new ones at fault, changes
of what identifies records, and all of these at once.
"""

from typing import Any

import msgspec
import pytest

from bitbrook.errors import Conflict, InvalidSchema
from bitbrook.sources.schema import SourceSchema
from bitbrook.sources.schema_change import SchemaChange, changed_schema

SCHEMA = msgspec.convert(
    {
        "id_field": "id",
        "definition": [
            {"name": "id", "path": ["id"], "type": "id"},
            {"name": "amount", "type": "decimal", "config": {"scale": 2}},
            {"name": "species", "path": ["kind"], "type": "string", "config": {"Mutex": True}},
        ],
    },
    SourceSchema,
)
NEW = {"name": "tags", "type": "strings"}


def changed(*definition: dict[str, Any], **options: Any) -> SourceSchema:
    change = msgspec.convert({"definition": list(definition), **options}, SchemaChange)
    return changed_schema(SCHEMA, change)


def test_new_entries_come_last_and_the_others_keep_their_words() -> None:
    again = {"name": "amount", "path": ["amount"], "type": "decimal", "config": {"Scale": "2"}}
    for given in ((NEW,), (NEW, again), (again, NEW)):
        got = changed(*given)
        assert got.definition[:3] == SCHEMA.definition
        assert [entry.name for entry in got.definition[3:]] == ["tags"]
        assert (got.id_field, got.primary_key_fields) == ("id", None)


def test_nothing_new_changes_nothing() -> None:
    assert changed() == SCHEMA
    assert changed(id_field="id", primary_key_fields=None, allow_missing_fields=False) == SCHEMA


def test_records_may_begin_to_lack_fields() -> None:
    assert changed(allow_missing_fields=True).allow_missing_fields


def test_every_fault_of_what_is_new_is_told() -> None:
    with pytest.raises(InvalidSchema) as refusal:
        changed(
            NEW,
            NEW,
            {"name": "A", "type": "int"},
            {"name": "b", "type": "nothing"},
            {"name": "c", "type": "int", "config": {"Scale": 2}},
        )
    told = refusal.value.details
    assert len(told) == 4
    for word in ("tags", "'A'", "nothing", "Scale"):
        assert any(word in each for each in told), word


def test_what_is_there_given_differently_is_told_with_both() -> None:
    with pytest.raises(Conflict) as refusal:
        changed(
            NEW,
            {"name": "amount", "type": "decimal", "config": {"Scale": 3}},
            {"name": "species", "type": "string", "config": {"Mutex": True}},
            primary_key_fields=["amount"],
            id_field=None,
        )
    identity, amount, species = refusal.value.details
    assert "by id, and amount is asked" in identity
    assert '{"scale":2}' in amount
    assert '{"Scale":3}' in amount
    assert '["kind"]' in species
    assert '["species"]' in species
    assert refusal.value.field == "schema"
    assert "another name" in refusal.value.message
