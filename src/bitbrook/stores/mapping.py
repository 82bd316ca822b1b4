"""Bytes of a file in memory that the kernel can take back: mapped, private to this process.

Pages that nobody wrote to are the file's own and are dropped when memory is short; a page that is
written to becomes this process's and never reaches the file. A mapping holds no descriptor, as
Python's own `mmap` would (a table has thousands of them), and goes with the last view of it. The
file may be unlinked meanwhile; to cut it short would kill the process, which no part of the server
does. Knows nothing of what is mapped.
"""

import ctypes
import mmap
import os
import weakref

import numpy as np

_PRIVATE = (mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE)
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_map = _libc.mmap
_map.restype = ctypes.c_void_p
_map.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
]
_unmap = _libc.munmap
_unmap.restype = ctypes.c_int
_unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def read_bytes(descriptor: int, start: int, size_bytes: int) -> memoryview:
    """Return these bytes of an open file, writable; fewer where the file ends.

    Raises:
        OSError: the file cannot be read.
    """
    body = memoryview(bytearray(size_bytes))
    read = 0
    while read < size_bytes:
        portion = os.preadv(descriptor, [body[read:]], start + read)
        if portion == 0:
            break
        read += portion
    return body[:read]


def map_bytes(descriptor: int, start: int, size_bytes: int) -> memoryview:
    """Return these bytes of an open file, which has them all, as writable private memory.

    Raises:
        OSError: the kernel gives no more mappings.
    """
    # A mapping begins at a page.
    lead = start % mmap.ALLOCATIONGRANULARITY
    length = lead + size_bytes
    address = _map(None, length, *_PRIVATE, descriptor, start - lead)
    if address == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    pages = (ctypes.c_ubyte * length).from_address(address)
    unmapping = weakref.finalize(pages, _unmap, address, length)
    # At the end of the process arrays may outlive this; the kernel unmaps then.
    unmapping.atexit = False
    # Through an array, whose views know their bytes as such (those of ctypes do not).
    return np.ctypeslib.as_array(pages)[lead:].data
