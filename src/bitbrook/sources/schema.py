"""A source's schema as users write it, what can be wrong with it, and the fields it makes.

The structs have the form of the wire and keep what was written, so that an answer shows it
unchanged. `check_schema` comes first; everything else here relies on a schema that passed it. Knows
nothing of tables that exist: whether a field contradicts one is the catalogue's to say.
"""

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from bitbrook.errors import InvalidSchema
from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.schema.limits import FIELDS_PER_TABLE_MAX, KEY_FIELDS_MAX, PATH_KEYS_MAX
from bitbrook.schema.names import NameKind, find_name_fault
from bitbrook.sources.config import FieldConfig, SourceType, read_config


class FieldDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of a schema's definition. An absent `path` is the name."""

    name: str = ""
    path: list[str] | None = None
    type: str = ""
    config: dict[str, Any] | None = None


class SourceSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source's records hold and what identifies them."""

    definition: list[FieldDefinition] = []
    id_field: str | None = None
    primary_key_fields: list[str] | None = None
    allow_missing_fields: bool = False


class SourceField(msgspec.Struct, frozen=True):
    """One entry of a definition, checked and typed."""

    name: str
    path: tuple[str, ...]
    type: SourceType
    config: FieldConfig


def check_schema(schema: SourceSchema) -> None:
    """Return if a source can have this schema.

    Raises:
        InvalidSchema: it cannot; `details` lists every fault.
    """
    faults = list(_size_faults(schema))
    if not faults:
        faults = [*_definition_faults(schema), *_identity_faults(schema)]
        for definition in schema.definition:
            faults += [
                f"field {definition.name!r}: {fault}" for fault in _field_faults(schema, definition)
            ]
    if faults:
        count = f"{len(faults)} faults" if len(faults) > 1 else "a fault"
        raise InvalidSchema(
            f"the schema has {count}: {'; '.join(faults[:3])}{'; ...' if faults[3:] else ''}",
            field="schema",
            details=faults,
        )


def typed_fields(schema: SourceSchema) -> tuple[SourceField, ...]:
    """Return the entries of a checked schema's definition, typed."""
    return tuple(
        SourceField(
            definition.name,
            tuple(definition.path or [definition.name]),
            SourceType(definition.type),
            read_config(SourceType(definition.type), definition.config)[0],
        )
        for definition in schema.definition
    )


def fields_of(schema: SourceSchema, keyed_tables: Collection[str] = ()) -> tuple[FieldSchema, ...]:
    """Return the fields that a table gains from a checked schema, without ids.

    What identifies records and what gives them their time are not among them. `keyed_tables`: the
    tables among `foreign_tables` whose records have string keys.
    """
    identity = identity_names(schema)
    return tuple(
        field_schema_of(field, keyed_tables)
        for field in typed_fields(schema)
        if field.name not in identity and field.type is not SourceType.RECORD_TIME
    )


def keys_records(schema: SourceSchema) -> bool:
    """Return whether a checked schema identifies records by string keys rather than integers."""
    types = {definition.name: definition.type for definition in schema.definition}
    return not schema.id_field or types.get(schema.id_field) != SourceType.ID


def identity_names(schema: SourceSchema) -> tuple[str, ...]:
    """Return the names of the entries that identify records, in the order of the key."""
    return (schema.id_field,) if schema.id_field else tuple(schema.primary_key_fields or ())


def foreign_tables(schema: SourceSchema) -> tuple[str, ...]:
    """Return the tables that a checked schema's ForeignIndexes name."""
    named = (field.config.foreign_table for field in typed_fields(schema))
    return tuple(dict.fromkeys(filter(None, named)))


def field_schema_of(field: SourceField, keyed_tables: Collection[str] = ()) -> FieldSchema:
    """Return what a table's field made from this entry is, without id.

    An int that refers to a table of string keys holds such a key, as a mutex.
    """
    config = field.config
    match field.type:
        case SourceType.INT if config.foreign_table in keyed_tables:
            return FieldSchema(field.name, FieldType.MUTEX, is_keyed=True)
        case SourceType.ID | SourceType.IDS | SourceType.STRING | SourceType.STRINGS:
            rows = FieldType.MUTEX if config.is_mutex else FieldType.SET
            return FieldSchema(
                field.name,
                FieldType.TIME if config.quantum else rows,
                is_keyed=field.type in {SourceType.STRING, SourceType.STRINGS},
                quantum=config.quantum,
                ttl_s=config.ttl_s,
            )
        case SourceType.BOOL:
            return FieldSchema(field.name, FieldType.BOOL)
        case SourceType.INT:
            return FieldSchema(field.name, FieldType.INT, min=config.low, max=config.high)
        case SourceType.DECIMAL:
            return FieldSchema(field.name, FieldType.DECIMAL, scale=config.scale)
        case SourceType.SIGNED_INT_BOOL_KEY:
            return FieldSchema(field.name, FieldType.SET)
        case SourceType.DATE_INT:
            return FieldSchema(field.name, FieldType.INT)
        case SourceType.TIMESTAMP:
            unit = config.granularity
            epoch = config.epoch_ns * unit.per_second // 10**9
            return FieldSchema(field.name, FieldType.TIMESTAMP, unit=unit, epoch=epoch)
        case SourceType.VECTOR:
            return FieldSchema(field.name, FieldType.VECTOR, dimensions=config.dimensions)
        case SourceType.RECORD_TIME:
            raise AssertionError("recordTime makes no field")


