"""Numbers and booleans are read from their text exactly, or have the fault that they deserve.

Tried with every form a number can take, digits beyond 64 bits, zeros at both ends, exponents that
no memory could hold, and random decimals against Python's exact fractions.
"""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, UINT64_MAX
from bitbrook.sources.faults import Fault
from bitbrook.sources.number_kernels import (
    parse_booleans,
    parse_integers,
    parse_unsigned,
    split_numbers,
)
from bitbrook.sources.tokens import tokens_of


def parse(text: str, scale: int = 0, low: int = INT64_MIN, high: int = INT64_MAX) -> int | Fault:
    numbers, faults = parse_integers(tokens_of([Raw(text)]), scale=scale, low=low, high=high)
    return int(numbers[0]) if faults[0] == Fault.NONE else Fault(int(faults[0]))


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("0", 0, 0),
        ("-0", 0, 0),
        ("0.000", 0, 0),
        ("10", 0, 10),
        ('"10"', 0, 10),
        ('"+10"', 0, 10),
        ('"007"', 0, 7),
        ("1e3", 0, 1000),
        ("1.5E+1", 0, 15),
        ("1500e-2", 0, 15),
        ("10.0", 0, 10),
        ("10.5", 0, Fault.INEXACT),
        ("10.5", 1, 105),
        ("5.1", 2, 510),
        ('".5"', 1, 5),
        ('"5."', 1, 50),
        ("-5.10", 1, -51),
        ("5.11", 1, Fault.INEXACT),
        ("1e-19", 18, Fault.INEXACT),
        ("9.223372036854775807", 18, INT64_MAX),
        ("-9.223372036854775808", 18, INT64_MIN),
        ("9.223372036854775808", 18, Fault.OUT_OF_RANGE),
        (str(INT64_MAX), 0, INT64_MAX),
        (str(INT64_MIN), 0, INT64_MIN),
        (str(INT64_MAX + 1), 0, Fault.OUT_OF_RANGE),
        (str(INT64_MIN - 1), 0, Fault.OUT_OF_RANGE),
        ("1" + "0" * 400, 0, Fault.OUT_OF_RANGE),
        ("1" + "0" * 400 + "e-400", 0, 1),
        ("0." + "0" * 400 + "1e401", 0, 1),
        ("0e999999999999999999999", 0, 0),
        ("1e999999999999999999999", 0, Fault.OUT_OF_RANGE),
        ("1e-999999999999999999999", 0, Fault.INEXACT),
        ("1" * 30, 0, Fault.OUT_OF_RANGE),
        ("null", 0, Fault.MISSING),
        ('"null"', 0, Fault.MALFORMED),
        ("true", 0, Fault.MALFORMED),
        ("{}", 0, Fault.MALFORMED),
        ("[1]", 0, Fault.MALFORMED),
        ('""', 0, Fault.MALFORMED),
        ('"-"', 0, Fault.MALFORMED),
        ('"."', 0, Fault.MALFORMED),
        ('"e5"', 0, Fault.MALFORMED),
        ('"1e"', 0, Fault.MALFORMED),
        ('"1e+"', 0, Fault.MALFORMED),
        ('"1.2.3"', 0, Fault.MALFORMED),
        ('" 1"', 0, Fault.MALFORMED),
        ('"--1"', 0, Fault.MALFORMED),
        ('"0x10"', 0, Fault.MALFORMED),
        ('"NaN"', 0, Fault.MALFORMED),
        ('"Infinity"', 0, Fault.MALFORMED),
        ('"\\u0031\\u0030"', 0, 10),
    ],
)
def test_each_form_of_a_number(text: str, scale: int, expected: int | Fault) -> None:
    assert parse(text, scale) == expected


def test_bounds_are_of_the_stored_number() -> None:
    assert parse("1.50", scale=2, low=150, high=150) == 150
    assert parse("1.49", scale=2, low=150, high=150) is Fault.OUT_OF_RANGE
    assert parse("1.51", scale=2, low=150, high=150) is Fault.OUT_OF_RANGE


@given(st.integers(-(2**70), 2**70), st.integers(-25, 25), st.integers(0, 18))
def test_integers_are_exact(mantissa: int, exponent: int, scale: int) -> None:
    exact = mantissa * Fraction(10) ** (exponent + scale)
    if exact.denominator != 1:
        expected: int | Fault = Fault.INEXACT
    else:
        is_within = INT64_MIN <= exact <= INT64_MAX
        expected = int(exact) if is_within else Fault.OUT_OF_RANGE
    assert parse(f"{mantissa}e{exponent}", scale) == expected


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4
    )
)
def test_plain_decimals_are_exact(number: object) -> None:
    expected = Fraction(str(number)) * 10**4
    assert parse(f"{number:f}", 4) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ('"-0"', 0),
        (str(UINT64_MAX), UINT64_MAX),
        (f'"{UINT64_MAX}"', UINT64_MAX),
        (str(UINT64_MAX + 1), Fault.OUT_OF_RANGE),
        ("-1", Fault.OUT_OF_RANGE),
        ("1.5", Fault.INEXACT),
        ("1e19", 10**19),
        ("2e19", Fault.OUT_OF_RANGE),
        ("null", Fault.MISSING),
        ('"x"', Fault.MALFORMED),
    ],
)
def test_unsigned(text: str, expected: int | Fault) -> None:
    numbers, faults = parse_unsigned(tokens_of([Raw("7"), Raw(text)]))
    assert (numbers[0], faults[0]) == (7, Fault.NONE)
    if isinstance(expected, Fault):
        assert (numbers[1], faults[1]) == (0, expected)
    else:
        assert (int(numbers[1]), faults[1]) == (expected, Fault.NONE)


@given(st.integers(-(2**64) + 1, 2**64 - 1), st.integers(-40, 3))
def test_wholes_and_billionths_are_the_floor(mantissa: int, exponent: int) -> None:
    wholes, parts, faults = split_numbers(tokens_of([Raw(f"{mantissa}e{exponent}")]))
    floor = math.floor(mantissa * Fraction(10) ** (exponent + 9))
    if INT64_MIN <= floor // 10**9 <= INT64_MAX:
        assert faults[0] == Fault.NONE
        assert int(wholes[0]) * 10**9 + int(parts[0]) == floor
        assert 0 <= parts[0] < 10**9
    else:
        assert faults[0] == Fault.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("null", Fault.MISSING),
        ("{}", Fault.MALFORMED),
        ("0.123456789012345678901", Fault.INEXACT),
        ("123456789012345678901", Fault.OUT_OF_RANGE),
        ("1e99", Fault.OUT_OF_RANGE),
    ],
)
def test_what_cannot_be_split(text: str, fault: Fault) -> None:
    wholes, parts, faults = split_numbers(tokens_of([Raw(text)]))
    assert (wholes[0], parts[0], faults[0]) == (0, 0, fault)


def test_booleans() -> None:
    texts = ["true", '"true"', "1", "false", '"false"', "0", "null"]
    wrong = ['"1"', "2", '"True"', '""', "{}", "[true]", "1.0", '"yes"']
    booleans, faults = parse_booleans(tokens_of([Raw(text) for text in texts + wrong]))
    assert booleans.tolist() == [True] * 3 + [False] * (4 + len(wrong))
    assert faults.tolist() == [0] * 6 + [Fault.MISSING] + [Fault.MALFORMED] * len(wrong)
