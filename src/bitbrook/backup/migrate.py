"""All that a server has stored, moved to other stores and proven to be there: either way.

Nothing is taken away from where it is. The catalogue goes last, in one transaction, so that what is
not complete is nothing that a server would take for a deployment's; a mark in the log there says
that a move is under way, so that it can be begun again: blocks that have arrived stay, batches are
written anew. No server may use either set of stores meanwhile, and none can start.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import sqlalchemy as sa

from bitbrook.backup.image import Image, PartitionImage, open_image, snapshots_of
from bitbrook.backup.restore import record_count
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.control.directory_lock import DirectoryLock
from bitbrook.errors import Conflict, Damaged, InvalidValue
from bitbrook.settings import Settings, is_postgres
from bitbrook.stores.blocks import Block, check_block, portions_of
from bitbrook.stores.catalogue_dump import dump_catalogue, has_catalogue, load_catalogue
from bitbrook.stores.log import Log, LogEntry, Note
from bitbrook.stores.log_image import reading_log
from bitbrook.stores.rejected import RejectedStore
from bitbrook.stores.snapshots import SnapshotStore
from bitbrook.stores.sql import alone, open_engine

MARK = "#migration"
"""Scope of the note in a log that is being moved to; no source has such an id."""

ENTRIES_AT_ONCE = 64
ENTRY_BYTES_AT_ONCE = 16 << 20
_NEVER_S = 1e17

Tell = Callable[[str], None]


class MovedTable(msgspec.Struct, frozen=True):
    """A table as it was opened where it is now."""

    name: str
    record_count: int
    partition_count: int


class Moved(msgspec.Struct):
    """What a move has brought to its place, and found there as it was written."""

    tables: list[MovedTable] = []
    blocks: int = 0
    block_bytes: int = 0
    batches: int = 0
    notes: int = 0
    refused_records: int = 0
    catalogue_rows: int = 0


def migrate_stores(source: Settings, target: Settings, tell: Tell) -> Moved:
    """Copy what a server of `source` has stored to the stores of `target`; return what that was.

    `tell` is given a line about each step. A store that both name stays as it is.

    Raises:
        InvalidValue: they are the same stores.
        AlreadyRunning: a server uses one of them.
        Conflict: there is something else at the target.
        Damaged: what is stored is not what was written; a server of `target` finds nothing.
        Overloaded: a store is out of reach; the move can be begun again.
    """
    if source.stores_in_data and not source.data.is_dir():
        raise Damaged(f"{source.data}: there is no such directory; name a data directory")
    moves = _Moves(source, target)
    with ExitStack() as held:
        for directory in _directories(source, target):
            held.enter_context(DirectoryLock(directory))
        for url in _databases(source, target):
            held.enter_context(alone(url))
        with open_image(source) as image:
            _check_image(image)
            moves.check_target(image)
            moved = Moved()
            if moves.log:
                moves.mark()
            if moves.snapshots:
                moves.copy_blocks(image, moved, tell)
            if moves.log:
                moves.copy_log(image, moved, tell)
            # Opened before there is a catalogue, as a server would do after.
            moves.open_tables(image, moved, tell)
            if moves.catalogue:
                moves.copy_rejected(image, moved)
                moves.copy_catalogue(image, moved)
            moves.unmark()
    return moved


class _Moves:
    """Which of the three kinds of stores move, and how each does."""

    def __init__(self, source: Settings, target: Settings) -> None:
        self.catalogue = _place(source.catalogue_database) != _place(target.catalogue_database)
        self.log = _place(source.log_database) != _place(target.log_database)
        self.snapshots = _place(source.storage_place) != _place(target.storage_place)
        if not (self.catalogue or self.log or self.snapshots):
            raise InvalidValue(
                "the stores to move to are those that there are; name others with --to-data, "
                "--to-catalogue, --to-log or --to-storage",
                field="to",
            )
        self._source = source
        self._target = target
        self._blocks: SnapshotStore = snapshots_of(target)

    def check_target(self, image: Image) -> None:
        """Return if the target is empty, or holds what an interrupted move has left there."""
        if self.catalogue and has_catalogue(self._target.catalogue_database):
            place = _shown(self._target.catalogue_database)
            raise Conflict(f"{place}: there is a catalogue already; name an empty database")
        if self.log:
            with self._log() as log:
                if not log.is_empty() and not log.notes(MARK, now_s=0.0):
                    place = _shown(self._target.log_database)
                    raise Conflict(f"{place}: there is a log already; name an empty database")
        if self.snapshots:
            others = self._blocks.partitions() - set(image.partitions)
            if others:
                raise Conflict(
                    f"{self._target.storage_place}: there are snapshots of something else already "
                    f"({min(others)}); name an empty place"
                )

    def mark(self) -> None:
        """Say in the target's log that a move is under way."""
        with self._log() as log:
            log.keep_notes([Note(MARK, "", SYSTEM_CLOCK.now().isoformat().encode(), _NEVER_S)])

    def unmark(self) -> None:
        """Say that it is complete."""
        with self._log() as log:
            log.forget_notes(scope=MARK)

    def copy_blocks(self, image: Image, moved: Moved, tell: Tell) -> None:
        """Copy all blocks that manifests name, and read each again where it is now."""
        for name, partition in image.partitions.items():
            blocks = partition.manifest.blocks if partition.manifest else []
            there = self._blocks.names(name) if blocks else set()
            for block in blocks:
                if block.name not in there:
                    self._copy_block(image, name, block)
                with self._blocks.open_block(name, block) as file:
                    check_block(file, block, self._blocks.place_of(name, block.name))
                moved.blocks += 1
                moved.block_bytes += block.size_bytes
        tell(f"{moved.blocks:,} blocks with {moved.block_bytes:,} bytes are there, and sound")

    def copy_log(self, image: Image, moved: Moved, tell: Tell) -> None:
        """Copy manifests, batches and notes, and compare what is there with what was sent."""
        sent: dict[str, str] = {}
        notes = [note for note in image.log.notes() if note.scope != MARK]
        with self._log() as log:
            log.drop(list(image.partitions))
            for name, partition in image.partitions.items():
                if partition.encoded is not None:
                    log.publish(name, partition.encoded, through=0)
                digest = _Digest(partition.encoded)
                for entries in _portions(image.log.entries(name)):
                    log.append(entries)
                    digest.add(entries)
                    moved.batches += len(entries)
                sent[name] = digest.text
            log.keep_notes(notes)
        moved.notes = len(notes)
        with reading_log(self._target.log_database) as there:
            manifests = there.manifests()
            for name, expected in sent.items():
                digest = _Digest(manifests.get(name))
                digest.add(there.entries(name))
                if digest.text != expected:
                    raise _not_arrived(f"the log of partition {name}", self._target.log_database)
            found = [note for note in there.notes() if note.scope != MARK]
            if sorted(found) != sorted(notes):
                raise _not_arrived("the notes of the log", self._target.log_database)
        tell(f"{moved.batches:,} batches and {moved.notes:,} notes are there, as they were")

    def open_tables(self, image: Image, moved: Moved, tell: Tell) -> None:
        """Open every table here and there, and compare how many records it has."""
        source_log = Log(open_engine(self._source.log_database, is_alone=True))
        try:
            with self._log() as log:
                for schema in image.schemas.values():
                    count = record_count(schema, log, self._blocks)
                    if count != record_count(schema, source_log, image.snapshots):
                        raise _not_arrived(f"table {schema.name!r}", self._target.storage_place)
                    moved.tables.append(MovedTable(schema.name, count, schema.partition_count))
                    tell(f"table {schema.name!r}: {count:,} records")
        finally:
            source_log.close()

    def copy_catalogue(self, image: Image, moved: Moved) -> None:
        """Make the catalogue, and compare its rows with those there were."""
        url = self._target.catalogue_database
        load_catalogue(image.catalogue, url, is_alone=True)
        there = dump_catalogue(url)
        for name, table in image.catalogue.tables.items():
            rows, expected = there.rows(name), table.dicts()
            if there.revision != image.catalogue.revision:
                # A later release has changed their form.
                rows, expected = [{}] * len(rows), [{}] * len(expected)
            # Databases sort text in different ways.
            if sorted(map(repr, rows)) != sorted(map(repr, expected)):
                raise _not_arrived(f"the catalogue's table {name}", url)
            moved.catalogue_rows += len(rows)

    def copy_rejected(self, image: Image, moved: Moved) -> None:
        """Copy the records that sources refused, which lie beside the catalogue."""
        source, target = self._source.quarantine_database, self._target.quarantine_database
        is_none = not is_postgres(source) and not Path(source.removeprefix("sqlite:///")).exists()
        if is_none or _place(source) == _place(target):
            return
        with ExitStack() as opened:
            stores = [RejectedStore(open_engine(url, is_alone=True)) for url in (source, target)]
            for store in stores:
                opened.callback(store.close)
            for row in image.catalogue.rows("source"):
                for chunk in stores[0].newest(row["id"]):
                    stores[1].put(chunk)
                    moved.refused_records += chunk.records

    def _copy_block(self, image: Image, partition: str, block: Block) -> None:
        with image.blocks.open_block(partition, block) as file:
            check_block(file, block, image.snapshots.place_of(partition, block.name))
            self._blocks.adopt(partition, block, portions_of(file))

    @contextmanager
    def _log(self) -> Iterator[Log]:
        log = Log(open_engine(self._target.log_database, is_alone=True))
        try:
            yield log
        finally:
            log.close()


