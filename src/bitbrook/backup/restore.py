"""A backup becomes a data directory again: as it was, as of an earlier batch, or parted anew.

Everything is written beside the place where it shall be and opened once, as a server would, before
it is moved there: a restore that fails leaves nothing that looks like a data directory.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from bitbrook.backup.image import schemas_of
from bitbrook.backup.objects import sync_directory
from bitbrook.backup.repository import Backup, Content, Repository, StoredPartition
from bitbrook.backup.rewrite import rewrite_table
from bitbrook.engine.recovery import partition_name, recover_table
from bitbrook.errors import BitbrookError, Conflict, InvalidValue, Overloaded
from bitbrook.schema.field_types import TableSchema
from bitbrook.settings import Settings, is_postgres
from bitbrook.stores.catalogue_dump import (
    CatalogueDump,
    TableDump,
    decode_dump,
    load_catalogue,
)
from bitbrook.stores.lineage import begin_lineage
from bitbrook.stores.log import Log, LogEntry, Note
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.snapshots import SNAPSHOTS, LocalSnapshots, SnapshotStore
from bitbrook.stores.sql import open_engine

PARTITIONS_MAX = 1_024

_FOR_EVER_S = 1e18


class RestoredTable(msgspec.Struct, frozen=True):
    """A table as it was opened after the restore."""

    name: str
    deployment: str
    record_count: int
    partition_count: int


_ENTRIES = msgspec.msgpack.Decoder(list[tuple[int, bytes]])
_NOTES = msgspec.msgpack.Decoder(list[Note])


def restore_backup(
    repository: Repository,
    backup: Backup,
    settings: Settings,
    *,
    positions: Mapping[str, int] | None = None,
    partition_count: int | None = None,
) -> list[RestoredTable]:
    """Make the stores of these settings from a backup; return their tables.

    `positions`: of some partitions, by name, the last batch that shall be in them; what the others
    held is restored whole. `partition_count`: into how many partitions every table is parted, if
    not into as many as it had.

    Raises:
        Conflict: there is something at the place already.
        InvalidValue: a position is not one that the backup can give.
        Damaged: the backup is not what was written.
        Overloaded: the place cannot be written.
    """
    chosen = _chosen_positions(backup, positions or {})
    if partition_count is not None and not 1 <= partition_count <= PARTITIONS_MAX:
        raise InvalidValue(
            f"{partition_count} partitions cannot be; give 1 to {PARTITIONS_MAX}",
            field="partitions",
        )
    with _directory_for(settings.data) as directory:
        catalogue = decode_dump(_read(repository, backup.catalogue, "the catalogue"))
        restored = _Restored(directory, settings, is_parted=partition_count is not None)
        try:
            for partition in backup.partitions:
                restored.store_blocks(repository, partition)
                restored.store_log(repository, partition, chosen[partition.name])
            notes = _NOTES.decode(_read(repository, backup.notes, "the notes of the log"))
            restored.keep_notes(_notes_kept(notes, backup, chosen, catalogue))
            if partition_count is not None:
                catalogue = _with_partitions(catalogue, partition_count)
            tables = restored.open_tables(backup, catalogue, chosen)
            load_catalogue(catalogue, _moved(settings.catalogue_database, settings, directory))
        except BaseException:
            with suppress(BitbrookError):
                restored.undo(settings, schemas_of(catalogue).values())
            raise
        finally:
            restored.close()
    return tables


class _Restored:
    """What becomes the stores of a server, in `directory` until it is complete, or elsewhere."""

    def __init__(self, directory: Path, settings: Settings, *, is_parted: bool) -> None:
        self._is_parted = is_parted
        self._final_log = _new_log(_moved(settings.log_database, settings, directory))
        self._final_snapshots = _new_snapshots(settings, directory)
        # What is parted anew is restored as it was first, aside.
        self._aside = directory / "as-it-was"
        self._snapshots, self._log = self._final_snapshots, self._final_log
        if is_parted:
            self._aside.mkdir()
            self._snapshots = LocalSnapshots(self._aside / SNAPSHOTS)
            self._log = _new_log(f"sqlite:///{self._aside}/log.db")
        self._notes: list[Note] = []

    def store_blocks(self, repository: Repository, partition: StoredPartition) -> None:
        for each in partition.blocks:
            what = f"block {each.block.name} of partition {partition.name}"
            body = repository.read_content(each.content, what)
            self._snapshots.adopt(partition.name, each.block, body)

    def store_log(self, repository: Repository, partition: StoredPartition, last: int) -> None:
        if partition.manifest is not None:
            self._log.publish(partition.name, partition.manifest.encode(), through=0)
        for portion in partition.log:
            if portion.first > last:
                break
            what = f"batches {portion.first} to {portion.last} of partition {partition.name}"
            entries = [
                LogEntry(partition.name, sequence, body)
                for sequence, body in _ENTRIES.decode(_read(repository, portion.content, what))
                if sequence <= last
            ]
            self._log.append(entries)

    def keep_notes(self, notes: list[Note]) -> None:
        self._notes = notes

    def open_tables(
        self, backup: Backup, catalogue: CatalogueDump, kept: Mapping[str, int]
    ) -> list[RestoredTable]:
        """Open every table as a server would; part it anew if that is asked for."""
        log, snapshots = self._final_log, self._final_snapshots
        log.keep_notes(self._notes)
        begin_lineage(log, kept, is_parted=self._is_parted)
        schemas = schemas_of(catalogue)
        parted_before = {table.id: _partition_count(table.partitions) for table in backup.tables}
        tables = []
        for table in backup.tables:
            schema = schemas[table.id]
            if self._is_parted:
                before = replace(schema, partition_count=parted_before[table.id])
                recovered = recover_table(before, log=self._log, snapshots=self._snapshots)
                rewrite_table(
                    [each.partition for each in recovered], schema, log=log, snapshots=snapshots
                )
            count = record_count(schema, log, snapshots)
            tables.append(
                RestoredTable(table.name, table.deployment, count, schema.partition_count)
            )
        shutil.rmtree(self._aside, ignore_errors=True)
        return tables

    def close(self) -> None:
        self._log.close()
        self._final_log.close()

    def undo(self, settings: Settings, schemas: Iterable[TableSchema]) -> None:
        """Leave those stores empty, as they were, that are not in the directory."""
        names = [
            partition_name(schema.id, number)
            for schema in schemas
            for number in range(schema.partition_count)
        ]
        if is_postgres(settings.log_database):
            log = Log(open_engine(settings.log_database))
            log.drop(names)
            log.forget_notes(expired_s=_FOR_EVER_S)
            log.close()
        if settings.storage is not None:
            for name in names:
                self._final_snapshots.drop(name)


def record_count(schema: TableSchema, log: Log, snapshots: SnapshotStore) -> int:
    """Return how many records a stored table has, which is opened for it."""
    recovered = recover_table(schema, log=log, snapshots=snapshots)
    return sum(shard.record_count for each in recovered for shard in each.partition.shards.values())


def _partition_count(partitions: list[StoredPartition]) -> int:
    """Return how many partitions a table has at least, by the names of those that hold anything."""
    return max((int(each.name.rpartition(".")[2]) + 1 for each in partitions), default=1)


def _chosen_positions(backup: Backup, positions: Mapping[str, int]) -> dict[str, int]:
    """Return the last batch to restore of each partition."""
    known = {each.name: each for each in backup.partitions}
    for name, position in positions.items():
        partition = known.get(name)
        if partition is None:
            raise InvalidValue(
                f"backup {backup.id} has no partition {name!r}; `bitbrook backup list --positions` "
                "shows those that it has",
                field="position",
            )
        if not partition.earliest <= position <= partition.latest:
            raise InvalidValue(
                f"backup {backup.id} has partition {name} as of batch {partition.earliest} to "
                f"{partition.latest}, not {position}; an earlier backup may have it",
                field="position",
            )
    return {name: positions.get(name, each.latest) for name, each in known.items()}


def _notes_kept(
    notes: list[Note], backup: Backup, chosen: Mapping[str, int], catalogue: CatalogueDump
) -> list[Note]:
    """Return the notes of batches that are restored.

    Which batch a note came with is not known; of a table that is not restored to its end none is
    kept, so that a request that comes again is applied again rather than taken for applied.
    """
    cut = {
        table.id
        for table in backup.tables
        for partition in table.partitions
        if chosen[partition.name] < partition.latest
    }
    uncertain = {row["id"] for row in catalogue.rows("source") if row["table_id"] in cut}
    return [note for note in notes if note.scope not in uncertain]


def _with_partitions(catalogue: CatalogueDump, partition_count: int) -> CatalogueDump:
    """Return the catalogue with so many partitions of every table."""
    dump = catalogue.tables["data_table"]
    column = dump.columns.index("partition_count")
    rows = [[*row[:column], partition_count, *row[column + 1 :]] for row in dump.rows]
    tables = {**catalogue.tables, "data_table": TableDump(dump.columns, rows)}
    return replace(catalogue, tables=tables)


def _new_snapshots(settings: Settings, directory: Path) -> SnapshotStore:
    """Return the home of a restored server's blocks, in `directory` if that is where it will be."""
    if settings.storage is None:
        return LocalSnapshots(directory / SNAPSHOTS)
    snapshots = open_snapshots(settings.storage_place, directory / settings.cache_directory.name)
    if snapshots.partitions():
        raise Conflict(f"{settings.storage}: there are snapshots already; name an empty place")
    return snapshots


def _new_log(url: str) -> Log:
    log = Log(open_engine(url))
    if not log.is_empty():
        log.close()
        place = sa.make_url(url).render_as_string(hide_password=True)
        raise Conflict(f"{place}: there is a log already; name an empty database")
    return log


def _moved(url: str, settings: Settings, directory: Path) -> str:
    """Return where a database of the data directory lies until that is in its place."""
    return url.replace(f"sqlite:///{settings.data}/", f"sqlite:///{directory}/")


def _read(repository: Repository, content: Content, what: str) -> bytes:
    return b"".join(repository.read_content(content, what))


@contextmanager
def _directory_for(place: Path) -> Iterator[Path]:
    """Give an empty directory that is moved to a place when the block ends well."""
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Conflict(f"{place} is there already and not empty; name a new directory")
    directory = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent.resolve()))
        yield directory
        if place.exists():
            place.rmdir()
        directory.rename(place)
        sync_directory(place.parent)
    except OSError as error:
        raise Overloaded(f"{place} cannot be restored to ({error})") from error
    finally:
        if directory is not None and directory.exists():
            shutil.rmtree(directory, ignore_errors=True)
