"""What kernels cannot say in Python: 64 numbers at once, words by address, reading ahead.

A loop over slots is only sometimes turned into vector instructions, and hardly ever well where the
bits of a word choose the slots: 10 M numbers under a mask took 1.8 ms that way, with these 1.1, as
long as the memory needs to give them. Whichever machine it is, LLVM makes of a vector of 64 what
that one has. Whoever gives an address sees to it that its words stay where they are.
"""

from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils

LANES = 64
NARROW_BITS = 32
_BITS = ir.VectorType(ir.IntType(1), LANES)
_WORD = ir.IntType(64)


def _sum_lanes(typing_context, numbers, at, low, span, word, is_narrow):  # type: ignore[no-untyped-def] # noqa: ARG001, PLR0917
    """Return the sum of `number - low` (uint64) of the slots selected and in range, and how many.

    Of the slots `at` to `at + 63` of `numbers` those whose bit in `word` is set and whose distance
    from `low` is `span` at most, all of one unsigned type. `is_narrow` (a literal): the distances
    of 64 slots add up to less than 2^32; without it they are added in 64 bits.
    """
    number = numbers.dtype
    fits = is_narrow.literal_value and number.bitwidth <= NARROW_BITS
    sum_type = ir.IntType(NARROW_BITS) if fits else _WORD

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        source, place, least, most, chosen, _ = arguments
        distances = _distances(context, builder, signature, source, place, least)
        is_in = builder.icmp_unsigned("<=", distances, _splat(builder, most))
        is_in = builder.and_(is_in, builder.bitcast(chosen, _BITS))
        wide = ir.VectorType(sum_type, LANES)
        widened = distances if distances.type == wide else builder.zext(distances, wide)
        kept = builder.select(is_in, widened, ir.Constant(wide, [0] * LANES))
        total = _add_up(builder, kept)
        if sum_type.width < _WORD.width:
            total = builder.zext(total, _WORD)
        count = builder.ctpop(builder.bitcast(is_in, _WORD))
        return context.make_tuple(builder, signature.return_type, [total, count])

    types: Any = numba.types
    pair = types.UniTuple(types.uint64, 2)
    return pair(numbers, types.intp, number, number, types.uint64, is_narrow), emit


def _word_at(typing_context, address, index):  # type: ignore[no-untyped-def] # noqa: ARG001
    """Return the word (uint64) at an index of those that begin at an address (uint64)."""

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def] # noqa: ARG001
        start = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.load(builder.gep(start, [arguments[1]]))

    types: Any = numba.types
    return types.uint64(types.uint64, types.intp), emit


def _prefetch(typing_context, array, index):  # type: ignore[no-untyped-def] # noqa: ARG001
    """Tell the machine that an element of an array will soon be read."""

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        numbers = context.make_array(signature.args[0])(context, builder, arguments[0])
        octet = ir.IntType(8).as_pointer()
        place = builder.bitcast(builder.gep(numbers.data, [arguments[1]]), octet)
        kinds = [ir.IntType(32)] * 3
        fetch = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(ir.VoidType(), [octet, *kinds]), "llvm.prefetch.p0"
        )
        is_write, how_long, is_octets = 0, 3, 1
        builder.call(fetch, [place, *map(ir.IntType(32), (is_write, how_long, is_octets))])
        return context.get_dummy_value()

    types: Any = numba.types
    return types.void(array, types.intp), emit


def _distances(  # noqa: PLR0917
    context: Any, builder: Any, signature: Any, source: Any, place: Any, least: Any
) -> Any:
    """Load 64 numbers and take `least` from each."""
    array = context.make_array(signature.args[0])(context, builder, source)
    number = ir.IntType(signature.args[0].dtype.bitwidth)
    vector = ir.VectorType(number, LANES)
    start = builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer())
    loaded = builder.load(start, align=number.width // 8)
    return builder.sub(loaded, _splat(builder, least))


def _splat(builder: Any, scalar: Any) -> Any:
    """Return the scalar in every lane."""
    vector = ir.VectorType(scalar.type, LANES)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, lanes)


def _add_up(builder: Any, vector: Any) -> Any:
    """Return the sum of the lanes."""
    number = vector.type.element
    reduce = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module,
        ir.FunctionType(number, [vector.type]),
        f"llvm.vector.reduce.add.v{LANES}i{number.width}",
    )
    return builder.call(reduce, [vector])


sum_lanes: Any = numba.extending.intrinsic(prefer_literal=True)(_sum_lanes)
word_at: Any = numba.extending.intrinsic(_word_at)
prefetch: Any = numba.extending.intrinsic(_prefetch)
