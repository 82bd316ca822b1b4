"""Columns as JSON text: each function returns one JSON value a slot, null slots as `null`.

Everything is done a column at a time by Arrow and NumPy, so that an answer of a million records
costs no Python per record, and everything is exact: 64-bit integers, decimals and times are written
from their stored integers, never through a float. Knows nothing of the answer around the text.
"""

from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.schema.field_types import TimeUnit

Text: TypeAlias = pa.LargeStringArray

_NEEDS_ESCAPE = r'["\\\x00-\x1f]'


def of_column(column: pa.Array) -> Text:
    """Return the text of a column of records: any type that `RecordsPartial` names."""
    kind = column.type
    if pa.types.is_decimal(kind):
        return of_decimals(stored_decimals(column), kind.scale, is_null(column))
    if pa.types.is_timestamp(kind):
        unit = TimeUnit(kind.unit)
        return of_times(column.cast(pa.int64()).fill_null(0).to_numpy(), unit, is_null(column))
    if is_list(kind):
        return of_lists(column)
    if pa.types.is_struct(kind):
        return of_structs(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return of_strings(column)
    if pa.types.is_float64(kind):
        # JSON has no word for what is no finite number.
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    return of_plain(column)


def few_of_column(column: pa.Array) -> list[str]:
    """Return what `of_column` does, faster for a handful of the plainest values."""
    kind = column.type
    if pa.types.is_integer(kind):
        return ["null" if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_decimal(kind):
        return ["null" if value is None else f"{value:f}" for value in column.to_pylist()]
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [msgspec.json.encode(value).decode() for value in column.to_pylist()]
    few: list[str] = of_column(column).to_pylist()
    return few


def is_list(kind: pa.DataType) -> bool:
    """Return whether a column's values are lists: sets, or vectors."""
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def is_null(column: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Return which slots of a column are null, None if none is."""
    if column.null_count == 0:
        return None
    nulls: npt.NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return nulls


def of_plain(column: pa.Array | npt.NDArray[np.int64] | npt.NDArray[np.uint64]) -> Text:
    """Return integers, booleans or finite float32, of which the shortest text that reads as it."""
    if not isinstance(column, pa.Array):
        column = pa.array(column)
    return column.cast(pa.large_string()).fill_null("null")


def of_strings(strings: pa.Array) -> Text:
    """Return strings, quoted and escaped."""
    strings = strings.cast(pa.large_string())
    if pc.any(pc.match_substring_regex(strings, _NEEDS_ESCAPE)).as_py():
        # Rare enough to be done one distinct string at a time.
        coded = strings.dictionary_encode()
        escaped = [msgspec.json.encode(text).decode() for text in coded.dictionary.to_pylist()]
        quoted = pa.array(escaped, pa.large_string()).take(coded.indices)
    else:
        quoted = joined('"', strings, '"')
    return quoted.fill_null("null")


def of_lists(lists: pa.ListArray | pa.FixedSizeListArray) -> Text:
    """Return lists of anything; a null list is `[]`."""
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    members = pa.LargeListArray.from_arrays(pa.array(offsets), of_inner(lists.flatten()))
    return joined("[", pc.binary_join(members, pa.scalar(",", pa.large_string())), "]")


def of_structs(structs: pa.StructArray) -> Text:
    """Return structs as objects."""
    pieces: list[Text | str] = ["{"]
    for index, name in enumerate(each.name for each in structs.type):
        pieces.append(("," if index else "") + msgspec.json.encode(name).decode() + ":")
        pieces.append(of_inner(structs.field(index)))
    # A struct without fields does not come up, so that there is a slot for each.
    return _with_nulls(joined(*pieces, "}"), is_null(structs))


def of_inner(column: pa.Array) -> Text:
    """Return what is in lists and structs: there a null list is `null`."""
    text = of_column(column)
    return _with_nulls(text, is_null(column)) if is_list(column.type) else text


def stored_decimals(column: pa.Decimal128Array) -> npt.NDArray[np.int64]:
    """Return the unscaled integers (int64) of decimals; zero where the slot is null."""
    # Every stored decimal fits in the low half of its 128 bits: fields store int64.
    halves = np.frombuffer(column.buffers()[1], dtype="<i8").reshape(-1, 2)
    stored = halves[column.offset : column.offset + len(column), 0].copy()
    nulls = is_null(column)
    if nulls is not None:
        stored[nulls] = 0
    return stored


def of_decimals(
    stored: npt.NDArray[np.int64], scale: int, nulls: npt.NDArray[np.bool_] | None = None
) -> Text:
    """Return stored decimals as numbers with exactly `scale` digits after the point."""
    if scale == 0:
        return _with_nulls(of_plain(stored), nulls)
    # Of -2**63 the absolute value exists only unsigned; the view after the wrap is right.
    magnitudes = np.abs(stored).view(np.uint64)
    whole, part = np.divmod(magnitudes, np.uint64(10**scale))
    digits = pc.utf8_lpad(of_plain(part), width=scale, padding="0")
    signs = pa.array(np.where(stored < 0, "-", "").astype(object), pa.large_string())
    return _with_nulls(joined(signs, of_plain(whole), ".", digits), nulls)


def of_times(
    stored: npt.NDArray[np.int64], unit: TimeUnit, nulls: npt.NDArray[np.bool_] | None = None
) -> Text:
    """Return stored times as RFC 3339 text in UTC, the fraction without trailing zeros."""
    seconds, part = np.divmod(stored, unit.per_second)
    moments = np.datetime_as_string(seconds.astype("datetime64[s]"))
    text = pa.array(moments.astype(object), pa.large_string())
    if unit is TimeUnit.SECOND or not part.any():
        return _with_nulls(joined('"', text, 'Z"'), nulls)
    digits = pc.utf8_lpad(of_plain(part), width=len(str(unit.per_second)) - 1, padding="0")
    fraction = joined(".", pc.utf8_rtrim(digits, characters="0"))
    fraction = pc.if_else(pa.array(part == 0), pa.scalar("", pa.large_string()), fraction)
    return _with_nulls(joined('"', text, fraction, 'Z"'), nulls)


def _with_nulls(text: Text, nulls: npt.NDArray[np.bool_] | None) -> Text:
    if nulls is None:
        return text
    return pc.if_else(pa.array(nulls), pa.scalar("null", pa.large_string()), text)


def joined(*pieces: Text | str) -> Text:
    """Return slot by slot the pieces one after the other; a str is the same in every slot."""
    parts = [
        pa.scalar(piece, pa.large_string()) if isinstance(piece, str) else piece for piece in pieces
    ]
    return pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))


def array_of(elements: Text) -> bytes:
    """Return all slots as one JSON array."""
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(elements)], pa.int64()), elements)
    content = pc.binary_join(whole, pa.scalar(",", pa.large_string()))[0].as_buffer()
    return b"[" + bytes(content.to_pybytes()) + b"]"
