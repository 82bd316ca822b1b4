"""What can be wrong with a value, in an array beside its column.

`Fault.NONE` is zero, so that a column without faults is `not faults.any()`, and the others are
ordered from harmless to grave: of a list's faults the greatest is its record's.
"""

import enum

import numpy as np
import numpy.typing as npt

Faults = npt.NDArray[np.uint8]
"""One Fault a record: uint8[n]."""


class Fault(enum.IntEnum):
    """Why a value is not stored. MISSING is an error only where fields may not be missing."""

    NONE = 0
    MISSING = 1
    OUT_OF_RANGE = 2
    INEXACT = 3
    TOO_LONG = 4
    MALFORMED = 5
