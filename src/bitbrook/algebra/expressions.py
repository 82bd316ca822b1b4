"""Bitmap expressions: each describes a set of records of one table.

Every node is immutable, hashable and serialisable (a tagged msgspec struct), so that a plan can be
cached, compared and sent to another process. Constants are already checked against the field and in
stored form; rows are row ids (int), row keys (str) or False/True for bool fields.
"""

import enum

import msgspec

Row = int | str | bool


class Expression(msgspec.Struct, frozen=True, tag=True):
    """A set of records."""


class All(Expression, frozen=True):
    """Every record that exists."""


class Nothing(Expression, frozen=True):
    """No record."""


class HasRow(Expression, frozen=True):
    """Records with any of `rows` in a set, mutex, time or bool field.

    On a time field `from_s` and `to_s` (Unix seconds, half open, None for no bound) restrict to the
    views of the finest quantum unit that overlap [from_s, to_s); without both the standard view
    answers.
    """

    field: str
    rows: tuple[Row, ...]
    from_s: int | None = None
    to_s: int | None = None


class HasRowLike(Expression, frozen=True):
    """Records with a row key that matches a LIKE pattern (`%` any run, `_` one character)."""

    field: str
    pattern: str


class InRange(Expression, frozen=True):
    """Records whose stored number lies in [low, high], both inclusive, None for no bound."""

    field: str
    low: int | None = None
    high: int | None = None


class InValues(Expression, frozen=True):
    """Records whose stored number is one of `values`."""

    field: str
    values: tuple[int, ...]


class Metric(enum.StrEnum):
    """How far apart two vectors are. A dot product is the larger the nearer they are."""

    COSINE = "cosine"
    EUCLIDEAN = "euclidean"
    DOT = "dot"


class WithinDistance(Expression, frozen=True):
    """Records whose vector is so far from `vector`: in [low, high] billionths, None for no bound.

    A record without a vector is at no distance, and neither is a vector of zeros by cosine.
    """

    field: str
    metric: Metric
    vector: tuple[float, ...]
    low: int | None = None
    high: int | None = None


class HasValue(Expression, frozen=True):
    """Existing records with any value in the field (`f != null`)."""

    field: str


class Records(Expression, frozen=True):
    """Exactly these records, existing or not (`ConstRow`): ids, or keys on a keyed table.

    A key that the table never saw names no record.
    """

    ids: tuple[int, ...] | tuple[str, ...]


class InNumbers(Expression, frozen=True):
    """Existing records whose number lies in [low, high], both inclusive, None for no bound.

    A record's number is its id; on a keyed table the place that its key was given in its partition,
    which counts up from 0. For reading a table piece by piece.
    """

    low: int = 0
    high: int | None = None


class Union(Expression, frozen=True):
    """Records in any operand; of no operands, none."""

    operands: tuple[Expression, ...]


class Intersect(Expression, frozen=True):
    """Records in every operand; there is at least one."""

    operands: tuple[Expression, ...]


class Difference(Expression, frozen=True):
    """Records in the first operand and in none of the others."""

    operands: tuple[Expression, ...]


class Xor(Expression, frozen=True):
    """Records in an odd number of operands."""

    operands: tuple[Expression, ...]


class Not(Expression, frozen=True):
    """Existing records that are not in the operand."""

    operand: Expression


class Shift(Expression, frozen=True):
    """The operand's records, each id plus `count`; integer record ids only."""

    operand: Expression
    count: int = 1


AnyExpression = (
    All
    | Nothing
    | HasRow
    | HasRowLike
    | InRange
    | InValues
    | WithinDistance
    | HasValue
    | Records
    | InNumbers
    | Union
    | Intersect
    | Difference
    | Xor
    | Not
    | Shift
)
