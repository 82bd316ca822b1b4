"""Schemas, tables and decoders made from a few words."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bitbrook.engine.columns import check_columns
from bitbrook.schema.field_types import TableSchema
from bitbrook.sources.decode import Decoded, Decoder
from bitbrook.sources.schema import SourceSchema, check_schema, fields_of, keys_records


def _schema_of(definition: list[dict[str, Any]], **options: Any) -> SourceSchema:
    schema = msgspec.convert({"definition": definition, **options}, SourceSchema)
    check_schema(schema)
    return schema


def _table_of(schema: SourceSchema) -> TableSchema:
    fields = tuple(
        msgspec.structs.replace(field, id=number) for number, field in enumerate(fields_of(schema))
    )
    return TableSchema("t", "things", is_keyed=keys_records(schema), fields=fields)


class Source:
    """A source over a table of its own; what it decodes is checked to fit the table."""

    def __init__(self, schema: SourceSchema) -> None:
        self.table = _table_of(schema)
        self._decoder = Decoder(schema, self.table)

    def decode(self, body: bytes, *, is_lines: bool = False) -> Decoded:
        decoded = self._decoder.decode(body, is_lines=is_lines)
        if decoded.batch is not None:
            check_columns(decoded.batch, self.table)
        return decoded

    def decode_values(self, *values: Any) -> Decoded:
        """Decode these values; bytes stand for JSON as it is written."""
        texts = [v if isinstance(v, bytes) else msgspec.json.encode(v) for v in values]
        records = b",".join(b'{"value":%s}' % text for text in texts)
        return self.decode(b'{"records":[%s]}' % records)

    def rows(self, *values: Any) -> list[dict[str, Any]]:
        """The records that these values become; all of them are good."""
        batch, outcomes, _ = self.decode_values(*values)
        assert outcomes.errors == ()
        assert batch is not None
        rows: list[dict[str, Any]] = batch.operations[0].records.to_pylist()
        return rows

    def error(self, value: Any) -> tuple[str, str]:
        """The code and message of the one error that a value makes."""
        batch, outcomes, _ = self.decode_values(value)
        assert batch is None
        (error,) = outcomes.errors
        return error.code, error.message


@pytest.fixture
def source_of() -> Callable[..., Source]:
    """Entries of a definition, and the schema's options -> a source with an id unless given one."""

    def make(*definition: dict[str, Any], **options: Any) -> Source:
        if not options.keys() & {"id_field", "primary_key_fields"}:
            definition = ({"name": "id", "type": "id"}, *definition)
            options["id_field"] = "id"
        return Source(_schema_of(list(definition), **options))

    return make


@pytest.fixture
def schema_of() -> Callable[..., SourceSchema]:
    """A definition and the schema's options -> a checked schema."""
    return _schema_of


@pytest.fixture
def table_of() -> Callable[[SourceSchema], TableSchema]:
    """A schema -> the table that it makes."""
    return _table_of