class _Digest:
    """What a partition's log holds, in a few bytes."""

    def __init__(self, manifest: bytes | None) -> None:
        self._digest = hashlib.sha256(b"" if manifest is None else manifest)

    def add(self, entries: Iterable[LogEntry]) -> None:
        for entry in entries:
            self._digest.update(b"%d %d " % (entry.sequence, len(entry.body)))
            self._digest.update(entry.body)

    @property
    def text(self) -> str:
        return self._digest.hexdigest()


def _portions(entries: Iterator[LogEntry]) -> Iterator[list[LogEntry]]:
    """Give entries in the portions that are written at once."""
    portion: list[LogEntry] = []
    size_bytes = 0
    for entry in entries:
        portion.append(entry)
        size_bytes += len(entry.body)
        if len(portion) >= ENTRIES_AT_ONCE or size_bytes >= ENTRY_BYTES_AT_ONCE:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion


def _check_image(image: Image) -> None:
    """Return if all that manifests name is there."""
    for partition in image.partitions.values():
        what = partition.fault or _missing(partition)
        if what:
            raise Damaged(f"{what}; nothing was moved; see what `bitbrook check` says")


def _missing(partition: PartitionImage) -> str:
    if not partition.missing:
        return ""
    return f"block {partition.missing[0]} of partition {partition.name} is missing"


