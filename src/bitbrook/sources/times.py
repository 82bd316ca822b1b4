"""Times as sources write them, in text or as numbers, become whole numbers of some unit.

Text is read by the field's layout; a number counts units from the epoch. Both become billionths of
something, `wholes` times 10^9 plus `parts`, and one exact linear function turns these into what is
stored, rounded towards the past. Nothing goes through a float, and what does not fit 64 bits on the
way takes Python's integers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from msgspec import Raw

from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema
from bitbrook.schema.limits import TIME_MAX_S, TIME_MIN_S
from bitbrook.sources.advice import Advice, within
from bitbrook.sources.config import NANOSECONDS_A_SECOND, FieldConfig
from bitbrook.sources.convert import Converted, nullable
from bitbrook.sources.faults import Fault, Faults
from bitbrook.sources.layouts import Layout
from bitbrook.sources.number_kernels import split_numbers
from bitbrook.sources.tokens import Tokens, tokens_of
from bitbrook.sources.values import LeafKind

Numbers = npt.NDArray[np.int64]

_BILLION = 10**9
_YEAR_ONE = datetime(1, 1, 1)  # noqa: DTZ001 - only to write moments out, all of them in UTC


@dataclass(frozen=True, slots=True)
class Linear:
    """floor((x * multiplier + offset) / divisor), exactly. Multiplier and divisor exceed zero."""

    multiplier: int
    offset: int
    divisor: int

    def apply(self, wholes: Numbers, parts: Numbers) -> npt.NDArray[Any]:
        """Return the function of x = wholes * 10^9 + parts, the parts in [0, 10^9).

        int64[n] or, if 64 bits may not hold every step, object[n] of int.
        """
        common = math.gcd(self.multiplier, self.divisor, self.offset)
        multiplier, offset = self.multiplier // common, self.offset // common
        divisor = self.divisor // common
        # The whole multiples of the divisor are taken out first: mostly nothing is left of wholes.
        by_whole, rest_by_whole = divmod(multiplier * _BILLION, divisor)
        start, rest_start = divmod(offset, divisor)
        size = max(abs(int(wholes.min(initial=0))), abs(int(wholes.max(initial=0))))
        rest_size = size * rest_by_whole + multiplier * _BILLION + rest_start
        result_size = size * by_whole + abs(start) + rest_size // divisor + 1
        if max(rest_size, result_size, by_whole, divisor) > INT64_MAX:
            wholes, parts = wholes.astype(np.object_), parts.astype(np.object_)
        rest = wholes * rest_by_whole + parts * multiplier + rest_start
        result: npt.NDArray[Any] = wholes * by_whole + start + rest // divisor
        return result


class TimeConverter:
    """Texts by a layout and numbers of units, as int64."""

    kind: LeafKind = LeafKind.TOKEN

    def __init__(
        self,
        config: FieldConfig,
        of_texts: Linear,
        of_numbers: Linear,
        *,
        low: int,
        high: int,
        bounds: tuple[str, str, str],
    ) -> None:
        """Read by `config`; see the class methods.

        `of_texts` takes nanoseconds since the Unix epoch, `of_numbers` billionths of the unit since
        the epoch, to what is stored, which must be in [low, high]; `bounds` are
        these in words, and what they are.
        """
        self._layout = Layout(config.layout)
        self._reads_numeric_text = config.reads_numeric_text
        self._of_texts, self._of_numbers = of_texts, of_numbers
        self._low, self._high = low, high
        self.advice: Mapping[Fault, Advice] = {
            Fault.MALFORMED: Advice(
                "is not a time",
                f"a time in the layout {config.layout!r}, or a number",
                f"send text in the layout {config.layout!r}, or a number",
            ),
            Fault.INEXACT: Advice(
                "has more digits than a time can", "a time of fewer digits", "round it"
            ),
            Fault.OUT_OF_RANGE: within(*bounds),
        }

    @classmethod
    def for_timestamp(cls, field: FieldSchema, config: FieldConfig) -> Self:
        """Return the converter to a timestamp field's units since the Unix epoch."""
        per_second = field.unit.per_second
        low = max(field.min, TIME_MIN_S * per_second)
        high = min(field.max, (TIME_MAX_S + 1) * per_second - 1)
        return cls._of_moments(config, per_second, low, high)

    @classmethod
    def for_record_time(cls, config: FieldConfig, per_second: int = 1) -> Self:
        """Return the converter to a record's time: seconds since the Unix epoch, or finer."""
        low = max(TIME_MIN_S * per_second, INT64_MIN)
        high = min((TIME_MAX_S + 1) * per_second - 1, INT64_MAX)
        return cls._of_moments(config, per_second, low, high)

    @classmethod
    def for_date_int(cls, field: FieldSchema, config: FieldConfig) -> Self:
        """Return the converter to an int field's units since the epoch, both of the configuration.

        A number is such a number of units already.
        """
        return cls(
            config,
            Linear(1, -config.epoch_ns, config.unit_ns),
            Linear(1, 0, _BILLION),
            low=field.min,
            high=field.max,
            bounds=(
                str(field.min),
                f"{field.max} units since the epoch",
                "the range of the field",
            ),
        )

    @classmethod
    def _of_moments(cls, config: FieldConfig, per_second: int, low: int, high: int) -> Self:
        of_numbers = Linear(
            config.unit_ns * per_second,
            config.epoch_ns * _BILLION * per_second,
            _BILLION * NANOSECONDS_A_SECOND,
        )
        earliest, latest = _written(low // per_second), _written(high // per_second)
        bounds = (earliest, latest, "the times that can be stored")
        of_texts = Linear(per_second, 0, NANOSECONDS_A_SECOND)
        return cls(config, of_texts, of_numbers, low=low, high=high, bounds=bounds)

    def convert(self, leaves: list[Raw]) -> Converted:
        """Return int64 times."""
        tokens = tokens_of(leaves)
        are_texts = tokens.are_texts()
        if not are_texts.any():
            return nullable(*self._read_numbers(tokens))
        stored, faults = self._read_texts(tokens)
        are_numbers = ~are_texts
        if self._reads_numeric_text:
            are_numbers |= faults == Fault.MALFORMED
        if are_numbers.any():
            number_stored, number_faults = self._read_numbers(tokens)
            stored = np.where(are_numbers, number_stored, stored)
            faults = np.where(are_numbers, number_faults, faults)
        return nullable(stored, faults)

    def _read_texts(self, tokens: Tokens) -> tuple[Numbers, Faults]:
        seconds, nanoseconds, faults = self._layout.parse(tokens)
        return self._within(self._of_texts.apply(seconds, nanoseconds), faults)

    def _read_numbers(self, tokens: Tokens) -> tuple[Numbers, Faults]:
        wholes, parts, faults = split_numbers(tokens)
        return self._within(self._of_numbers.apply(wholes, parts), faults)

    def _within(self, stored: npt.NDArray[Any], faults: Faults) -> tuple[Numbers, Faults]:
        """Return what is stored, with a fault where it is out of range and no other is."""
        are_outside = ((stored < self._low) | (stored > self._high)).astype(np.bool_)
        if are_outside.any():
            stored[are_outside] = 0
            faults[are_outside & (faults == Fault.NONE)] = Fault.OUT_OF_RANGE
        return stored.astype(np.int64, copy=False), faults


def _written(seconds: int) -> str:
    """Return a moment of the years 1 to 9999 as RFC 3339 text."""
    return f"{(_YEAR_ONE + timedelta(seconds=seconds - TIME_MIN_S)).isoformat()}Z"
