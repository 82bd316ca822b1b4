"""Kernels over the bytes of keys: comparing many with one."""

from bitbrook.bitmap.word_kernels import compiled


@compiled
def keys_below(octets, bounds, codes, bound, out):  # type: ignore[no-untyped-def]
    """Write the codes (uint64[]) whose key is less than that of code `bound`; return how many.

    Key c is `octets[bounds[c]:bounds[c + 1]]`; bytes compare as unsigned numbers.
    """
    count = 0
    bound_start = int(bounds[bound])
    bound_length = int(bounds[bound + 1]) - bound_start
    for code in codes:
        start = int(bounds[code])
        length = int(bounds[code + 1]) - start
        shared = min(length, bound_length)
        i = 0
        while i < shared and octets[start + i] == octets[bound_start + i]:
            i += 1
        if i < shared:
            is_less = octets[start + i] < octets[bound_start + i]
        else:
            is_less = length < bound_length
        if is_less:
            out[count] = code
            count += 1
    return count
