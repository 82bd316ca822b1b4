"""Times as sources write them, in text or as numbers, become whole numbers of some unit.

Text is read by the field's layout; a number counts units from the epoch. Both become billionths of
something, `wholes` times 10^9 plus `parts`, and one exact linear function turns these into what is
stored, rounded towards the past. Nothing goes through a float, and what does not fit 64 bits on the
way takes Python's integers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from msgspec import Raw

from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema
from bitbrook.schema.limits import TIME_MAX_S, TIME_MIN_S
from bitbrook.sources.config import NANOSECONDS_A_SECOND, FieldConfig
from bitbrook.sources.convert import Converted, nullable
from bitbrook.sources.faults import Fault, Faults
from bitbrook.sources.layouts import Layout
from bitbrook.sources.number_kernels import parse_integers
from bitbrook.sources.tokens import Tokens, tokens_of
from bitbrook.sources.values import LeafKind

Numbers = npt.NDArray[np.int64]

_BILLION = 10**9


@dataclass(frozen=True, slots=True)
class Linear:
    """floor((x * multiplier + offset) / divisor), exactly."""

    multiplier: int
    offset: int
    divisor: int

    def apply(self, wholes: Numbers, parts: Numbers) -> list[int] | Numbers:
        """Return the function of x = wholes * 10^9 + parts, as int64[n] or, if too big, ints."""
        if parts.any():
            return _apply(self, wholes, parts)
        return _apply(Linear(self.multiplier * _BILLION, self.offset, self.divisor), wholes, None)


class TimeConverter:
    """Texts by a layout and numbers of units, as int64."""

    kind: LeafKind = LeafKind.TOKEN
