"""Reads one element of a layout from every text of a column.

Each kernel takes the bytes of the column and `spans` (int64[2, n]: where each text is to be read
on, -1 once it does not fit, and where it ends), moves the first behind what it read and puts
numbers into a slot (int64[n]). They run without the interpreter lock. One element for all texts,
not all elements for one text: loops without calls take 0.13 us a text in RFC 3339, an interpreter
of steps took 0.45. Knows nothing of how layouts are written.
"""

import enum

import numba
import numpy as np
import numpy.typing as npt

from bitbrook.sources.number_kernels import equals
from bitbrook.sources.tokens import OCTETS_TYPE

Octets = npt.NDArray[np.uint8]
Column = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int64]
Slots = npt.NDArray[np.int64]


class Slot(enum.IntEnum):
    """What an element of a layout tells; a row of int64[len(Slot), n], -1 if nothing told it."""

    YEAR = 0
    MONTH = 1
    DAY = 2
    DAY_OF_YEAR = 3
    HOUR = 4
    MINUTE = 5
    SECOND = 6
    NANOSECOND = 7
    IS_AFTERNOON = 8
    OFFSET_S = 9
    WEEKDAY = 10


_MONTHS = "january february march april may june july august september october november december"
_WEEKDAYS = "sunday monday tuesday wednesday thursday friday saturday"


def _names(words: str, length: int | None = None) -> Octets:
    """Return names as rows of bytes that zeros fill up."""
    return np.array(
        [list(word[:length].encode().ljust(10, b"\0")) for word in words.split()], dtype=np.uint8
    )


LONG_MONTHS, SHORT_MONTHS = _names(_MONTHS), _names(_MONTHS, 3)
LONG_WEEKDAYS, SHORT_WEEKDAYS = _names(_WEEKDAYS), _names(_WEEKDAYS, 3)

_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])
_DAYS_TO_1970 = 719_162

_PLUS, _MINUS, _BLANK, _COLON = (np.uint8(ord(character)) for character in "+- :")
_POINT, _COMMA, _ZERO, _NINE = (np.uint8(ord(character)) for character in ".,09")
_A, _T, _Z = (np.uint8(ord(character)) for character in "ATZ")
_CHST, _MEST, _UTC, _GMT, _WITA = (
    np.frombuffer(name, dtype=np.uint8) for name in (b"ChST", b"MeST", b"UTC", b"GMT", b"WITA")
)


@numba.njit(f"void({OCTETS_TYPE}, int64[:, ::1], {OCTETS_TYPE})", nogil=True, cache=True)
def read_literal(octets: Octets, spans: Spans, literal: Octets) -> None:
    """Read text as it stands in the layout; a run of blanks stands for any other."""
    at, stops = spans
    for i in range(len(at)):
        here, stop = at[i], stops[i]
        expected = 0
        while here >= 0 and expected < len(literal):
            if literal[expected] == _BLANK:
                if here < stop and octets[here] != _BLANK:
                    here = -1
                    break
                while expected < len(literal) and literal[expected] == _BLANK:
                    expected += 1
                while here < stop and octets[here] == _BLANK:
                    here += 1
            elif here < stop and octets[here] == literal[expected]:
                expected += 1
                here += 1
            else:
                here = -1
        at[i] = here


@numba.njit(f"void({OCTETS_TYPE}, int64[:, ::1], int64)", nogil=True, cache=True)
def read_blanks(octets: Octets, spans: Spans, most: int) -> None:
    """Read up to `most` blanks."""
    at, stops = spans
    for i in range(len(at)):
        here = at[i]
        if here >= 0:
            end = min(stops[i], here + most)
            while here < end and octets[here] == _BLANK:
                here += 1
            at[i] = here


@numba.njit(
    f"void({OCTETS_TYPE}, int64[:, ::1], int64[::1], int64[::1])",
    nogil=True,
    cache=True,
)
def read_number(octets: Octets, spans: Spans, slot: Column, bounds: Column) -> None:
    """Read a number; `bounds`: fewest and most digits, least and greatest number."""
    fewest, most, low, high = bounds
    at, stops = spans
    for i in range(len(at)):
        here = at[i]
        if here >= 0:
            end = min(stops[i], here + most)
            number = 0
            while here < end and _ZERO <= octets[here] <= _NINE:
                number = number * 10 + int(octets[here] - _ZERO)
                here += 1
            fits = here - at[i] >= fewest and low <= number <= high
            slot[i] = number
            at[i] = here if fits else -1


