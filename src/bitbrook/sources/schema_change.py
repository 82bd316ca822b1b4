"""What a source's schema becomes when its definition gains entries.

An entry that is there may be given again as it is, so that a client can send the whole definition
or only what is new; one that is given differently is a conflict. What identifies records is fixed.
The entries that were there keep their order, their words and their place.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bitbrook.errors import Conflict
from bitbrook.sources.schema import (
    FieldDefinition,
    SourceSchema,
    check_schema,
    identity_names,
    typed_fields,
)


class SchemaChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of a source's schema: as much of a schema as is to be said.

    `definition`: new entries, and any that are there. `allow_missing_fields`: may change.
    """

    definition: list[FieldDefinition] = []
    id_field: str | UnsetType | None = UNSET
    primary_key_fields: list[str] | UnsetType | None = UNSET
    allow_missing_fields: bool | UnsetType = UNSET


def changed_schema(schema: SourceSchema, change: SchemaChange) -> SourceSchema:
    """Return a checked schema with a change.

    Raises:
        InvalidSchema: what is new cannot be; `details` lists every fault.
        Conflict: what is there is given differently; `details` names both of each.
    """
    wanted = _as_wanted(schema, change)
    check_schema(wanted)
    conflicts = list(_conflicts(schema, wanted))
    if conflicts:
        raise Conflict(
            f"the source's schema has it otherwise: {'; '.join(conflicts[:3])}"
            f"{'; ...' if conflicts[3:] else ''}; what is there cannot change, so give what is new "
            "another name",
            field="schema",
            details=conflicts,
        )
    known = {entry.name: entry for entry in schema.definition}
    return msgspec.structs.replace(
        schema,
        definition=[known.get(entry.name, entry) for entry in wanted.definition],
        allow_missing_fields=wanted.allow_missing_fields,
    )


def _as_wanted(schema: SourceSchema, change: SchemaChange) -> SourceSchema:
    """Return the schema with everything as the change has it, whether or not that can be."""
    given: dict[str, list[FieldDefinition]] = {}
    for entry in change.definition:
        given.setdefault(entry.name, []).append(entry)
    definition: list[FieldDefinition] = []
    for entry in schema.definition:
        definition += given.pop(entry.name, [entry])
    for entries in given.values():
        definition += entries
    options = {
        name: value
        for name in ("id_field", "primary_key_fields", "allow_missing_fields")
        if (value := getattr(change, name)) is not UNSET
    }
    return msgspec.structs.replace(schema, definition=definition, **options)


def _conflicts(schema: SourceSchema, wanted: SourceSchema) -> Iterator[str]:
    if identity_names(schema) != identity_names(wanted):
        yield (
            f"records are identified by {', '.join(identity_names(schema))}, "
            f"and {', '.join(identity_names(wanted))} is asked for"
        )
    asked = {field.name: field for field in typed_fields(wanted)}
    written = {entry.name: entry for entry in wanted.definition}
    for entry, field in zip(schema.definition, typed_fields(schema), strict=True):
        if asked[field.name] != field:
            yield (
                f"field {field.name!r} is {_described(entry)}, "
                f"and {_described(written[field.name])} is asked for"
            )


def _described(entry: FieldDefinition) -> str:
    """Return an entry as it is written, without its name."""
    members: dict[str, Any] = {"type": entry.type, "path": entry.path or [entry.name]}
    if entry.config:
        members["config"] = entry.config
    return msgspec.json.encode(members).decode()
