"""Numbers and booleans read from the bytes of tokens, exactly.

A number is `[+-] digits [. digits] [e [+-] digits]` with at least one digit before the exponent,
bare or in quotes, and stands for exactly what it says: `1e3` and `1000.0` are the integer 1000,
`10.5` is none. The value times ten to the `scale` is what is stored. A column is read without the
interpreter lock.
"""

import numba
import numpy as np
import numpy.typing as npt

from bitbrook.sources.faults import Fault, Faults
from bitbrook.sources.tokens import OCTETS_TYPE, Tokens

_NONE = np.uint8(Fault.NONE)
_MISSING = np.uint8(Fault.MISSING)
_OUT_OF_RANGE = np.uint8(Fault.OUT_OF_RANGE)
_INEXACT = np.uint8(Fault.INEXACT)
_MALFORMED = np.uint8(Fault.MALFORMED)

_QUOTE, _PLUS, _MINUS, _POINT = (np.uint8(ord(character)) for character in '"+-.')
_ZERO, _NINE, _E, _CAPITAL_E, _N = (np.uint8(ord(character)) for character in "09eEn")
_TRUE, _FALSE, _ONE, _NAUGHT = (np.frombuffer(w, np.uint8) for w in (b"true", b"false", b"1", b"0"))

# Exponents beyond this are all alike: any number but zero is then out of range or inexact.
_EXPONENT_MAX = 1 << 40
_UINT64_MAX = np.uint64(2**64 - 1)
_INT64_MAGNITUDE_MAX = np.uint64(2**63 - 1)
_POWERS = np.array([10**power for power in range(20)], dtype=np.uint64)


def parse_integers(
    tokens: Tokens, *, scale: int, low: int, high: int
) -> tuple[npt.NDArray[np.int64], Faults]:
    """Return each number times ten to the `scale` (int64[n], zero where there is a fault).

    Faults: MISSING (null), MALFORMED (no number), INEXACT (digits below the scale), OUT_OF_RANGE
    (the result is not in [low, high]).
    """
    magnitudes, are_negative, faults = _parse_magnitudes(tokens.octets, tokens.bounds, scale)
    numbers: npt.NDArray[np.int64] = _signed(magnitudes, are_negative, faults, low, high)
    return numbers, faults


def parse_unsigned(tokens: Tokens) -> tuple[npt.NDArray[np.uint64], Faults]:
    """Return each whole number (uint64[n], zero where there is a fault).

    Faults: as of `parse_integers`, with the range 0 to 2^64 - 1.
    """
    magnitudes, are_negative, faults = _parse_magnitudes(tokens.octets, tokens.bounds, 0)
    below_zero = are_negative & (magnitudes != 0)
    if below_zero.any():
        faults[below_zero] = _OUT_OF_RANGE
        magnitudes[below_zero] = 0
    return magnitudes, faults


def split_numbers(
    tokens: Tokens,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Faults]:
    """Return the whole part and the billionths of each number (int64[n], zero where faulty).

    The number is wholes + parts / 10^9 with parts in [0, 10^9): rounded towards minus infinity.
    Faults: MISSING, MALFORMED, INEXACT (a fraction whose digits do not fit 64 bits), OUT_OF_RANGE
    (beyond 64 bits).
    """
    wholes: npt.NDArray[np.int64]
    wholes, parts, faults = _split_numbers(tokens.octets, tokens.bounds)
    return wholes, parts, faults


def parse_booleans(tokens: Tokens) -> tuple[npt.NDArray[np.bool_], Faults]:
    """Return each boolean (bool[n], False where there is a fault).

    True is `true`, `"true"` or `1`, false `false`, `"false"` or `0`. Faults: MISSING, MALFORMED.
    """
    booleans: npt.NDArray[np.bool_]
    faults: Faults
    booleans, faults = _parse_booleans(tokens.octets, tokens.bounds)
    return booleans, faults


@numba.njit(f"boolean({OCTETS_TYPE}, int64, int64)", nogil=True, cache=True)
def is_null(octets: npt.NDArray[np.uint8], start: int, stop: int) -> bool:
    """Return whether a token is JSON's null: no other token begins with an n."""
    return stop > start and octets[start] == _N


@numba.njit(
    f"Tuple((uint64, int64, int64, int64, boolean))({OCTETS_TYPE}, int64, int64)",
    nogil=True,
    cache=True,
)
def _parse_digits(
    octets: npt.NDArray[np.uint8], start: int, stop: int
) -> tuple[np.uint64, int, int, int, bool]:
    """Return `digits [. digits]` as magnitude times ten to the power.

    Also how many digits there were, where they end, and whether the magnitude fits 64 bits. The
    magnitude never ends in a zero: zeros are held back until another digit follows, so that a power
    below zero means digits that are really there.
    """
    magnitude = np.uint64(0)
    significant, zeros, digits, digits_after_point, at = 0, 0, 0, 0, start
    is_after_point, fits = False, True
    while at < stop:
        octet = octets[at]
        if _ZERO <= octet <= _NINE:
            digits += 1
            digits_after_point += is_after_point
            if octet == _ZERO:
                zeros += magnitude != 0
            else:
                digit = np.uint64(octet - _ZERO)
                significant += zeros + 1
                if significant <= 19 or (
                    significant == 20 and magnitude <= (_UINT64_MAX - digit) // _POWERS[zeros + 1]
                ):
                    magnitude = magnitude * _POWERS[zeros + 1] + digit
                else:
                    fits = False
                zeros = 0
        elif octet == _POINT and not is_after_point:
            is_after_point = True
        else:
            break
        at += 1
    return magnitude, zeros - digits_after_point, digits, at, fits


