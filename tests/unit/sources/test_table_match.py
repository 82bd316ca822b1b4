"""A schema that contradicts a table is told so by both definitions; one that does not gains fields.

Tried with every property that decides how a field is stored, each against its neighbour, and with
what only narrows or leaves open.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bitbrook.errors import Conflict
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema, TimeUnit
from bitbrook.schema.limits import FIELDS_PER_TABLE_MAX
from bitbrook.sources.decode import Decoder
from bitbrook.sources.schema import SourceSchema
from bitbrook.sources.table_match import added_fields, conflicts_with, describe_field

ID = {"name": "id", "type": "id"}
EXISTING = TableSchema(
    "t",
    "things",
    fields=(
        FieldSchema("colour", FieldType.MUTEX, id=1, is_keyed=True),
        FieldSchema("age", FieldType.INT, id=2, min=0, max=150),
        FieldSchema("price", FieldType.DECIMAL, id=3, scale=2),
        FieldSchema("born", FieldType.TIMESTAMP, id=4, unit=TimeUnit.MILLISECOND),
        FieldSchema("visits", FieldType.TIME, id=5, quantum="YMD", ttl_s=3600),
    ),
)


def test_a_schema_fits_the_table_that_it_made(
    schema_of: Callable[..., SourceSchema], table_of: Callable[[SourceSchema], TableSchema]
) -> None:
    types = [
        "id",
        "ids",
        "string",
        "strings",
        "bool",
        "int",
        "decimal",
        "signedIntBoolKey",
        "dateInt",
        "timestamp",
    ]
    entries = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(types)]
    schema = schema_of([ID, *entries], id_field="id")
    assert conflicts_with(schema, table_of(schema)) == []
    assert added_fields(schema, table_of(schema)) == ()


@pytest.mark.parametrize(
    ("entry", "defined", "existing"),
    [
        ({"name": "colour", "type": "string"}, "set with row keys", "mutex with row keys"),
        (
            {"name": "colour", "type": "id", "config": {"Mutex": True}},
            "mutex with row ids",
            "mutex with row keys",
        ),
        ({"name": "colour", "type": "bool"}, "bool", "mutex with row keys"),
        (
            {"name": "age", "type": "int", "config": {"Min": -1, "Max": 9}},
            "int with Min -1, Max 9",
            "int with Min 0, Max 150",
        ),
        (
            {"name": "age", "type": "int", "config": {"Max": 151}},
            "int with Max 151",
            "int with Min 0, Max 150",
        ),
        (
            {"name": "price", "type": "decimal", "config": {"Scale": 3}},
            "decimal with Scale 3",
            "decimal with Scale 2",
        ),
        (
            {"name": "born", "type": "timestamp"},
            "timestamp with Granularity s",
            "timestamp with Granularity ms",
        ),
        (
            {"name": "visits", "type": "id", "config": {"Quantum": "YM"}},
            "time with row ids, Quantum YM",
            "time with row ids, Quantum YMD, TTL 3600s",
        ),
        (
            {"name": "visits", "type": "id", "config": {"Quantum": "YMD", "TTL": "2h"}},
            "time with row ids, Quantum YMD, TTL 7200s",
            "time with row ids, Quantum YMD, TTL 3600s",
        ),
    ],
)
def test_a_contradiction_names_both_definitions(
    schema_of: Callable[..., SourceSchema], entry: dict[str, Any], defined: str, existing: str
) -> None:
    schema = schema_of([ID, entry], id_field="id")
    expected = (
        f"field {entry['name']!r}: the source defines {defined}, table 'things' has {existing}"
    )
    assert conflicts_with(schema, EXISTING) == [expected]
    with pytest.raises(Conflict) as refusal:
        Decoder(schema, EXISTING)
    assert refusal.value.details == [expected]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "age", "type": "int"},
        {"name": "age", "type": "int", "config": {"Min": 18, "Max": 150}},
        {"name": "born", "type": "timestamp", "config": {"Granularity": "ms", "Epoch": 7}},
        {"name": "visits", "type": "ids", "config": {"Quantum": "YMD"}},
        {"name": "visits", "type": "id", "config": {"Quantum": "YMD", "TTL": "1h"}},
    ],
)
def test_what_narrows_or_leaves_open_is_none(
    schema_of: Callable[..., SourceSchema], entry: dict[str, Any]
) -> None:
    assert conflicts_with(schema_of([ID, entry], id_field="id"), EXISTING) == []


def test_records_are_identified_in_one_way(schema_of: Callable[..., SourceSchema]) -> None:
    keyed = schema_of([{"name": "k", "type": "string"}], id_field="k")
    assert conflicts_with(keyed, EXISTING) == [
        "records: the source identifies them by string keys (k), table 'things' by integer ids"
    ]
    joined = schema_of([ID, {"name": "b", "type": "int"}], primary_key_fields=["id", "b"])
    assert "(id, b)" in conflicts_with(joined, EXISTING)[0]
    table = msgspec.structs.replace(EXISTING, is_keyed=True)
    assert (
        "integer ids (id), table 'things' by string keys"
        in (conflicts_with(schema_of([ID], id_field="id"), table)[0])
    )


def test_new_fields_are_added(schema_of: Callable[..., SourceSchema]) -> None:
    entries = [{"name": "age", "type": "int"}, {"name": "tags", "type": "strings"}]
    schema = schema_of([ID, *entries], id_field="id")
    assert added_fields(schema, EXISTING) == (FieldSchema("tags", FieldType.SET, is_keyed=True),)
    with pytest.raises(Conflict, match="field 'tags': table 'things' has none"):
        Decoder(schema, EXISTING)


def test_a_table_has_so_many_fields_at_most(schema_of: Callable[..., SourceSchema]) -> None:
    fields = tuple(FieldSchema(f"f{n}", FieldType.BOOL, id=n) for n in range(FIELDS_PER_TABLE_MAX))
    full = msgspec.structs.replace(EXISTING, fields=fields)
    fits = schema_of([ID, {"name": "f0", "type": "bool"}], id_field="id")
    assert conflicts_with(fits, full) == []
    exceeds = schema_of([ID, {"name": "new", "type": "bool"}], id_field="id")
    assert "4,097 fields, and 4,096 are allowed" in conflicts_with(exceeds, full)[0]


def test_descriptions_tell_what_there_is() -> None:
    assert describe_field(FieldSchema("a", FieldType.INT)) == "int"
    assert describe_field(EXISTING.fields[4]) == "time with row ids, Quantum YMD, TTL 3600s"
