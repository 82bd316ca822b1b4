"""Arrow strings as the flat arrays that kernels read, and back. No copy on the way in."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def string_parts(strings: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return the UTF-8 bytes (uint8[]) of a string array without nulls and its bounds (int32[n+1]).

    String i is `octets[bounds[i]:bounds[i + 1]]`; of a slice, the bounds begin above zero.
    """
    assert strings.null_count == 0, "null keys have no bytes"
    _, offsets, content = strings.buffers()
    if len(strings) == 0 or offsets is None:
        return np.zeros(0, dtype=np.uint8), np.zeros(1, dtype=np.int32)
    bounds = np.frombuffer(offsets, dtype=np.int32)[
        strings.offset : strings.offset + len(strings) + 1
    ]
    octets = np.zeros(0, dtype=np.uint8)
    if content is not None:
        octets = np.frombuffer(content, dtype=np.uint8)
    return octets, bounds


def strings_of(octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.integer]) -> pa.Array:
    """Return the large_string array over these bytes, which it shares."""
    bounds = bounds.astype(np.int64, copy=False)
    return pa.LargeStringArray.from_buffers(
        len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(octets)
    )


def object_strings(
    octets: npt.NDArray[np.uint8], bounds: npt.NDArray[np.integer]
) -> npt.NDArray[np.object_]:
    """Return the strings as an object array of str."""
    strings: npt.NDArray[np.object_] = strings_of(octets, bounds).to_numpy(zero_copy_only=False)
    return strings
