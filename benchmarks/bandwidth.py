"""How fast this machine reads memory: the line that no scan can pass."""

import statistics
import threading
import time

import numba
import numpy as np

BYTES = 512 << 20


@numba.njit(nogil=True, fastmath=True, cache=True)
def _add_up(words):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for i in range(len(words)):
        total += words[i]
    return total


def bytes_per_s(turns: int = 7) -> float:
    """Return the median speed at which two threads add up 512 MiB of integers."""
    halves = np.split(np.ones(BYTES // 8, dtype=np.int64), 2)
    seconds = []
    for _ in range(turns + 1):
        started = time.perf_counter()
        threads = [threading.Thread(target=_add_up, args=(half,)) for half in halves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds.append(time.perf_counter() - started)
    return BYTES / statistics.median(seconds[1:])
