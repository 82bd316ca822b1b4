"""What the C library keeps of freed memory, bounded, and given back after checkpoints.

Measured by resident bytes a record of ten million (four decimals and a mutex, 10 counted), loaded
in batches of 100,000: with an arena for each thread 28, with two 25, and given back after that 19
(of a table of seven fields, 35 counted: 94, 88, 63); questions took as long. Left as they are:
fixing the thresholds for trimming and mapping, which gave 20 but made an answer of 100,000 records
take 14 ms instead of 3, since its arrays were mapped anew each time; and Arrow's pool, the
system's being no smaller. To give back a gigabyte's heap takes 15 ms, without the interpreter lock.
Other C libraries than GNU's are left as they are. Knows nothing of what memory is used for.
"""

import ctypes
import sys
from typing import Final

import pyarrow as pa

ARENAS_MAX: Final = 2

_M_ARENA_MAX: Final = -8
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def bound_arenas() -> None:
    """Let all threads share a few arenas. Due before the first of them allocates much."""
    if _libc is not None and hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, ARENAS_MAX)


def give_back() -> None:
    """Give the pages of freed memory back to the system."""
    pa.default_memory_pool().release_unused()
    if _libc is not None and hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
