"""What identifies records: an id, a key, or a key joined from several values.

A joined key is the text of each value as it would be stored, in the order of `primary_key_fields`,
with `|` between them. A backslash goes before each `|` and backslash inside a value, so different
values never make one key. A single value is its own key, unchanged. Numbers are written plainly
(`10`, `-5.1`), times as the number stored, lists with a comma behind each member.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.schema.limits import RECORD_KEY_BYTES_MAX
from bitbrook.sources.advice import Advice
from bitbrook.sources.config import SourceType
from bitbrook.sources.convert import Converted, find_long
from bitbrook.sources.faults import Fault
from bitbrook.sources.schema import SourceField, SourceSchema, identity_names, keys_records

_SPECIAL = r"([\\|])"
_SPECIAL_IN_LISTS = r"([\\|,])"
_ESCAPED = r"\\\1"


TOO_LONG_A_KEY = Advice(
    f"is longer than {RECORD_KEY_BYTES_MAX:,} bytes",
    f"a key of at most {RECORD_KEY_BYTES_MAX:,} bytes",
    "shorten it",
)
"""What to say of a key that several values make up; a single text has its own words."""


class RecordIds:
    """The `_id` column of a source's records, from the columns of what identifies them.

    `names`: the fields that do, in the order of the key.
    """

    def __init__(self, schema: SourceSchema, fields: Sequence[SourceField]) -> None:
        self.names = identity_names(schema)
        by_name = {field.name: field for field in fields}
        self._fields = [by_name[name] for name in self.names]
        self._are_keys = keys_records(schema)

    def ids_of(self, columns: Sequence[pa.Array]) -> Converted:
        """Return uint64 ids or string keys, null where a column is; `columns` go with `names`."""
        if not self._are_keys:
            return Converted(columns[0])
        is_joined = len(columns) > 1
        texts = [
            _text_of(field, column, is_joined=is_joined)
            for field, column in zip(self._fields, columns, strict=True)
        ]
        keys = pc.binary_join_element_wise(*texts, "|") if is_joined else texts[0]
        converted = Converted(keys)
        if keys.nbytes > RECORD_KEY_BYTES_MAX:
            converted.put_fault(find_long(keys, RECORD_KEY_BYTES_MAX), Fault.TOO_LONG)
        return converted


def _text_of(field: SourceField, column: pa.Array, *, is_joined: bool) -> pa.Array:
    """Return a column as its part of keys."""
    if pa.types.is_list(column.type):
        return _text_of_lists(column)
    if field.type is SourceType.DECIMAL:
        return _text_of_decimals(column, field.config.scale)
    if pa.types.is_string(column.type):
        return pc.replace_substring_regex(column, _SPECIAL, _ESCAPED) if is_joined else column
    return column.cast(pa.string())


def _text_of_lists(lists: pa.ListArray) -> pa.Array:
    """Return each list with a comma behind each member; members are escaped.

    An empty list is an empty text, and a list of an empty text is a comma.
    """
    members = lists.flatten().cast(pa.string())
    members = pc.replace_substring_regex(members, _SPECIAL_IN_LISTS, _ESCAPED)
    members = pc.binary_join_element_wise(members, ",", "")
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    mask = lists.is_null() if lists.null_count else None
    return pc.binary_join(pa.ListArray.from_arrays(offsets, members, mask=mask), "")


def _text_of_decimals(column: pa.Array, scale: int) -> pa.Array:
    """Return each decimal in plain digits, without zeros at the end of the fraction."""
    stored: npt.NDArray[np.int64] = column.fill_null(0).to_numpy(zero_copy_only=False)
    # The magnitude of the least integer is its own two's complement.
    magnitudes = np.abs(stored).view(np.uint64)
    wholes, fractions = np.divmod(magnitudes, np.uint64(10**scale))
    digits = pc.utf8_lpad(pa.array(fractions).cast(pa.string()), scale, "0")
    fraction = pc.utf8_rtrim(pc.binary_join_element_wise("", digits, "."), "0")
    sign = pc.if_else(pa.array(stored < 0), "-", "")
    whole = pa.array(wholes).cast(pa.string())
    text = pc.binary_join_element_wise(sign, whole, pc.utf8_rtrim(fraction, "."), "")
    return pc.if_else(column.is_valid(), text, pa.scalar(None, pa.string()))
