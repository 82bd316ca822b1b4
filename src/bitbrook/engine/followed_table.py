"""Partitions of a table read beside whoever owns them: their snapshots, and their log up to now.

Nothing is appended, written or removed here, and nobody is kept from anything: what an owner trims
or replaces while it is being read is read anew from where it is now. `answer` looks into the log's
database first and applies all that it finds, so an answer has every batch that was durable when the
question came, under the table's definition of that moment; the batches of one look are applied
under one lock, so that each is seen wholly or not at all. Parts that nobody touched lie in blocks
that go when the owner has newer ones: `tend` lets them lie in those, before or after that.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.engine.allocator import give_back
from bitbrook.engine.evaluate import evaluate
from bitbrook.engine.locks import ReadWriteLock
from bitbrook.engine.manifest import Manifest, decode_manifest, sequence_at
from bitbrook.engine.partition import Partition
from bitbrook.engine.recovery import partition_name, recover_table, replay
from bitbrook.engine.resting import rest_idle
from bitbrook.engine.shard_block import move_untouched
from bitbrook.errors import Damaged, Overloaded, TableNotFound
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.following import Following, Glance, Look
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import SnapshotStore
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

LOOKS_MAX = 8
"""An owner would have to trim its log between each of so many looks and the next."""

REREADS_MAX = 3
"""A block that is still not what was written then is damaged, and was not replaced."""

TURN_S = 0.05
"""How often one who waits for another's look asks whether it is still waited for."""

_SCHEMAS = msgspec.msgpack.Decoder(TableSchema)


class Shown(NamedTuple):
    """An answer: each partition's partial, and the last batch of each that it has, by number."""

    partials: list[AnyPartial]
    sequences: dict[int, int]


class _Lost(Exception):
    """What is open is not to be shown, and will be read anew."""


@dataclass(slots=True)
class _Open:
    """A partition that is open. `contained`: as of `replay`."""

    partition: Partition
    manifest: Manifest
    contained: int


