"""What one shard holds of one field: its rows, its values, or both.

A set keeps rows; a number keeps values; a vector field keeps vectors; a mutex and a bool keep rows
and values, and the two agree: the code at a position names the one row that has the position. A
time field keeps the standard view in `rows` and a Rows for every view that was written. Rows are
known by code here; the partition's dictionary tells what they mean (a bool's are 0 for false and 1
for true, without a dictionary).
Each of these parts may still lie in the shard's block, and is attached when it is first asked for.
"""

from typing import Self

from bitbrook.bitmap.mutex_rows import MutexRows
from bitbrook.bitmap.rows import Rows
from bitbrook.bitmap.values import Values
from bitbrook.bitmap.vectors import Vectors
from bitbrook.engine.stored import Parts
from bitbrook.schema.field_types import FieldSchema, FieldType

ROWS = "rows"
VALUES = "values"
VECTORS = "vectors"


class FieldShard:
    """One field in one shard.

    `forms`: the rows, the values and the vectors, by those names. `views`: by name.
    `loaded_sequence`: the batch up to which the snapshot this was read from contains everything (0
    if it was not read from one); replay skips those. `last_loaded_sequence`: the last batch of
    which it contains anything.
    """

    __slots__ = ("forms", "last_loaded_sequence", "loaded_sequence", "schema", "views")

    def __init__(self, schema: FieldSchema) -> None:
        self.schema = schema
        self.forms: Parts[Rows | Values | Vectors] = Parts()
        self.views: Parts[Rows] = Parts()
        self.loaded_sequence = self.last_loaded_sequence = 0

    @classmethod
    def empty(cls, schema: FieldSchema) -> Self:
        """Return a field without a value, in the forms that its type keeps."""
        field_shard = cls(schema)
        if schema.has_rows and (schema.type is not FieldType.TIME or schema.has_standard_view):
            field_shard.forms[ROWS] = MutexRows() if schema.is_single else Rows()
        if schema.has_values:
            field_shard.forms[VALUES] = Values(is_code=schema.has_rows)
        if schema.is_vector:
            field_shard.forms[VECTORS] = Vectors(schema.dimensions)
        return field_shard

    @property
    def rows(self) -> Rows | None:
        """The rows of all times, if the field keeps them."""
        rows: Rows | None = self.forms.get(ROWS)
        return rows

    @property
    def values(self) -> Values | None:
        """The values by position, if the field keeps them."""
        values: Values | None = self.forms.get(VALUES)
        return values

    @property
    def vectors(self) -> Vectors | None:
        """The vectors by position, if the field keeps them."""
        vectors: Vectors | None = self.forms.get(VECTORS)
        return vectors

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held; of parts that were not asked for, those of the block."""
        parts = (*self.forms.as_they_are().values(), *self.views.as_they_are().values())
        return sum(part.size_bytes for part in parts)

    @property
    def all_rows(self) -> list[Rows]:
        """Every view of the field: the standard one, if kept, and those by time."""
        standard = [self.rows] if self.rows is not None else []
        return standard + list(self.views.values())
