"""Tables and fields as data: what kinds there are and what each one holds.

Knows nothing of how a field is stored. A field's `id` is unique in its table for ever, so that a
logged batch that names a dropped field is never applied to a later field of the same name.
"""

import enum

import msgspec

from bitbrook.errors import FieldNotFound

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1


class FieldType(enum.StrEnum):
    """The eight kinds of field (FeatureBase's data model)."""

    SET = "set"
    MUTEX = "mutex"
    TIME = "time"
    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    VECTOR = "vector"


ROW_TYPES = frozenset({FieldType.SET, FieldType.MUTEX, FieldType.TIME, FieldType.BOOL})
NUMBER_TYPES = frozenset({FieldType.INT, FieldType.DECIMAL, FieldType.TIMESTAMP})
SINGLE_TYPES = NUMBER_TYPES | {FieldType.MUTEX, FieldType.BOOL, FieldType.VECTOR}


class TimeUnit(enum.StrEnum):
    """The resolution of a timestamp field."""

    SECOND = "s"
    MILLISECOND = "ms"
    MICROSECOND = "us"
    NANOSECOND = "ns"

    @property
    def per_second(self) -> int:
        """How many of this unit make a second."""
        return {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[self.value]


class FieldSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a table.

    `min` and `max` bound the *stored* integer: of a decimal the value times ten to the `scale`, of
    a timestamp the `unit`s since the Unix epoch. `epoch` (in `unit`s since the Unix epoch) only
    gives numbers in statements and records their meaning; stored timestamps never depend on it.
    `length_max` bounds the characters of a row key that a statement writes; 0 is no bound.
    `dimensions`: how many numbers (float32) each vector of a vector field has.
    """

    name: str
    type: FieldType
    id: int = 0
    is_keyed: bool = False
    min: int = INT64_MIN
    max: int = INT64_MAX
    scale: int = 0
    unit: TimeUnit = TimeUnit.SECOND
    epoch: int = 0
    quantum: str = ""
    ttl_s: int = 0
    has_standard_view: bool = True
    length_max: int = 0
    dimensions: int = 0

    @property
    def has_rows(self) -> bool:
        """Whether records have rows in this field (set, mutex, time, bool)."""
        return self.type in ROW_TYPES

    @property
    def is_number(self) -> bool:
        """Whether records have one stored integer in this field (int, decimal, timestamp)."""
        return self.type in NUMBER_TYPES

    @property
    def is_single(self) -> bool:
        """Whether a record has at most one value in this field."""
        return self.type in SINGLE_TYPES

    @property
    def is_vector(self) -> bool:
        """Whether records have a vector in this field."""
        return self.type is FieldType.VECTOR

    @property
    def has_values(self) -> bool:
        """Whether a record's one value is an integer by position: a stored number or a row code."""
        return self.is_single and not self.is_vector


class TableSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """One table: how records are identified, and its fields in the order they were added."""

    id: str
    name: str
    is_keyed: bool = False
    fields: tuple[FieldSchema, ...] = ()
    description: str = ""
    partition_count: int = 1

    def field(self, name: str) -> FieldSchema:
        """Return the field of that name.

        Raises:
            FieldNotFound: the table has none; the message is in the original's wording.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise FieldNotFound(f"field not found: {name!r} in table {self.name!r}", field=name)

    def find_field(self, name: str) -> FieldSchema | None:
        """Return the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)
