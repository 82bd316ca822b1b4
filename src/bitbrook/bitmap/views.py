"""Names of the views of a time field: 2024, 202405, 20240506, 2024050607.

A view is named by the start of its period in UTC, one for each unit of the field's quantum (`YMDH`
or some neighbouring letters of it), so that a name begins with the names of the views around it.
Source: the time quantums of FeatureBase's data model. Knows nothing of what a view holds.
"""

from collections.abc import Collection, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64] | slice
TimesS = npt.NDArray[np.int64]

DIGITS = {"Y": 4, "M": 6, "D": 8, "H": 10}
NUMPY_UNITS = {"Y": "Y", "M": "M", "D": "D", "H": "h"}


def view_names(quantum: str, time_s: int) -> list[str]:
    """Return the views that hold the Unix second, one a unit of the quantum, coarse to fine."""
    moment = _digits(np.int64(time_s).astype("M8[s]"))
    return [moment[: DIGITS[unit]] for unit in quantum]


def views_by_time(quantum: str, times_s: TimesS) -> Iterator[tuple[str, Index]]:
    """Give each view that holds some of the Unix seconds, and the indices of those."""
    if len(times_s) == 0:
        return
    times = times_s.astype("M8[s]")
    for unit in quantum:
        periods = times.astype(f"M8[{NUMPY_UNITS[unit]}]").astype(np.int64)
        first = int(periods[0])
        if bool(np.all(periods == first)):
            yield _name(first, unit), slice(None)
            continue
        # Stable, so that the indices of one view ascend.
        order = np.argsort(periods, kind="stable")
        ordered = periods[order]
        starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        bounds = [0, *starts.tolist(), len(order)]
        for start, stop in pairwise(bounds):
            yield _name(int(ordered[start]), unit), order[start:stop]


def views_for_range(
    quantum: str, from_s: int | None, to_s: int | None, existing: Collection[str]
) -> list[str]:
    """Return the fewest of the existing views that together hold what the range selects, by name.

    Selected are the periods of the quantum's finest unit that overlap [from_s, to_s); None leaves
    an end open. A view within the range stands for all finer ones of its period.
    """
    finest = quantum[-1]
    start = -np.inf if from_s is None else _period(from_s, finest)
    stop = np.inf if to_s is None else _period(to_s - 1, finest) + 1
    if stop <= start or (from_s is not None and to_s is not None and to_s <= from_s):
        return []
    chosen: set[str] = set()
    for name in sorted(existing, key=len):
        unit = _unit(name)
        is_covered = any(name[:length] in chosen for length in DIGITS.values())
        if unit in quantum and not is_covered:
            first = _start(name, unit)
            # Periods of the finest unit: [first, last) is what the view stands for.
            begins = int(first.astype(f"M8[{NUMPY_UNITS[finest]}]").astype(np.int64))
            ends = int((first + 1).astype(f"M8[{NUMPY_UNITS[finest]}]").astype(np.int64))
            if start <= begins and ends <= stop:
                chosen.add(name)
    return sorted(chosen)


def finest_views(quantum: str, existing: Collection[str]) -> list[tuple[str, int]]:
    """Return the existing views of the quantum's finest unit, by name, and when each starts.

    That is a Unix second.
    """
    unit = quantum[-1]
    names = sorted(name for name in existing if len(name) == DIGITS[unit])
    return [(name, int(_start(name, unit).astype("M8[s]").astype(np.int64))) for name in names]


def _period(time_s: int, unit: str) -> int:
    """Return the number of the period that holds the Unix second."""
    return int(np.int64(time_s).astype("M8[s]").astype(f"M8[{NUMPY_UNITS[unit]}]").astype(np.int64))


def _name(period: int, unit: str) -> str:
    return _digits(np.int64(period).astype(f"M8[{NUMPY_UNITS[unit]}]"))[: DIGITS[unit]]


def _digits(moment: np.datetime64) -> str:
    """Return year, month, day and hour as digits."""
    text = str(moment.astype("M8[h]"))
    return text.replace("-", "").replace("T", "")


def _unit(name: str) -> str:
    return "YMDH"[len(name) // 2 - 2]


def _start(name: str, unit: str) -> np.datetime64:
    """Return the start of a view's period, in the view's unit."""
    text = f"{name[:4]}-{name[4:6] or '01'}-{name[6:8] or '01'}T{name[8:] or '00'}"
    start: np.datetime64 = np.datetime64(text).astype(f"M8[{NUMPY_UNITS[unit]}]")
    return start
