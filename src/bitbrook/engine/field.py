"""What one shard holds of one field: its rows, its values, or both.

A set keeps rows; a number keeps values; a mutex and a bool keep both, and the two agree: the code
at a position names the one row that has the position. A time field keeps the standard view in
`rows` and a Rows for every view that was written. Rows are known by code here; the partition's
dictionary tells what they mean (a bool's are 0 for false and 1 for true, without a dictionary).
"""

from dataclasses import dataclass, field
from typing import Self

from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.values import Values
from bitbrook.schema.field_types import FieldSchema, FieldType


@dataclass(slots=True)
class FieldShard:
    """One field in one shard.

    `loaded_sequence`: the batch up to which the snapshot this was read from contains everything (0
    if it was not read from one); replay skips those.
    """

    schema: FieldSchema
    rows: Rows | None = None
    values: Values | None = None
    views: dict[str, Rows] = field(default_factory=dict)
    loaded_sequence: int = 0

    @classmethod
    def empty(cls, schema: FieldSchema) -> Self:
        """Return a field without a value, in the forms that its type keeps."""
        has_rows = schema.has_rows and (
            schema.type is not FieldType.TIME or schema.has_standard_view
        )
        return cls(
            schema,
            rows=(MutexRows() if schema.is_single else Rows()) if has_rows else None,
            values=Values(is_code=schema.has_rows) if schema.is_single else None,
        )

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held."""
        parts = [self.rows, self.values, *self.views.values()]
        return sum(part.size_bytes for part in parts if part is not None)

    @property
    def all_rows(self) -> list[Rows]:
        """Every view of the field: the standard one, if kept, and those by time."""
        standard = [self.rows] if self.rows is not None else []
        return standard + list(self.views.values())