@numba.njit(f"UniTuple(int64, 2)({OCTETS_TYPE}, int64, int64)", nogil=True, cache=True)
def _parse_exponent(octets: npt.NDArray[np.uint8], start: int, stop: int) -> tuple[int, int]:
    """Return an exponent and where it ends; the end is -1 if there is none."""
    exponent, at, is_negative = 0, start, False
    if at < stop and (octets[at] == _MINUS or octets[at] == _PLUS):
        is_negative = octets[at] == _MINUS
        at += 1
    first = at
    while at < stop and _ZERO <= octets[at] <= _NINE:
        exponent = min(exponent * 10 + int(octets[at] - _ZERO), _EXPONENT_MAX)
        at += 1
    if at == first:
        return 0, -1
    return (-exponent if is_negative else exponent), at


@numba.njit(
    f"Tuple((uint64, int64, boolean, boolean))({OCTETS_TYPE}, int64, int64)",
    nogil=True,
    cache=True,
)
def _parse_parts(
    octets: npt.NDArray[np.uint8], start: int, stop: int
) -> tuple[np.uint64, int, bool, bool]:
    """Return an unsigned number as magnitude times ten to the power.

    Also whether the magnitude fits 64 bits, and whether it is a number at all.
    """
    magnitude, power, digits, at, fits = _parse_digits(octets, start, stop)
    if digits > 0 and at < stop and (octets[at] == _E or octets[at] == _CAPITAL_E):
        exponent, at = _parse_exponent(octets, at + 1, stop)
        power += exponent
    return magnitude, power, fits, digits > 0 and at == stop


@numba.njit(f"Tuple((uint64, uint8))({OCTETS_TYPE}, int64, int64, int64)", nogil=True, cache=True)
def _parse_magnitude(
    octets: npt.NDArray[np.uint8], start: int, stop: int, scale: int
) -> tuple[np.uint64, np.uint8]:
    """Return an unsigned number times ten to the `scale`, and its fault."""
    magnitude, power, fits, is_number = _parse_parts(octets, start, stop)
    if not is_number:
        return np.uint64(0), _MALFORMED
    power += scale
    if magnitude == 0:
        return magnitude, _NONE
    if power < 0:
        return np.uint64(0), _INEXACT
    if not fits or power > 19:
        return np.uint64(0), _OUT_OF_RANGE
    if power > 0:
        if magnitude > _UINT64_MAX // _POWERS[power]:
            return np.uint64(0), _OUT_OF_RANGE
        magnitude *= _POWERS[power]
    return magnitude, _NONE


@numba.njit(f"Tuple((int64, int64, boolean))({OCTETS_TYPE}, int64, int64)", nogil=True, cache=True)
def _strip(octets: npt.NDArray[np.uint8], start: int, stop: int) -> tuple[int, int, bool]:
    """Return where a number begins and ends without quotes and sign, and whether it is negative."""
    if stop - start >= 2 and octets[start] == _QUOTE:
        start, stop = start + 1, stop - 1
    if start < stop and (octets[start] == _MINUS or octets[start] == _PLUS):
        return start + 1, stop, octets[start] == _MINUS
    return start, stop, False


@numba.njit(
    f"Tuple((uint64[::1], boolean[::1], uint8[::1]))({OCTETS_TYPE}, int64[::1], int64)",
    nogil=True,
    cache=True,
)
def _parse_magnitudes(
    octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64], scale: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_], Faults]:
    count = len(bounds) - 1
    magnitudes = np.zeros(count, dtype=np.uint64)
    are_negative = np.zeros(count, dtype=np.bool_)
    faults = np.zeros(count, dtype=np.uint8)
    for i in range(count):
        start, stop = bounds[i], bounds[i + 1] - 1
        if is_null(octets, start, stop):
            faults[i] = _MISSING
            continue
        start, stop, are_negative[i] = _strip(octets, start, stop)
        magnitudes[i], faults[i] = _parse_magnitude(octets, start, stop, scale)
    return magnitudes, are_negative, faults


@numba.njit(f"boolean({OCTETS_TYPE}, int64, int64, {OCTETS_TYPE})", nogil=True, cache=True)
def equals(
    octets: npt.NDArray[np.uint8], start: int, stop: int, word: npt.NDArray[np.uint8]
) -> bool:
    """Return whether octets[start:stop] is this word."""
    if stop - start != len(word):
        return False
    at = 0
    while at < len(word) and octets[start + at] == word[at]:
        at += 1
    return at == len(word)


