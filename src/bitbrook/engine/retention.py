"""Which views of a time field are past their time to live.

A view is named by the start of its period (2024, 202405, 20240506, 2024050607) and is dropped when
the period ended longer ago than the field's time to live. Dropping is not logged: a replayed batch
may bring a view back, and the next look drops it again.
"""

from collections.abc import Iterable
from datetime import MAXYEAR, UTC, datetime, timedelta

YEAR_DIGITS, MONTH_DIGITS, DAY_DIGITS = 4, 6, 8


def expired_views(views: Iterable[str], ttl_s: int, now_s: float) -> list[str]:
    """Return those of the views whose period ended more than `ttl_s` before `now_s`."""
    return [view for view in views if _period_end_s(view) + ttl_s < now_s]


def _period_end_s(view: str) -> float:
    """Return the Unix second at which the period of a view is over."""
    year, month = int(view[:4]), int(view[4:6] or 1)
    if len(view) == YEAR_DIGITS:
        return _unix_s(year + 1, 1)
    if len(view) == MONTH_DIGITS:
        return _unix_s(year + month // 12, month % 12 + 1)
    start = datetime(year, month, int(view[6:8]), int(view[8:] or 0), tzinfo=UTC)
    length = timedelta(days=1) if len(view) == DAY_DIGITS else timedelta(hours=1)
    return start.timestamp() + length.total_seconds()


def _unix_s(year: int, month: int) -> float:
    if year > MAXYEAR:
        return float("inf")
    return datetime(year, month, 1, tzinfo=UTC).timestamp()
