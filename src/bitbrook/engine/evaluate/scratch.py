"""A number for every position of a shard, to be written and read within one step of a question.

Four megabytes that a thread has once and for all: fresh memory would cost as much as the step.
"""

import threading

import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.word_kernels import SHARD_WIDTH

_own = threading.local()


def scratch_numbers() -> npt.NDArray[np.uint32]:
    """Return a number (uint32[2^20]) for each position, of any content: this thread's own.

    Whoever calls it next on the thread has the same array.
    """
    found: npt.NDArray[np.uint32] | None = getattr(_own, "numbers", None)
    if found is None:
        found = _own.numbers = np.empty(SHARD_WIDTH, dtype=np.uint32)
    return found