def _not_arrived(what: str, place: str) -> Damaged:
    return Damaged(
        f"{_shown(place)}: {what} is not there as it was sent; a server finds nothing there; "
        "begin the move again"
    )


def _directories(source: Settings, target: Settings) -> list[Path]:
    """Return the data directories that must be nobody else's meanwhile."""
    kept = [each.data for each in (source, target) if each.stores_in_data or each.data.is_dir()]
    return list({path.resolve(): path for path in kept}.values())


def _databases(source: Settings, target: Settings) -> list[str]:
    """Return the PostgreSQL databases that must be nobody else's meanwhile."""
    named = [
        url for each in (source, target) for url in (each.catalogue_database, each.log_database)
    ]
    return list({_place(url): url for url in named if is_postgres(url)}.values())


def _place(place: str) -> str:
    """Return the one way to write where something lies."""
    for beginning in ("sqlite:///", "file://"):
        if place.startswith(beginning):
            return str(Path(place.removeprefix(beginning)).resolve())
    return place.rstrip("/") if "://" in place else str(Path(place).resolve())


def _shown(place: str) -> str:
    """Return a place without the password that its URL may have."""
    is_database = is_postgres(place) or place.startswith("sqlite")
    return sa.make_url(place).render_as_string(hide_password=True) if is_database else place