@numba.njit(
    "int64[::1](uint64[::1], boolean[::1], uint8[::1], int64, int64)", nogil=True, cache=True
)
def _signed(
    magnitudes: npt.NDArray[np.uint64],
    are_negative: npt.NDArray[np.bool_],
    faults: Faults,
    low: int,
    high: int,
) -> npt.NDArray[np.int64]:
    numbers = np.zeros(len(magnitudes), dtype=np.int64)
    for i in range(len(magnitudes)):
        if faults[i] != _NONE:
            continue
        magnitude = magnitudes[i]
        if magnitude > _INT64_MAGNITUDE_MAX + np.uint64(are_negative[i]):
            faults[i] = _OUT_OF_RANGE
            continue
        # The magnitude of the least integer is its own two's complement.
        number = -np.int64(magnitude) if are_negative[i] else np.int64(magnitude)
        if number < low or number > high:
            faults[i] = _OUT_OF_RANGE
        else:
            numbers[i] = number
    return numbers


@numba.njit(f"Tuple((boolean[::1], uint8[::1]))({OCTETS_TYPE}, int64[::1])", nogil=True, cache=True)
def _parse_booleans(
    octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], Faults]:
    count = len(bounds) - 1
    booleans = np.zeros(count, dtype=np.bool_)
    faults = np.zeros(count, dtype=np.uint8)
    for i in range(count):
        start, stop = bounds[i], bounds[i + 1] - 1
        if is_null(octets, start, stop):
            faults[i] = _MISSING
            continue
        is_true = equals(octets, start, stop, _ONE)
        is_false = equals(octets, start, stop, _NAUGHT)
        if stop - start >= 2 and octets[start] == _QUOTE:
            start, stop = start + 1, stop - 1
        booleans[i] = is_true or equals(octets, start, stop, _TRUE)
        if not booleans[i] and not is_false and not equals(octets, start, stop, _FALSE):
            faults[i] = _MALFORMED
    return booleans, faults


@numba.njit("Tuple((uint64, uint64, boolean))(uint64, int64)", nogil=True, cache=True)
def _split_magnitude(magnitude: np.uint64, places: int) -> tuple[np.uint64, np.uint64, bool]:
    """Return the wholes and billionths of magnitude / 10^places, and whether anything is left."""
    if places <= 9:
        power = _POWERS[places]
        return magnitude // power, magnitude % power * _POWERS[9 - places], False
    if places > 28:
        return np.uint64(0), np.uint64(0), magnitude != 0
    billionths, left = magnitude // _POWERS[places - 9], magnitude % _POWERS[places - 9]
    return billionths // _POWERS[9], billionths % _POWERS[9], left != 0


@numba.njit(f"Tuple((int64, int64, uint8))({OCTETS_TYPE}, int64, int64)", nogil=True, cache=True)
def _split_number(
    octets: npt.NDArray[np.uint8], start: int, stop: int
) -> tuple[np.int64, np.int64, np.uint8]:
    """Return a number's whole part, its billionths and its fault."""
    start, stop, is_negative = _strip(octets, start, stop)
    magnitude, power, fits, is_number = _parse_parts(octets, start, stop)
    if not is_number:
        return np.int64(0), np.int64(0), _MALFORMED
    if not fits and power < 0:
        return np.int64(0), np.int64(0), _INEXACT
    whole, part, is_left = magnitude, np.uint64(0), False
    if power < 0:
        whole, part, is_left = _split_magnitude(magnitude, -power)
    elif magnitude != 0:
        if not fits or power > 19 or magnitude > _UINT64_MAX // _POWERS[power]:
            return np.int64(0), np.int64(0), _OUT_OF_RANGE
        whole = magnitude * _POWERS[power]
    if is_negative and (part != 0 or is_left):
        # Towards minus infinity: one whole further, less what the billionths fall short of it.
        part += np.uint64(is_left)
        whole += np.uint64(1)
        part = _POWERS[9] - part
    if whole > _INT64_MAGNITUDE_MAX + np.uint64(is_negative):
        return np.int64(0), np.int64(0), _OUT_OF_RANGE
    return (-np.int64(whole) if is_negative else np.int64(whole)), np.int64(part), _NONE


@numba.njit(
    f"Tuple((int64[::1], int64[::1], uint8[::1]))({OCTETS_TYPE}, int64[::1])",
    nogil=True,
    cache=True,
)
def _split_numbers(
    octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Faults]:
    count = len(bounds) - 1
    wholes = np.zeros(count, dtype=np.int64)
    parts = np.zeros(count, dtype=np.int64)
    faults = np.zeros(count, dtype=np.uint8)
    for i in range(count):
        start, stop = bounds[i], bounds[i + 1] - 1
        if is_null(octets, start, stop):
            faults[i] = _MISSING
            continue
        wholes[i], parts[i], faults[i] = _split_number(octets, start, stop)
    return wholes, parts, faults