class FollowedTable:
    """Some partitions of one table. Nothing is opened before it is first asked or tended."""

    def __init__(
        self,
        table_id: str,
        numbers: Sequence[int],
        *,
        log: Log,
        snapshots: SnapshotStore,
        following: Following,
    ) -> None:
        self.table_id = table_id
        self.numbers = tuple(numbers)
        self._names = {number: partition_name(table_id, number) for number in numbers}
        self._log = log
        self._snapshots = snapshots
        self._following = following
        self._lock = ReadWriteLock()
        self._definition = b""
        self._schema: TableSchema | None = None
        self._open: dict[int, _Open] = {}
        self._lost: frozenset[int] = frozenset(numbers)
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._asked = self._served = 0

    @property
    def positions(self) -> dict[str, int]:
        """The last batch of each partition, by name, that is here."""
        return {self._names[n]: each.partition.applied_sequence for n, each in self._open.items()}

    @property
    def snapshots_taken(self) -> dict[str, int]:
        """The last batch of each partition, by name, that its snapshot has, as known here."""
        return {each.manifest.partition: each.manifest.sequence for each in self._open.values()}

    def answer(self, question: Question, budget: Budget, numbers: Collection[int]) -> Shown:
        """Return the answers of some of the partitions, of one moment, which is not before now.

        Raises:
            TableNotFound: it was dropped.
            Overloaded: the log's database, or the snapshots, cannot be reached.
            Damaged: what is stored is not what was written.
        """
        damages = 0
        for _ in range(LOOKS_MAX):
            self.catch_up(budget)
            try:
                return self._evaluate(question, budget, numbers)
            except _Lost:
                continue
            except Damaged as damage:
                # A part was read now first, whose block has gone since the last look at snapshots.
                damages += 1
                if damages > REREADS_MAX:
                    raise
                LOGGER.info("partitions are read anew", table=self.table_id, reason=damage.message)
                self._lose(numbers)
        raise _unsteady(self.table_id)

    def sequences(self, budget: Budget, numbers: Collection[int]) -> dict[int, int]:
        """Return the last batch of some of the partitions that is durable; answers have it.

        Raises:
            TableNotFound, Overloaded, Damaged: as of `answer`.
        """
        self.catch_up(budget)
        with self._lock.reading():
            return {number: self._open[number].partition.applied_sequence for number in numbers}

    def catch_up(self, budget: Budget) -> None:
        """Apply all that the log has by now, and take over what the table is by now.

        Several who come at the same time are served by one look, which begins after all came.

        Raises:
            TableNotFound, Overloaded, Damaged: as of `answer`.
        """
        with self._counting:
            self._asked += 1
            ticket = self._asked
        while not self._turn.acquire(timeout=TURN_S):
            budget.check()
        try:
            if self._served < ticket:
                with self._counting:
                    covered = self._asked
                self._follow(budget)
                self._served = covered
        finally:
            self._turn.release()

    def is_behind(self, glance: Glance) -> bool:
        """Whether there is something to `tend`, by a look at `positions`."""
        known = self.snapshots_taken
        if len(known) < len(self.numbers) or not glance.grown.isdisjoint(known):
            return True
        return bool(_newer(known, glance))

    def tend(self, budget: Budget) -> bool:
        """Catch up, and let parts lie in the blocks of newer snapshots; whether there were any.

        Raises:
            TableNotFound, Overloaded, Damaged: as of `answer`.
        """
        newer = _newer(self.snapshots_taken, self._following.glance(self.positions))
        manifests = self._log.manifests(newer) if newer else {}
        # Whatever the blocks of these contain was in the log, so that it is applied here now.
        self.catch_up(budget)
        for opened in list(self._open.values()):
            name = opened.manifest.partition
            if name in manifests:
                manifest = decode_manifest(manifests[name], name)
                if manifest.sequence > opened.manifest.sequence:
                    try:
                        self._move(opened, manifest)
                    except Damaged as damage:
                        # Replaced meanwhile, which the next look shows; or else whoever asks sees.
                        LOGGER.info("a snapshot is gone", table=name, reason=damage.message)
        if newer:
            give_back()
        return bool(newer)

    def expire_views(self, now_s: float) -> None:
        """Drop the views of time fields whose time to live is over at `now_s` (Unix seconds)."""
        with self._lock.reading():
            opened = [each.partition for each in self._open.values()]
            is_due = any(partition.expired_views(now_s) for partition in opened)
        if is_due:
            with self._lock.writing():
                for each in self._open.values():
                    each.partition.expire_views(now_s)

    def _evaluate(self, question: Question, budget: Budget, numbers: Collection[int]) -> Shown:
        with self._lock.reading(may_wait=budget.may_wait):
            if self._lost.intersection(numbers):
                raise _Lost
            chosen = {number: self._open[number].partition for number in numbers}
            partials = [evaluate(partition, question, budget) for partition in chosen.values()]
            return Shown(partials, {n: each.applied_sequence for n, each in chosen.items()})

    def _follow(self, budget: Budget) -> None:
        """Look until what is open, and what is read anew, continues in what was seen."""
        schema, definition = self._schema, self._definition
        kept = {n: each for n, each in self._open.items() if n not in self._lost}
        fresh: dict[int, _Open] = {}
        damage: Damaged | None = None
        for _ in range(LOOKS_MAX):
            budget.check()
            there = kept | fresh
            positions = {self._names[n]: o.partition.applied_sequence for n, o in there.items()}
            look = self._following.look(self.table_id, positions)
            if look.definition is None:
                raise TableNotFound(f"table {self.table_id} is placed nowhere any more")
            if schema is None or look.definition != definition:
                before, schema, definition = (
                    schema,
                    _SCHEMAS.decode(look.definition),
                    look.definition,
                )
                # What was read anew may lack fields that came with this definition.
                fresh = {}
                if before is None or before.is_keyed != schema.is_keyed:
                    kept = {}
            there = kept | fresh
            behind = [n for n in self.numbers if n not in there or _has_gap(there[n], look)]
            if not behind:
                try:
                    self._take(schema, definition, kept | fresh, look)
                except Damaged as error:
                    # As in `answer`; what a batch was applied to in part is not shown.
                    damage, kept, fresh = error, {}, {}
                    continue
                return
            try:
                fresh |= self._read_anew(schema, behind)
            except Damaged as error:
                # What was being read was replaced meanwhile, or it is damaged indeed.
                damage = error
        raise damage or _unsteady(self.table_id)

    def _read_anew(self, schema: TableSchema, numbers: list[int]) -> dict[int, _Open]:
        recovered = recover_table(
            schema, log=self._log, snapshots=self._snapshots, numbers=sorted(numbers)
        )
        return {
            each.partition.number: _Open(
                each.partition, each.manifest, each.partition.loaded_sequence
            )
            for each in recovered
        }

    def _take(
        self, schema: TableSchema, definition: bytes, opened: dict[int, _Open], look: Look
    ) -> None:
        """Show what was opened, with all that was seen, from one moment to the next."""
        is_same = not self._lost and all(self._open.get(n) is each for n, each in opened.items())
        if is_same and definition == self._definition and not look.entries:
            return
        with self._lock.writing():
            # Until all of it is applied.
            self._lost = frozenset(self.numbers)
            self._open = opened
            if definition != self._definition:
                for each in opened.values():
                    each.partition.alter(schema)
            for each in opened.values():
                name = each.manifest.partition
                entries = look.entries.get(name, ())
                replay(each.partition, name, entries, contained=each.contained)
            self._schema, self._definition = schema, definition
            self._lost = frozenset()

    def _lose(self, numbers: Collection[int]) -> None:
        """Have partitions read anew before they are asked again."""
        with self._turn, self._lock.writing():
            self._lost |= set(numbers)

    def _move(self, opened: _Open, manifest: Manifest) -> None:
        """Let what was not touched lie in the blocks of a manifest, of which all is applied."""
        before = opened.manifest
        changed = [
            stored
            for number, stored in manifest.shards.items()
            if before.shards.get(number) != stored and number in opened.partition.shards
        ]
        self._snapshots.prepare(manifest.partition, [stored.block for stored in changed])
        for number, stored in manifest.shards.items():
            shard = opened.partition.shards.get(number)
            if shard is not None and before.shards.get(number) != stored:
                pieces = self._snapshots.read(manifest.partition, stored.block)
                shard.stored_sequence = stored.sequence
                move_untouched(shard, pieces)
        opened.manifest = manifest
        rest_idle(
            opened.partition,
            manifest,
            self._snapshots,
            since=before.sequence,
            reading=self._lock.reading,
            writing=self._lock.writing,
        )


def _has_gap(opened: _Open, look: Look) -> bool:
    """Whether the log was trimmed beyond what is here of a partition."""
    name, applied = opened.manifest.partition, opened.partition.applied_sequence
    entries = look.entries.get(name)
    if entries:
        return entries[0].sequence != applied + 1
    beginning = look.beginnings.get(name)
    return beginning is not None and sequence_at(beginning, name) > applied


def _unsteady(table_id: str) -> Overloaded:
    return Overloaded(
        f"the snapshots of table {table_id} change faster than they are read here; try again"
    )


def _newer(taken: Mapping[str, int], glance: Glance) -> list[str]:
    """Return the partitions that have another snapshot than the one that was taken here."""
    begun = glance.beginnings
    return [
        name for name in taken if name in begun and sequence_at(begun[name], name) > taken[name]
    ]
