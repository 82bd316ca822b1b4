"""What the C library keeps of freed memory, bounded, and given back after checkpoints.

Other C libraries than GNU's are left as they are. Knows nothing of what memory is used for.
"""

import ctypes
import ctypes.util
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
