"""Counts by combination of rows, kept as cubes: what questions about the same few fields share.

The cube of some single-valued fields says how many records of a shard have each combination of
their rows. Every question that counts under conditions on rows of these fields alone is a sum over
it, whatever rows it names: a microsecond where counting takes a pass over the shard. A cube is made
once such questions about a shard, without a write in between, have cost as much as making it; it is
good for as long as no later batch has named the shard. So whoever asks about the same few fields
again and again pays for the shards that have changed, and a stream of writes that nobody asks about
pays nothing.

Knows nothing of numbers, sets and times: such questions go other ways.
"""

import math
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from bitbrook.algebra.expressions import All, Expression, HasRow, HasValue, Intersect
from bitbrook.algebra.memory import machine_bytes
from bitbrook.bitmap.group_kernels import count_in_words, refine_cells
from bitbrook.bitmap.thawed import Ledger
from bitbrook.bitmap.word_kernels import SHARD_WORDS, read_only
from bitbrook.engine.evaluate.reading import ALL_TIMES, Codes, Reading
from bitbrook.engine.evaluate.scratch import scratch_numbers
from bitbrook.engine.evaluate.totals import values_of
from bitbrook.engine.shard import Shard
from bitbrook.schema.field_types import FieldSchema

CELLS_MAX: Final = 1 << 16
"""Combinations of a cube at most: 256 KiB, and counted in hardly more time than fewer."""

SHARE: Final = 64
"""So small a part of the machine's memory may hold cubes."""

PAID: Final = 1.0
"""A cube is made once questions have cost so many times its making."""

COUNT_COST: Final = 1 / 32
ROWS_COST: Final = 1 / 4
GROUPS_COST: Final = 1 / 8
"""What a shard costs a question without its cube, by what making the cube costs: to count the
records that several rows have in common, those of each row, and those of combinations of rows."""

