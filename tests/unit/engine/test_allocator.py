"""Freed memory goes back to the system, and threads share arenas, in a process that did neither.

A process of its own frees scattered small blocks below others that stay, which the C library keeps
by itself, and looks at its resident memory before and after; another counts the C library's arenas
after many threads have allocated at once.
"""

import subprocess
import sys

FREE_AND_GIVE_BACK = """
from pathlib import Path
from pyroaring import BitMap
from bitbrook.engine.allocator import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

bitmaps = [BitMap(range(0, 65_536, 40)) for _ in range(20_000)]
last = bitmaps.pop()
full = resident()
del bitmaps[::2], bitmaps[:]
kept = resident()
give_back()
print(full, kept, resident())
"""

COUNT_ARENAS = """
import ctypes, re, threading
from bitbrook.engine.allocator import ARENAS_MAX, bound_arenas

bound_arenas()
barrier = threading.Barrier(8)

def allocate():
    barrier.wait()
    held = [bytearray(5_000) for _ in range(2_000)]
    barrier.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.tmpfile.restype = ctypes.c_void_p
libc.fseek.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_int]
libc.fread.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
file = libc.tmpfile()
libc.malloc_info(0, file)
libc.fseek(file, 0, 0)
told = ctypes.create_string_buffer(1 << 20)
libc.fread(told, 1, 1 << 20, file)
print(len(re.findall(b"<heap nr", told.value)), ARENAS_MAX)
"""


def numbers_of(program: str) -> list[int]:
    """What a program prints in a process of its own."""
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return [int(word) for word in run.stdout.split()]


def test_freed_memory_is_given_back() -> None:
    full, kept, after = numbers_of(FREE_AND_GIVE_BACK)
    assert after < full - 50_000_000
    assert after <= kept


def test_threads_share_few_arenas() -> None:
    arenas, arenas_max = numbers_of(COUNT_ARENAS)
    assert 1 <= arenas <= arenas_max