@numba.njit(
    f"void({OCTETS_TYPE}, int64[:, ::1], int64[::1], uint8[:, ::1])",
    nogil=True,
    cache=True,
)
def read_name(octets: Octets, spans: Spans, slot: Column, names: Octets) -> None:
    """Read one of the names in any case; the slot gets its number, from 1."""
    at, stops = spans
    for i in range(len(at)):
        here, at[i] = at[i], -1
        for name in range(len(names) if here >= 0 else 0):
            length = 0
            # Setting bit 5 makes a letter small. No other byte above A becomes a letter by it.
            while (
                names[name, length] != 0
                and here + length < stops[i]
                and octets[here + length] >= _A
                and octets[here + length] | 0x20 == names[name, length]
            ):
                length += 1
            if names[name, length] == 0:
                slot[i] = name + 1
                at[i] = here + length
                break


@numba.njit(f"void({OCTETS_TYPE}, int64[:, ::1], int64[::1], int64)", nogil=True, cache=True)
def read_fraction(octets: Octets, spans: Spans, slot: Column, digits: int) -> None:
    """Read a point or comma and exactly `digits` digits as nanoseconds.

    `digits` of zero: any number of them, or no fraction. Digits beyond the ninth are cut off.
    """
    at, stops = spans
    for i in range(len(at)):
        here, stop = at[i], stops[i]
        if here < 0:
            continue
        nanoseconds, place = 0, 100_000_000
        if here < stop and (octets[here] == _POINT or octets[here] == _COMMA):
            here += 1
            while (
                here < stop
                and _ZERO <= octets[here] <= _NINE
                and (digits == 0 or here - at[i] <= digits)
            ):
                nanoseconds += int(octets[here] - _ZERO) * place
                place //= 10
                here += 1
        read = here - at[i] - 1
        is_whole = read > 0 if digits == 0 else read == digits
        if is_whole:
            slot[i], at[i] = nanoseconds, here
        elif digits != 0:
            at[i] = -1


@numba.njit(
    f"void({OCTETS_TYPE}, int64[:, ::1], int64[::1], {OCTETS_TYPE})",
    nogil=True,
    cache=True,
)
def read_half_day(octets: Octets, spans: Spans, slot: Column, letters: Octets) -> None:
    """Read the second or the first of three letters, then the third: AM or PM."""
    at, stops = spans
    for i in range(len(at)):
        here, at[i] = at[i], -1
        if here >= 0 and here + 2 <= stops[i] and octets[here + 1] == letters[2]:
            slot[i] = octets[here] == letters[1]
            if slot[i] or octets[here] == letters[0]:
                at[i] = here + 2


@numba.njit(
    f"void({OCTETS_TYPE}, int64[:, ::1], int64[::1], int64[::1])",
    nogil=True,
    cache=True,
)
def read_offset(octets: Octets, spans: Spans, slot: Column, form: Column) -> None:
    """Read an offset from UTC: a sign and hours, or hours and minutes, or also seconds.

    `form`: how many of the three parts, whether colons part them, whether a Z may stand for zero.
    """
    parts, has_colons, takes_z = form
    at, stops = spans
    for i in range(len(at)):
        here, stop = at[i], stops[i]
        at[i] = -1
        if here < 0 or here >= stop:
            continue
        if takes_z and octets[here] == _Z:
            at[i] = here + 1
            continue
        sign = 1 if octets[here] == _PLUS else -1
        fits = octets[here] == _PLUS or octets[here] == _MINUS
        offset_s, part_s = 0, 3600
        here += 1
        for part in range(parts):
            if part > 0 and has_colons:
                fits = fits and here < stop and octets[here] == _COLON
                here += 1
            fits = fits and here + 2 <= stop
            fits = fits and _ZERO <= octets[here] <= _NINE and _ZERO <= octets[here + 1] <= _NINE
            if not fits:
                break
            number = int(octets[here] - _ZERO) * 10 + int(octets[here + 1] - _ZERO)
            fits = number <= (60 if part > 0 else 24)
            offset_s += number * part_s
            part_s //= 60
            here += 2
        if fits:
            slot[i], at[i] = sign * offset_s, here


@numba.njit(f"UniTuple(int64, 2)({OCTETS_TYPE}, int64, int64)", nogil=True, cache=True)
def _read_signed_hours(octets: Octets, here: int, stop: int) -> tuple[int, int]:
    """Return the hours of `+n` or `-n`, n being at most 23, and where they end; else 0 and -1."""
    if here >= stop or (octets[here] != _PLUS and octets[here] != _MINUS):
        return 0, -1
    hours, end = 0, here + 1
    while end < stop and _ZERO <= octets[end] <= _NINE and hours <= 23:
        hours = hours * 10 + int(octets[end] - _ZERO)
        end += 1
    if end == here + 1 or hours > 23:
        return 0, -1
    return (hours if octets[here] == _PLUS else -hours), end