LEDGER: Final = Ledger(machine_bytes() // SHARE)
"""Of the process's cubes."""

Cube = npt.NDArray[np.uint32]
FieldIds = tuple[int, ...]


class CubeKey(NamedTuple):
    """A field by whose rows records are counted; with null also those without one."""

    field: FieldSchema
    includes_null: bool = False


class Counted(NamedTuple):
    """What cubes told: `counts` (int64), an axis for each key, by row code, one higher with null.

    `others`: the shards that have to be counted in another way, to be added.
    """

    counts: npt.NDArray[np.int64]
    others: list[Shard]


def count_by_cubes(
    keys: Sequence[CubeKey], condition: Expression, reading: Reading, *, cost: float
) -> Counted | None:
    """Return how many records of all shards meet a condition, by combination of the keys' rows.

    None if the question is not one for cubes. `cost`: what a shard costs without one.
    """
    wanted = _rows_wanted(condition, reading)
    if wanted is None:
        return None
    fields = {key.field.name: key.field for key in keys}
    if len(fields) < len(keys):
        return None
    fields |= {name: reading.field(name) for name in wanted}
    axes = sorted(fields.values(), key=lambda field: field.id)
    if len(axes) < 2 or not all(field.is_single and field.has_rows for field in axes):
        return None
    sizes = [reading.row_count(field) for field in axes]
    if math.prod(size + 1 for size in sizes) > CELLS_MAX:
        return None
    total = _Total(axes, sizes, wanted, keys)
    others = []
    for shard in reading.partition.shards.values():
        cube = _find(shard, axes, sizes, cost)
        if cube is None:
            others.append(shard)
        else:
            reading.budget.check()
            total.add(cube)
    return Counted(total.counts(), others)


def _rows_wanted(condition: Expression, reading: Reading) -> dict[str, Codes | None] | None:
    """Return of each field which rows a condition asks for, None for any row.

    None if it asks for anything but rows, all at once.
    """
    match condition:
        case All():
            return {}
        case HasRow(name, rows) if (condition.from_s, condition.to_s) == ALL_TIMES:
            field = reading.field(name)
            return {name: reading.codes_of(field, rows)} if field.has_rows else None
        case HasValue(name):
            return {name: None}
        case Intersect(operands):
            wanted: dict[str, Codes | None] = {}
            for operand in operands:
                found = _rows_wanted(operand, reading)
                if found is None:
                    return None
                for name, codes in found.items():
                    wanted[name] = _both(wanted.get(name), codes)
            return wanted
        case _:
            return None


def _both(first: Codes | None, second: Codes | None) -> Codes | None:
    if first is None or second is None:
        return second if first is None else first
    return np.intersect1d(first, second, assume_unique=True)


class _Total:
    """The sum of cubes, of the rows that are wanted."""

    def __init__(
        self,
        axes: Sequence[FieldSchema],
        sizes: Sequence[int],
        wanted: dict[str, Codes | None],
        keys: Sequence[CubeKey],
    ) -> None:
        self._keys = [key.field.name for key in keys]
        with_null = {key.field.name for key in keys if key.includes_null}
        self._picks: list[int | slice] = []
        self._names: list[str] = []
        self._chosen: list[Codes | None] = []
        shape = []
        for field, size in zip(axes, sizes, strict=True):
            codes = wanted.get(field.name)
            if codes is not None and len(codes) == 1 and field.name not in self._keys:
                self._picks.append(int(codes[0]) + 1)
                continue
            # The first place of an axis is of records without a row.
            first = 0 if field.name in with_null else 1
            self._picks.append(slice(first, None))
            self._names.append(field.name)
            if field.name in wanted and not first:
                codes = np.arange(size) if codes is None else codes
                codes = codes + 1
            self._chosen.append(codes)
            shape.append(size + 1 - first)
        self._counts = np.zeros(shape, dtype=np.int64)

    def add(self, cube: Cube) -> None:
        """Add a shard's cube, which may know fewer rows than there are by now."""
        for pick, size in zip(self._picks, cube.shape, strict=True):
            if isinstance(pick, int) and pick >= size:
                return
        part = cube[tuple(self._picks)]
        if part.shape == self._counts.shape:
            self._counts += part
        else:
            self._counts[tuple(map(slice, part.shape))] += part

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the sum by the keys' rows."""
        names = self._names
        for axis, codes in enumerate(self._chosen):
            if codes is not None:
                is_other = np.ones(self._counts.shape[axis], dtype=np.bool_)
                is_other[codes] = False
                np.moveaxis(self._counts, axis, 0)[is_other] = 0
        order = list(map(names.index, self._keys))
        conditions = [axis for axis in range(len(names)) if axis not in order]
        arranged = self._counts.transpose(*order, *conditions)
        return np.asarray(arranged.sum(axis=tuple(range(len(order), len(names)))))


class _Kept:
    """The cubes of a shard as it was after a batch.

    `spent`: what questions since then would have saved by a cube, in the cost of making it.
    """

    __slots__ = ("__weakref__", "cubes", "sequence", "spent")

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.cubes: dict[FieldIds, Cube] = {}
        self.spent: dict[FieldIds, float] = {}

    def find(self, ids: FieldIds) -> Cube | None:
        """Return the cube of these fields, made of one that has more of them if there is one."""
        cube = self.cubes.get(ids)
        if cube is not None:
            return cube
        for others, larger in list(self.cubes.items()):
            if set(ids) < set(others):
                gone = tuple(axis for axis, id_ in enumerate(others) if id_ not in ids)
                return self.keep(ids, larger.sum(axis=gone, dtype=np.uint32))
        return None

    def keep(self, ids: FieldIds, cube: Cube) -> Cube:
        """Keep a cube for the next question."""
        with LEDGER.lock:
            self.cubes[ids] = cube
            LEDGER.note(self, cube.nbytes)
        return cube

    def refreeze(self) -> None:
        """Let go of all cubes. The ledger calls it, which has locked."""
        self.cubes, self.spent = {}, {}


_kept: WeakKeyDictionary[Shard, _Kept] = WeakKeyDictionary()
_lock = threading.Lock()
_EVERYWHERE = read_only(np.full(SHARD_WORDS, ~np.uint64(0)))


def _find(
    shard: Shard, axes: Sequence[FieldSchema], sizes: Sequence[int], cost: float
) -> Cube | None:
    """Return the shard's cube, made now if questions have paid for it; else None."""
    ids = tuple(field.id for field in axes)
    kept = _kept.get(shard)
    if kept is not None and kept.sequence == shard.applied_sequence:
        cube = kept.find(ids)
        if cube is not None:
            LEDGER.hits += 1
            return cube
    LEDGER.misses += 1
    with _lock:
        kept = _kept.get(shard)
        if kept is None or kept.sequence != shard.applied_sequence:
            kept = _kept[shard] = _Kept(shard.applied_sequence)
        spent = kept.spent.get(ids, 0.0)
        # Of several who ask meanwhile one makes it.
        kept.spent[ids] = -math.inf if spent >= PAID else spent + cost
    return kept.keep(ids, _made(shard, axes, sizes)) if spent >= PAID else None


def _made(shard: Shard, axes: Sequence[FieldSchema], sizes: Sequence[int]) -> Cube:
    """Return the cube of a shard; place 0 of each axis is of records without a row."""
    cells = scratch_numbers()
    cells[:] = 0
    for field, size in zip(axes, sizes, strict=True):
        values = values_of(shard, field.id)
        if values is None:
            cells *= np.uint32(size + 1)
            continue
        refine_cells(
            read_only(values.numbers), read_only(values.present), np.uint32(size + 1), cells
        )
    counts = np.zeros(math.prod(size + 1 for size in sizes), dtype=np.int64)
    count_in_words(read_only(cells), _EVERYWHERE, counts)
    # Positions without any row may be nobody's.
    counts[0] = shard.record_count - counts[1:].sum()
    return counts.astype(np.uint32).reshape([size + 1 for size in sizes])
