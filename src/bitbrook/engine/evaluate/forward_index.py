"""Of each record of a shard its rows, in one of two forms.

`Spans`: all records' codes end to end and where each begins, two reads of memory a record that lie
far apart. `Slots`: eight places a record beside each other, one read, for sets of small codes most
of whose records fit; to count the rows of scattered records, which is waiting for memory and little
else, takes half as long that way.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bitbrook.bitmap.member_kernels import (
    IN_SLOTS,
    MORE,
    SLOTS,
    count_members,
    count_slots,
    spread,
    turn_round,
)
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, Positions, read_only

MEMBERS_MIN: Final = SHARD_WIDTH
"""With fewer members slots, which every position of a shard has, take far more than spans."""

LONG_SHARE_MAX: Final = 1 / 8
"""So many of the records may have more members than there are slots."""


class MembersAt(NamedTuple):
    """Codes of records end to end (int64[]), and where each record's begin (int64[n + 1])."""

    starts: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]


@dataclass(slots=True, frozen=True)
class FlatRows:
    """Rows end to end: row `codes[i]` has `positions[bounds[i]:bounds[i + 1]]`."""

    codes: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.int64]
    positions: Positions


@dataclass(slots=True, frozen=True)
class Spans:
    """The codes of the record at position p are `members[starts[p]:starts[p + 1]]`, ascending."""

    starts: npt.NDArray[np.int32]
    members: npt.NDArray[np.unsignedinteger[Any]]

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held."""
        return self.starts.nbytes + self.members.nbytes

    def count(self, positions: Positions, counts: npt.NDArray[np.uint32]) -> None:
        """Add to `counts` (by code) how many of the records have each row."""
        starts, members = read_only(self.starts), read_only(self.members)
        count_members(starts, members, read_only(positions), counts)

    def members_at(self, positions: Positions) -> MembersAt:
        """Return the codes of records."""
        firsts = self.starts[positions].astype(np.int64)
        counts = self.starts[positions + np.uint32(1)] - firsts
        return _gathered(self.members, firsts, counts)


@dataclass(slots=True, frozen=True)
class Slots:
    """The codes of the record at position p begin in `slots[8 * p:8 * p + 8]` (uint16), ascending.

    A record of more than eight has the number of its span in `more` beside its first ones.
    """

    slots: npt.NDArray[np.uint16]
    more: Spans

    @property
    def size_bytes(self) -> int:
        """Bytes of memory held."""
        return self.slots.nbytes + self.more.size_bytes

    def count(self, positions: Positions, counts: npt.NDArray[np.uint32]) -> None:
        """Add to `counts` (by code) how many of the records have each row."""
        more = self.more
        count_slots(
            read_only(self.slots),
            read_only(more.starts),
            read_only(more.members),
            read_only(positions),
            counts,
        )

    def members_at(self, positions: Positions) -> MembersAt:
        """Return the codes of records."""
        found = self.slots.reshape(-1, SLOTS)[positions]
        is_long = found[:, IN_SLOTS] == MORE
        is_member = found < MORE
        is_member[is_long, IN_SLOTS:] = False
        numbers = found[is_long, IN_SLOTS + 1 :].astype(np.uint32)
        others = self.more.members_at(numbers[:, 0] | (numbers[:, 1] << np.uint32(16)))
        counts = is_member.sum(axis=1)
        counts[is_long] += np.diff(others.starts)
        starts = np.append(0, np.cumsum(counts))
        codes = np.empty(int(starts[-1]), dtype=np.int64)
        is_other = np.zeros(len(codes), dtype=np.bool_)
        firsts = starts[:-1][is_long] + IN_SLOTS
        is_other[_run_places(firsts, np.diff(others.starts))] = True
        codes[~is_other] = found[is_member]
        codes[is_other] = others.codes
        return MembersAt(starts, codes)


ForwardIndex = Spans | Slots


def make_index(flat: FlatRows) -> ForwardIndex:
    """Return the index of flat rows."""
    highest = flat.codes[-1] if len(flat.codes) else 0
    spans = Spans(
        np.zeros(SHARD_WIDTH + 1, dtype=np.int32),
        np.empty(len(flat.positions), dtype=np.uint16 if highest < 1 << 16 else np.uint32),
    )
    turn_round(read_only(flat.positions), flat.bounds, flat.codes, spans.starts, spans.members)
    if highest >= MORE or len(flat.positions) < MEMBERS_MIN:
        return spans
    counts = np.diff(spans.starts)
    is_long = counts > SLOTS
    if is_long.sum() > LONG_SHARE_MAX * np.count_nonzero(counts):
        return spans
    more_starts = np.append(0, np.cumsum(counts[is_long] - IN_SLOTS)).astype(np.int32)
    more = Spans(more_starts, np.empty(int(more_starts[-1]), dtype=np.uint16))
    slots = np.empty(SLOTS * SHARD_WIDTH, dtype=np.uint16)
    spread(read_only(spans.starts), read_only(spans.members), slots, more.starts, more.members)
    return Slots(slots, more)


def _gathered(
    members: npt.NDArray[np.unsignedinteger[Any]],
    firsts: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> MembersAt:
    """Return runs of members end to end."""
    codes = members[_run_places(firsts, counts)].astype(np.int64)
    return MembersAt(np.append(0, np.cumsum(counts)).astype(np.int64), codes)


def _run_places(
    firsts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the places of runs, each from its first on, end to end."""
    stops = np.cumsum(counts)
    places = np.repeat(firsts - (stops - counts), counts)
    places += np.arange(len(places))
    return places
