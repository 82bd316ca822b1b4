"""A column of JSON values becomes an Arrow column in stored form, with a fault where it cannot.

One converter a type of source field, made once a source. Converters see columns, never records, and
run in kernels and Arrow; what is wrong with a value is a code beside it (`Fault`), which `advice`
puts into words for the few that need them. Times have a module of their own.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw

from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, UINT64_MAX, FieldSchema
from bitbrook.schema.limits import ROW_KEY_BYTES_MAX
from bitbrook.sources.advice import Advice, within
from bitbrook.sources.faults import Fault, Faults
from bitbrook.sources.number_kernels import parse_booleans, parse_integers, parse_unsigned
from bitbrook.sources.tokens import tokens_of
from bitbrook.sources.values import LeafKind, leaf_type


@dataclass(slots=True)
class Converted:
    """A column and its faults, None if it has none.

    The column is null where a value is MISSING; what it holds where another fault is means nothing.
    """

    column: pa.Array
    faults: Faults | None = None

    def put_fault(self, where: Sequence[int] | npt.NDArray[np.integer], fault: Fault) -> None:
        """Set a fault at these indexes."""
        if len(where) > 0:
            if self.faults is None:
                self.faults = np.zeros(len(self.column), dtype=np.uint8)
            self.faults[where] = fault


class Converter(Protocol):
    """Turns leaves into a column."""

    @property
    def kind(self) -> LeafKind:
        """What the leaves must be decoded into."""
        ...

    @property
    def advice(self) -> Mapping[Fault, Advice]:
        """What to say of a fault."""
        ...

    def convert(self, leaves: list[Any]) -> Converted:
        """Return the column of these leaves."""
        ...


class IntegerConverter:
    """Whole numbers, as int64."""

    kind: LeafKind = LeafKind.TOKEN

    def __init__(
        self, low: int = INT64_MIN, high: int = INT64_MAX, foreign_table: str = ""
    ) -> None:
        self._low, self._high = low, high
        send = 'send digits, such as 10 or "10"'
        if foreign_table:
            send = f"records of table {foreign_table!r} have integer ids, so {send}"
        self.advice: Mapping[Fault, Advice] = {
            Fault.MALFORMED: Advice("is not a whole number", "a whole number", send),
            Fault.INEXACT: Advice(
                "is not a whole number",
                "a whole number",
                "round it, or make the field a decimal",
            ),
            Fault.OUT_OF_RANGE: within(low, high),
        }

    def convert(self, leaves: list[Raw]) -> Converted:
        """Return int64 numbers."""
        return nullable(*parse_integers(tokens_of(leaves), scale=0, low=self._low, high=self._high))


class DecimalConverter:
    """Decimal numbers, as int64 of the value times ten to the scale."""

    kind: LeafKind = LeafKind.TOKEN

    def __init__(self, field: FieldSchema) -> None:
        self._field = field
        low, high = (Decimal(bound).scaleb(-field.scale) for bound in (field.min, field.max))
        self.advice: Mapping[Fault, Advice] = {
            Fault.MALFORMED: Advice(
                "is not a number", "a number", 'send digits, such as 5.1 or "5.1"'
            ),
            Fault.INEXACT: Advice(
                f"has more than {field.scale} digits after the point",
                f"at most {field.scale} digits after the point",
                "round it, or define the field with a larger Scale",
            ),
            Fault.OUT_OF_RANGE: within(f"{low:f}", f"{high:f}"),
        }

    def convert(self, leaves: list[Raw]) -> Converted:
        """Return int64 numbers, scaled."""
        field = self._field
        tokens = tokens_of(leaves)
        return nullable(*parse_integers(tokens, scale=field.scale, low=field.min, high=field.max))


class BooleanConverter:
    """Booleans."""

    kind: LeafKind = LeafKind.TOKEN
    advice: ClassVar[Mapping[Fault, Advice]] = {
        Fault.MALFORMED: Advice(
            "is not a boolean", "a boolean", 'send true, false, "true", "false", 1 or 0'
        ),
    }

    def convert(self, leaves: list[Raw]) -> Converted:
        """Return booleans."""
        return nullable(*parse_booleans(tokens_of(leaves)))


class SignedRowConverter(IntegerConverter):
    """Row ids with a sign, as int64."""

    def __init__(self) -> None:
        super().__init__()
        self.advice = {
            Fault.MALFORMED: Advice(
                "is not an id", "an id", "send a whole number, such as 10, or -10 to clear it"
            ),
            Fault.INEXACT: Advice("is not an id", "an id", "ids are whole numbers"),
            Fault.OUT_OF_RANGE: within(INT64_MIN, INT64_MAX, "the range of signed ids"),
        }


_ROW_ID_ADVICE: Mapping[Fault, Advice] = {
    Fault.MALFORMED: Advice("is not an id", "an id", 'send a whole number, such as 10 or "10"'),
    Fault.INEXACT: Advice("is not an id", "an id", "ids are whole numbers"),
    Fault.OUT_OF_RANGE: within(0, UINT64_MAX, "the range of ids"),
}


class RowIdConverter:
    """Single ids, as uint64, or as lists of one where records may have many."""

    kind: LeafKind = LeafKind.TOKEN
    advice: ClassVar[Mapping[Fault, Advice]] = _ROW_ID_ADVICE

    def __init__(self, *, is_single: bool) -> None:
        self._is_single = is_single

    def convert(self, leaves: list[Raw]) -> Converted:
        """Return uint64 row ids or lists of one."""
        converted = nullable(*parse_unsigned(tokens_of(leaves)))
        return converted if self._is_single else as_lists(converted)


class RowIdsConverter:
    """Lists of ids."""

    kind: LeafKind = LeafKind.TOKENS
    advice: ClassVar[Mapping[Fault, Advice]] = {
        Fault.MALFORMED: Advice(
            "is not a list of ids", "a list of ids", "send whole numbers, such as [1, 2]"
        ),
        Fault.INEXACT: Advice("is not a list of ids", "a list of ids", "ids are whole numbers"),
        Fault.OUT_OF_RANGE: Advice(
            f"has an id that is not in 0 to {UINT64_MAX}",
            f"ids in 0 to {UINT64_MAX}",
            "send ids within it",
        ),
    }

    def convert(self, leaves: list[list[Raw] | None]) -> Converted:
        """Return lists of uint64 row ids."""
        counts = np.array([0 if leaf is None else len(leaf) for leaf in leaves], dtype=np.int64)
        tokens = tokens_of(list(itertools.chain.from_iterable(filter(None, leaves))))
        rows, row_faults = parse_unsigned(tokens)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        if not row_faults.any() and None not in leaves:
            return Converted(pa.ListArray.from_arrays(offsets, pa.array(rows)))
        # In a list null is no id; only the list as a whole can be missing.
        row_faults[row_faults == Fault.MISSING] = Fault.MALFORMED
        faults = np.zeros(len(leaves), dtype=np.uint8)
        np.maximum.at(faults, np.repeat(np.arange(len(leaves)), counts), row_faults)
        faults[[leaf is None for leaf in leaves]] = Fault.MISSING
        lists = pa.ListArray.from_arrays(offsets, pa.array(rows), mask=pa.array(faults != 0))
        return Converted(lists, faults)


class RowKeyConverter:
    """Single keys, as strings, or as lists of one where records may have many."""

    kind: LeafKind = LeafKind.TEXT

    def __init__(self, *, is_single: bool, bytes_max: int = ROW_KEY_BYTES_MAX) -> None:
        self._is_single = is_single
        self._bytes_max = bytes_max
        self.advice: Mapping[Fault, Advice] = {
            Fault.MALFORMED: Advice("is not text", "text", 'send it in quotes, such as "example"'),
            Fault.TOO_LONG: Advice(
                f"is longer than {bytes_max:,} bytes",
                f"text of at most {bytes_max:,} bytes",
                "shorten it",
            ),
        }

    def convert(self, leaves: list[str | None]) -> Converted:
        """Return keys or lists of one."""
        keys = pa.array(leaves, pa.string())
        converted = Converted(keys, _null_faults(keys))
        if keys.nbytes > self._bytes_max:
            converted.put_fault(find_long(keys, self._bytes_max), Fault.TOO_LONG)
        return converted if self._is_single else as_lists(converted)


class RowKeysConverter:
    """Lists of row keys."""

    kind: LeafKind = LeafKind.TEXTS
    advice: ClassVar[Mapping[Fault, Advice]] = {
        Fault.MALFORMED: Advice(
            "is not a list of texts", "a list of texts", 'send quoted texts, such as ["a", "b"]'
        ),
        Fault.TOO_LONG: Advice(
            f"has a text longer than {ROW_KEY_BYTES_MAX:,} bytes",
            f"texts of at most {ROW_KEY_BYTES_MAX:,} bytes each",
            "shorten it",
        ),
    }

    def convert(self, leaves: list[list[str] | None]) -> Converted:
        """Return lists of row keys."""
        lists = pa.array(leaves, pa.list_(pa.string()))
        converted = Converted(lists, _null_faults(lists))
        keys = lists.flatten()
        if keys.nbytes > ROW_KEY_BYTES_MAX:
            parents = pc.list_parent_indices(lists).to_numpy()
            converted.put_fault(parents[find_long(keys, ROW_KEY_BYTES_MAX)], Fault.TOO_LONG)
        return converted


class Recast:
    """A converter over leaves that were left as they were written."""

    kind: LeafKind = LeafKind.TOKEN

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._decode = msgspec.json.Decoder(leaf_type(converter.kind)).decode
        self.advice = converter.advice

    def convert(self, leaves: list[Raw]) -> Converted:
        """Return what the converter makes of the leaves that are what it takes."""
        recast: list[Any] = []
        misfits = []
        for index, leaf in enumerate(leaves):
            try:
                recast.append(self._decode(leaf))
            except (msgspec.ValidationError, RecursionError):
                recast.append(None)
                misfits.append(index)
        converted = self._converter.convert(recast)
        converted.put_fault(misfits, Fault.MALFORMED)
        return converted


def nullable(values: npt.NDArray[Any], faults: Faults) -> Converted:
    """Return values as a column that is null where there are faults."""
    if not faults.any():
        return Converted(pa.array(values))
    return Converted(pa.array(values, mask=faults != 0), faults)


def find_long(texts: pa.Array, bytes_max: int) -> npt.NDArray[np.int64]:
    """Return the indexes (int64[m]) of texts of more UTF-8 bytes than that."""
    lengths = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    return np.flatnonzero(lengths > bytes_max)


def _null_faults(column: pa.Array) -> Faults | None:
    if column.null_count == 0:
        return None
    are_null = column.is_null().to_numpy(zero_copy_only=False)
    return np.where(are_null, Fault.MISSING, Fault.NONE).astype(np.uint8)


def as_lists(converted: Converted) -> Converted:
    """Return a column of single rows as one of lists: of one row, or null."""
    rows = converted.column
    if rows.null_count == 0:
        offsets = np.arange(len(rows) + 1, dtype=np.int32)
        return Converted(pa.ListArray.from_arrays(offsets, rows), converted.faults)
    are_valid = rows.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(are_valid)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(offsets, rows.drop_null(), mask=pa.array(~are_valid))
    return Converted(lists, converted.faults)