def _size_faults(schema: SourceSchema) -> Iterator[str]:
    """Give what is too long to be looked at any further."""
    if len(schema.definition) > FIELDS_PER_TABLE_MAX:
        yield f"{len(schema.definition):,} fields, and {FIELDS_PER_TABLE_MAX:,} are allowed"
    keys = schema.primary_key_fields or []
    if len(keys) > KEY_FIELDS_MAX:
        yield f"{len(keys):,} primary_key_fields, and {KEY_FIELDS_MAX} are allowed"


def _definition_faults(schema: SourceSchema) -> Iterator[str]:
    if not schema.definition:
        yield "the definition is empty; list the fields of a record"
    for name, count in Counter(definition.name for definition in schema.definition).items():
        if name and count > 1:
            yield f"field {name!r} is defined {count} times; rename all but one"
    types = [definition.type for definition in schema.definition]
    if types.count(SourceType.RECORD_TIME) > 1:
        yield "two fields are of type recordTime; a record has one time"
    yield from _path_faults(schema)


def _path_faults(schema: SourceSchema) -> Iterator[str]:
    """Give the pairs of fields of which one reads a value where the other reads an object."""
    paths = {tuple(d.path or [d.name]): d.name for d in schema.definition}
    for path, name in paths.items():
        for length in range(1, len(path)):
            owner = paths.get(path[:length])
            if owner is not None:
                yield (
                    f"field {name!r} reads inside {'.'.join(path[:length])!r}, which field "
                    f"{owner!r} reads as a value; a record can hold one of the two there"
                )


def _identity_faults(schema: SourceSchema) -> Iterator[str]:
    """Give what is wrong with `id_field` and `primary_key_fields`."""
    types = {definition.name: definition.type for definition in schema.definition}
    if schema.id_field and schema.primary_key_fields:
        yield "id_field and primary_key_fields exclude each other; leave one out"
    if not schema.id_field and not schema.primary_key_fields:
        yield "nothing identifies a record; give id_field or primary_key_fields"
    if schema.id_field and schema.id_field not in types:
        closest = _closest(schema.id_field, types)
        yield f"id_field {schema.id_field!r} is not in the definition{closest}"
    elif schema.id_field and types[schema.id_field] not in {SourceType.ID, SourceType.STRING}:
        yield (
            f"id_field {schema.id_field!r} is of type {types[schema.id_field]!r}; it must be an id "
            "or a string (primary_key_fields takes any type)"
        )
    keys = schema.primary_key_fields or []
    for name in dict.fromkeys(keys):
        if name not in types:
            closest = _closest(name, types)
            yield f"primary_key_fields: {name!r} is not in the definition{closest}"
        if keys.count(name) > 1:
            yield f"primary_key_fields: {name!r} is listed twice; leave one out"
        if types.get(name) == SourceType.VECTOR:
            yield f"primary_key_fields: {name!r} is a vector; those identify nothing, leave it out"


def _field_faults(schema: SourceSchema, definition: FieldDefinition) -> Iterator[str]:
    """Give what is wrong with one entry of the definition by itself."""
    is_identity = definition.name in identity_names(schema)
    # What identifies records names no field of the table, so it may be called as it likes.
    fault = None if is_identity else find_name_fault(NameKind.FIELD, definition.name)
    if fault is not None:
        yield fault
    path = definition.path or []
    if len(path) > PATH_KEYS_MAX:
        yield f"the path has {len(path)} keys, and {PATH_KEYS_MAX} are allowed"
    for key in path or [definition.name]:
        if not key.isprintable() or '"' in key or "\\" in key:
            yield f"path key {key!r} cannot be; use no quotes, backslashes or control characters"
    if definition.type not in set(SourceType):
        known = ", ".join(SourceType)
        closest = _closest(definition.type, [each.value for each in SourceType])
        yield f"type {definition.type!r} is unknown{closest}; the types are {known}"
        return
    yield from read_config(SourceType(definition.type), definition.config)[1]


def _closest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that was probably meant."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
