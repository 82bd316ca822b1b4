"""Every limit on what is stored, in one place; what a server may change is in its settings.

A limit is a fact about the data model or a bound that keeps memory safe. Whoever checks one names
it, the value met and the value allowed in the error.
"""

BODY_BYTES_MAX = 16 << 20
"""Bytes of a request body after decompression, unless the settings say otherwise."""

RECORDS_PER_BODY_MAX = 200_000
"""Records in one streaming request: bounds the answer, which has an entry for each."""

VALUES_PER_BODY_MAX = 32 << 20
"""Records of one streaming request times fields of its source: each has its place in memory, also
where a record says nothing."""

RECORD_KEY_BYTES_MAX = 64 << 10
"""UTF-8 bytes of a record's string key."""

ROW_KEY_BYTES_MAX = 16 << 20
"""UTF-8 bytes of a row key (a `string` value)."""

FIELDS_PER_TABLE_MAX = 4_096
"""Fields of a table, and entries of a source's definition."""

KEY_FIELDS_MAX = 64
"""Fields whose values make up a record's string key."""

PATH_KEYS_MAX = 32
"""Object keys in the path of a source's field."""

NAME_CHARACTERS_MAX = 230
"""Characters in the name of a deployment, table, field or source."""

DECIMAL_SCALE_MAX = 18
"""Digits after the point of a decimal field; a stored decimal is a signed 64-bit integer."""

VECTOR_DIMENSIONS_MAX = 4_096
"""Numbers of one vector: 16 KiB a record."""

TIME_MIN_S = -62_135_596_800
"""0001-01-01T00:00:00Z in Unix seconds: the earliest time a record may carry."""

TIME_MAX_S = 253_402_300_799
"""9999-12-31T23:59:59Z in Unix seconds: the latest time a record may carry."""
