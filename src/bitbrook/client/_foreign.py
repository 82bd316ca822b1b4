"""Values of NumPy and pandas as Python has them, without importing either.

Times become RFC 3339 text, since both keep nanoseconds, which a datetime cannot hold.
"""

import sys
from datetime import UTC, datetime


def plain(value: object) -> object:
    """Return a value as Python has it: None for what is missing, lists for arrays.

    Raises:
        TypeError: there is no such value.
    """
    if _is_missing(value):
        return None
    if isinstance(value, datetime):
        return time_text(value)
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "M" and not getattr(value, "ndim", 1):
        return _numpy_time(value)
    convert = getattr(value, "tolist", None)
    if callable(convert) and kind not in ("M", "m"):
        converted: object = convert()
        if type(converted) is not type(value):
            return converted
    raise TypeError(f"{type(value).__name__} {value!r:.100} has no plain form; convert it first")


def time_text(moment: datetime) -> str:
    """Return a moment as RFC 3339 text in UTC, with every digit; without a zone it is UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def _is_missing(value: object) -> bool:
    """Whether it is pandas' NaT or NA, or NumPy's NaT; a NaN is a number."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    pandas = sys.modules.get("pandas")
    if pandas is not None and kind != "f":
        return pandas.isna(value) is True
    # Without pandas only NumPy's is left, which differs from itself.
    return kind == "M" and not getattr(value, "ndim", 1) and bool(value != value)  # noqa: PLR0124


def _numpy_time(value: object) -> str:
    convert = getattr(value, "astype")  # noqa: B009 - a NumPy scalar, which has no type here
    microseconds = convert("datetime64[us]")
    exact = microseconds if microseconds == value else convert("datetime64[ns]")
    return f"{exact}Z"
