"""How far the vectors of a shard are from one that is asked for. Exact: every vector is looked at.

A distance is a whole number of billionths, so it is chosen, merged and compared like any stored
number. Knows nothing of what is done with it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import Metric
from bitbrook.bitmap import vector_kernels
from bitbrook.bitmap.selection import NONE, Selection
from bitbrook.bitmap.vectors import Vectors
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema

_METRICS: Final = {
    Metric.COSINE: vector_kernels.COSINE,
    Metric.EUCLIDEAN: vector_kernels.EUCLIDEAN,
    Metric.DOT: vector_kernels.DOT,
}

Positions = npt.NDArray[np.uint32]
Ranks = npt.NDArray[np.int64]


class Target:
    """A vector that those of a field are compared with."""

    def __init__(self, field: FieldSchema, metric: Metric, vector: tuple[float, ...]) -> None:
        assert len(vector) == field.dimensions, "the question was checked against the field"
        self._field = field
        self._metric = _METRICS[metric]
        self._vector = np.array(vector, dtype=np.float32)

    def distances(self, shard: Shard, selection: Selection | None) -> tuple[Positions, Ranks]:
        """Return the selected positions that are at any distance (None: all of them), and it."""
        vectors = vectors_of(shard, self._field)
        if vectors is None or vectors.count == 0:
            return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)
        positions, ranks, is_defined = vectors.rank(self._vector, self._metric, selection)
        if is_defined.all():
            return positions, ranks
        return positions[is_defined], ranks[is_defined]

    def within(
        self, shard: Shard, low: int | None, high: int | None, selection: Selection | None = None
    ) -> Selection:
        """Return the positions whose distance lies in [low, high], None for no bound."""
        positions, ranks = self.distances(shard, selection)
        is_in = np.ones(len(ranks), dtype=np.bool_)
        if low is not None:
            is_in &= ranks >= low
        if high is not None:
            is_in &= ranks <= high
        positions = positions[is_in]
        return Selection.of_positions(positions) if len(positions) else NONE


def vectors_of(shard: Shard, field: FieldSchema) -> Vectors | None:
    """Return a shard's vectors of a field, None if nothing was ever written."""
    field_shard = shard.fields.get(field.id)
    return None if field_shard is None else field_shard.vectors
