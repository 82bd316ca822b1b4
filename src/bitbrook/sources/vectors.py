"""Lists of numbers become vectors: as many float32 as the field says, each next to what came."""

import itertools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from bitbrook.schema.field_types import FieldSchema
from bitbrook.sources.advice import Advice
from bitbrook.sources.convert import Converted
from bitbrook.sources.faults import Fault
from bitbrook.sources.values import LeafKind

FLOAT32_MAX = float(np.finfo(np.float32).max)


class VectorConverter:
    """Vectors, as fixed-size lists of float32."""

    kind: LeafKind = LeafKind.NUMBERS

    def __init__(self, field: FieldSchema) -> None:
        self._length = field.dimensions
        vector = f"a list of {field.dimensions} numbers"
        self.advice: Mapping[Fault, Advice] = {
            Fault.MALFORMED: Advice(
                f"is not a vector of {field.dimensions} numbers", vector, f"send {vector}"
            ),
            Fault.OUT_OF_RANGE: Advice(
                f"has a number beyond {FLOAT32_MAX:g}",
                f"{vector} within {FLOAT32_MAX:g}",
                f"send {vector} within",
            ),
        }

    def convert(self, leaves: list[list[float] | None]) -> Converted:
        """Return vectors."""
        length = self._length
        counts = np.array([-1 if leaf is None else len(leaf) for leaf in leaves], dtype=np.int64)
        faults = np.where(counts == length, Fault.NONE, Fault.MALFORMED).astype(np.uint8)
        faults[counts < 0] = Fault.MISSING
        is_whole = faults == Fault.NONE
        whole = itertools.compress(leaves, is_whole.tolist())
        found = np.fromiter(
            itertools.chain.from_iterable(leaf for leaf in whole if leaf is not None),
            dtype=np.float64,
            count=int(is_whole.sum()) * length,
        ).reshape(-1, length)
        is_beyond = ~(np.abs(found) <= FLOAT32_MAX).all(axis=1)
        faults[np.flatnonzero(is_whole)[is_beyond]] = Fault.OUT_OF_RANGE
        vectors = np.zeros((len(leaves), length), dtype=np.float32)
        vectors[faults == Fault.NONE] = found[~is_beyond]
        column = pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.reshape(-1)),
            type=pa.list_(pa.float32(), length),
            mask=pa.array(faults != Fault.NONE),
        )
        return Converted(column, faults if faults.any() else None)
