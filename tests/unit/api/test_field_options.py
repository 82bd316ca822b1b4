"""Options of a field are read and shown again without loss, and wrong ones name the mend.

Reads each type with its options and compares what is shown with what was given.
"""

import pytest

from bitbrook.api.field_options import FieldOptions, read_field, show_field
from bitbrook.errors import InvalidValue
from bitbrook.schema.field_types import FieldSchema, FieldType, TimeUnit


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (FieldOptions(), FieldSchema("f", FieldType.SET)),
        (FieldOptions("SET", keys=True), FieldSchema("f", FieldType.SET, is_keyed=True)),
        (FieldOptions("int", min=-5, max=5), FieldSchema("f", FieldType.INT, min=-5, max=5)),
        (
            FieldOptions("decimal", scale=2, min="-0.05", max=1),
            FieldSchema("f", FieldType.DECIMAL, scale=2, min=-5, max=100),
        ),
        (
            FieldOptions("time", timeQuantum="ymd", ttl="1h"),
            FieldSchema("f", FieldType.TIME, quantum="YMD", ttl_s=3_600),
        ),
        (
            FieldOptions("timestamp", timeUnit="ms", epoch="1970-01-02T00:00:00Z"),
            FieldSchema("f", FieldType.TIMESTAMP, unit=TimeUnit.MILLISECOND, epoch=86_400_000),
        ),
        (
            FieldOptions("mutex", keys=True, maxLength=20),
            FieldSchema("f", FieldType.MUTEX, is_keyed=True, length_max=20),
        ),
        (
            FieldOptions("Vector", dimensions=768),
            FieldSchema("f", FieldType.VECTOR, dimensions=768),
        ),
    ],
)
def test_reading(options: FieldOptions, field: FieldSchema) -> None:
    assert read_field("f", options) == field
    assert read_field("f", show_field(field)).type is field.type


def test_what_is_shown_reads_back() -> None:
    for field in (
        FieldSchema("f", FieldType.DECIMAL, scale=3, min=-1, max=999),
        FieldSchema("f", FieldType.TIME, is_keyed=True, quantum="MDH", ttl_s=60),
        FieldSchema("f", FieldType.INT, min=0, max=7),
        FieldSchema("f", FieldType.MUTEX, is_keyed=True),
        FieldSchema("f", FieldType.BOOL),
        FieldSchema("f", FieldType.MUTEX, is_keyed=True, length_max=7),
        FieldSchema("f", FieldType.VECTOR, dimensions=1),
    ):
        assert read_field("f", show_field(field)) == field


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (FieldOptions("strng"), "strng"),
        (FieldOptions("int", keys=True), "keys"),
        (FieldOptions("time"), "timeQuantum"),
        (FieldOptions("decimal", scale=1, max="1.25"), "1.25"),
        (FieldOptions("decimal", scale=2, max="1e30"), "1e30"),
        (FieldOptions("decimal", scale=2, max="NaN"), "NaN"),
        (FieldOptions("vector"), "dimensions are missing"),
        (FieldOptions("vector", dimensions=0), "dimensions 0 cannot be; give 1 to 4,096"),
        (FieldOptions("vector", dimensions=4097), "4097"),
        (FieldOptions("vector", dimensions=3, scale=2), "scale do not go with type vector"),
        (FieldOptions("vector", keys=True, dimensions=3), "keys"),
        (FieldOptions("int", dimensions=3), "dimensions goes with type vector alone"),
        (FieldOptions("set", keys=True, maxLength=3), "maxLength goes with type mutex with keys"),
        (FieldOptions("mutex", maxLength=3), "maxLength"),
        (FieldOptions("mutex", keys=True, maxLength=0), "maxLength 0 cannot be"),
    ],
)
def test_refusals(options: FieldOptions, word: str) -> None:
    with pytest.raises(InvalidValue, match=word):
        read_field("f", options)