@numba.njit(f"boolean({OCTETS_TYPE}, int64, int64, {OCTETS_TYPE})", nogil=True, cache=True)
def _begins_with(octets: Octets, here: int, stop: int, word: Octets) -> bool:
    return here + len(word) <= stop and equals(octets, here, here + len(word), word)


@numba.njit(f"int64({OCTETS_TYPE}, int64, int64)", nogil=True, cache=True)
def _end_of_abbreviation(octets: Octets, here: int, stop: int) -> int:
    """Return where a zone's abbreviation ends, -1 if there is none."""
    if _begins_with(octets, here, stop, _CHST) or _begins_with(octets, here, stop, _MEST):
        return here + 4
    if _begins_with(octets, here, stop, _UTC):
        return here + 3
    end = here
    while end < stop and end - here < 6 and _A <= octets[end] <= _Z:
        end += 1
    length = end - here
    if length == 3 or (length == 4 and _begins_with(octets, here, stop, _WITA)):
        return end
    return end if 4 <= length <= 5 and octets[end - 1] == _T else -1


@numba.njit(f"void({OCTETS_TYPE}, int64[:, ::1], int64[::1])", nogil=True, cache=True)
def read_zone(octets: Octets, spans: Spans, slot: Column) -> None:
    """Read a zone's abbreviation: `GMT+n`, `+n`, or three to five letters."""
    at, stops = spans
    for i in range(len(at)):
        here, stop = at[i], stops[i]
        at[i] = -1
        if here < 0 or stop - here < 3:
            continue
        if _begins_with(octets, here, stop, _GMT):
            hours, end = _read_signed_hours(octets, here + 3, stop)
            slot[i] = hours * 3600
            at[i] = end if end > 0 else here + 3
        elif octets[here] == _PLUS or octets[here] == _MINUS:
            at[i] = _read_signed_hours(octets, here, stop)[1]
        else:
            at[i] = _end_of_abbreviation(octets, here, stop)


@numba.njit("boolean(int64)", nogil=True, cache=True)
def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@numba.njit("UniTuple(int64, 2)(int64, int64)", nogil=True, cache=True)
def _date_of(day_of_year: int, leap_day: int) -> tuple[int, int]:
    """Return month and day of the month of a day of the year that is in 1 to 365 + leap_day."""
    month = 1
    while day_of_year > _DAYS_BEFORE[month] + (leap_day if month >= 2 else 0):
        month += 1
    return month, day_of_year - _DAYS_BEFORE[month - 1] - (leap_day if month > 2 else 0)


@numba.njit("void(int64[::1], int64[:, ::1], int64[::1])", nogil=True, cache=True)
def settle(at: Column, slots: Slots, seconds: Column) -> None:
    """Put the Unix seconds of what the slots tell; `at` becomes -1 where they tell no moment.

    The slots of nanoseconds and of the offset hold numbers; of the others -1 is what was not told.
    """
    for i in range(len(at)):
        if at[i] < 0:
            continue
        year, month, day = max(slots[Slot.YEAR, i], 0), slots[Slot.MONTH, i], slots[Slot.DAY, i]
        leap_day = 1 if _is_leap(year) else 0
        day_of_year = slots[Slot.DAY_OF_YEAR, i]
        if day_of_year >= 0:
            is_in_year = 1 <= day_of_year <= 365 + leap_day
            of_month, of_day = _date_of(day_of_year if is_in_year else 1, leap_day)
            disagrees = (month >= 0 and month != of_month) or (day >= 0 and day != of_day)
            if disagrees or not is_in_year:
                at[i] = -1
            month, day = of_month, of_day
        month, day = max(month, 1), (day if day >= 0 else 1)
        days = _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (leap_day if month == 2 else 0)
        if day < 1 or day > days:
            at[i] = -1
        days = year * 365 + _DAYS_BEFORE[month - 1] + (leap_day if month > 2 else 0) + day
        before = year - 1  # whole years since the start of the year 1; the year 0 is a leap year
        days += before // 4 - before // 100 + before // 400 - 366 - _DAYS_TO_1970
        hour = max(slots[Slot.HOUR, i], 0)
        if slots[Slot.IS_AFTERNOON, i] == 1 and hour < 12:
            hour += 12
        elif slots[Slot.IS_AFTERNOON, i] == 0 and hour == 12:
            hour = 0
        minutes = hour * 60 + max(slots[Slot.MINUTE, i], 0)
        of_day_s = minutes * 60 + max(slots[Slot.SECOND, i], 0)
        seconds[i] = days * 86_400 + of_day_s - slots[Slot.OFFSET_S, i]
