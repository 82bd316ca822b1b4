"""A source's schema makes the fields that the reference says, or is refused with every fault.

Tried with each type and each way to identify records, and with names, paths and keys that cannot
be.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bitbrook.errors import InvalidSchema
from bitbrook.schema.field_types import FieldSchema, FieldType, TimeUnit
from bitbrook.sources.schema import (
    SourceSchema,
    check_schema,
    fields_of,
    identity_names,
    keys_records,
    typed_fields,
)

ID = {"name": "id", "type": "id"}


def faults_of(definition: Any, **options: Any) -> list[str]:
    schema = msgspec.convert({"definition": definition, **options}, SourceSchema)
    with pytest.raises(InvalidSchema) as refusal:
        check_schema(schema)
    assert refusal.value.field == "schema"
    assert refusal.value.message.startswith("the schema has ")
    return refusal.value.details


@pytest.mark.parametrize(
    ("type_", "config", "field"),
    [
        ("id", {}, FieldSchema("f", FieldType.SET)),
        ("id", {"Mutex": True}, FieldSchema("f", FieldType.MUTEX)),
        ("id", {"Quantum": "YM"}, FieldSchema("f", FieldType.TIME, quantum="YM")),
        ("ids", {}, FieldSchema("f", FieldType.SET)),
        ("string", {}, FieldSchema("f", FieldType.SET, is_keyed=True)),
        ("string", {"Mutex": True}, FieldSchema("f", FieldType.MUTEX, is_keyed=True)),
        (
            "strings",
            {"Quantum": "Y", "TTL": "1h"},
            FieldSchema("f", FieldType.TIME, is_keyed=True, quantum="Y", ttl_s=3600),
        ),
        ("bool", {}, FieldSchema("f", FieldType.BOOL)),
        ("int", {"Min": 1, "Max": 2}, FieldSchema("f", FieldType.INT, min=1, max=2)),
        ("decimal", {"Scale": 3}, FieldSchema("f", FieldType.DECIMAL, scale=3)),
        ("signedIntBoolKey", {}, FieldSchema("f", FieldType.SET)),
        ("dateInt", {}, FieldSchema("f", FieldType.INT)),
        ("timestamp", {}, FieldSchema("f", FieldType.TIMESTAMP)),
        (
            "timestamp",
            {"Granularity": "ms", "Epoch": -1},
            FieldSchema("f", FieldType.TIMESTAMP, unit=TimeUnit.MILLISECOND, epoch=-1000),
        ),
    ],
)
def test_each_type_makes_a_field(
    schema_of: Callable[..., SourceSchema], type_: str, config: dict[str, Any], field: FieldSchema
) -> None:
    schema = schema_of([ID, {"name": "f", "type": type_, "config": config}], id_field="id")
    assert fields_of(schema) == (field,)


def test_identity_and_record_time_make_no_fields(schema_of: Callable[..., SourceSchema]) -> None:
    definition = [ID, {"name": "at", "type": "recordTime"}, {"name": "b", "type": "bool"}]
    schema = schema_of(definition, primary_key_fields=["b", "id"])
    assert fields_of(schema) == ()
    assert identity_names(schema) == ("b", "id")
    assert [field.path for field in typed_fields(schema)] == [("id",), ("at",), ("b",)]


def test_ids_or_keys(schema_of: Callable[..., SourceSchema]) -> None:
    text = {"name": "t", "type": "string"}
    assert not keys_records(schema_of([ID], id_field="id"))
    assert keys_records(schema_of([text], id_field="t"))
    assert keys_records(schema_of([ID], primary_key_fields=["id"]))


def test_identity_may_be_called_as_it_likes(schema_of: Callable[..., SourceSchema]) -> None:
    schema = schema_of([{"name": "Primary Key", "type": "id"}], id_field="Primary Key")
    assert fields_of(schema) == ()


@pytest.mark.parametrize(
    ("definition", "options", "words"),
    [
        ([], {"id_field": "id"}, "the definition is empty"),
        ([ID], {}, "nothing identifies a record; give id_field or primary_key_fields"),
        ([ID], {"id_field": "id", "primary_key_fields": ["id"]}, "exclude each other"),
        ([ID], {"id_field": "ids"}, "id_field 'ids' is not in the definition; did you mean 'id'?"),
        ([{"name": "id", "type": "int"}], {"id_field": "id"}, "it must be an id or a string"),
        ([ID], {"primary_key_fields": ["id", "id"]}, "'id' is listed twice"),
        ([ID], {"primary_key_fields": ["x"]}, "primary_key_fields: 'x' is not in the definition"),
        ([ID], {"primary_key_fields": ["id"] * 65}, "65 primary_key_fields, and 64 are allowed"),
        ([ID, ID], {"id_field": "id"}, "field 'id' is defined 2 times; rename all but one"),
        (
            [ID, {"name": "F", "type": "int"}],
            {"id_field": "id"},
            "field 'F': field name 'F' cannot",
        ),
        ([ID, {"type": "int"}], {"id_field": "id"}, "the field has no name"),
        ([ID, {"name": "f"}], {"id_field": "id"}, "type '' is unknown"),
        ([ID, {"name": "f", "type": "strin"}], {"id_field": "id"}, "did you mean 'string'?"),
        (
            [ID, {"name": "f", "type": "id", "path": ["a"] * 33}],
            {"id_field": "id"},
            "33 keys, and 32",
        ),
        ([ID, {"name": "f", "type": "id", "path": ['a"']}], {"id_field": "id"}, "use no quotes"),
        (
            [ID, {"name": "f", "type": "id", "path": ["a\\"]}],
            {"id_field": "id"},
            "path key 'a\\\\'",
        ),
        (
            [ID, {"name": "f", "type": "id", "path": ["id", "x"]}],
            {"id_field": "id"},
            "'f' reads inside 'id', which field 'id' reads as a value",
        ),
        (
            [ID, {"name": "f", "type": "int", "config": {"Scale": 5}}],
            {"id_field": "id"},
            "field 'f': Scale",
        ),
        (
            [ID, *({"name": n, "type": "recordTime"} for n in "ab")],
            {"id_field": "id"},
            "a record has one time",
        ),
        (
            [{"name": f"f{n}", "type": "id"} for n in range(4097)],
            {"id_field": "f0"},
            "4,097 fields",
        ),
    ],
)
def test_what_cannot_be(definition: Any, options: dict[str, Any], words: str) -> None:
    faults = faults_of(definition, **options)
    assert any(words in fault for fault in faults), faults


def test_every_fault_is_told_and_the_message_stays_short() -> None:
    faults = faults_of([{"name": "X", "type": "y"} for _ in range(5)], id_field="z")
    assert len(faults) > 5
    with pytest.raises(InvalidSchema, match=r"faults: .*; \.\.\.$"):
        check_schema(
            msgspec.convert(
                {"definition": [{"name": f"X{n}", "type": "y"} for n in range(5)]}, SourceSchema
            )
        )


def test_a_schema_is_answered_as_it_was_written() -> None:
    written = {
        "definition": [{"name": "id", "path": ["id"], "type": "id", "config": {"MUTEX": False}}],
        "id_field": "id",
    }
    assert msgspec.to_builtins(msgspec.convert(written, SourceSchema)) == written


def test_odd_path_keys_are_read(source_of: Callable[..., Any]) -> None:
    keys = ["", " ", "é", "class", "member_0", "a.b", "__dict__", "value", "日"]
    fields = [{"name": f"f{n}", "path": ["o", key], "type": "int"} for n, key in enumerate(keys)]
    values = {"id": 1, "o": {key: n for n, key in enumerate(keys)}}
    (row,) = source_of(*fields).rows(values)
    assert [row[f"f{n}"] for n in range(len(keys))] == list(range(len(keys)))
