"""What a server has stored as it was at one moment, read beside the server that goes on writing.

The log's database gives the moment: its manifests, entries and notes are of one transaction. The
blocks that those manifests name never change, and pins, set at once, keep them while they are read,
whatever a checkpoint removes meanwhile. The catalogue is read last, because a schema changes there
before the engine hears of it: it knows every field that an entry names.

Knows nothing of why somebody reads, nor of where things lie.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bitbrook.control.directory_lock import FILE_NAME as LOCK_NAME
from bitbrook.engine.manifest import Manifest, decode_manifest
from bitbrook.errors import Damaged, Overloaded
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_dump import CatalogueDump, dump_catalogue
from bitbrook.stores.log import LogExtent
from bitbrook.stores.log_image import LogImage, reading_log
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.snapshots import Pins, SnapshotStore

TRIES_MAX = 20


@dataclass
class PartitionImage:
    """One partition: its manifest, what the log has beyond it, and which blocks are not there.

    `manifest` is None where there is none, or where `fault` says why it cannot be read.
    """

    name: str
    encoded: bytes | None
    manifest: Manifest | None
    extent: LogExtent | None
    fault: str | None = None
    missing: list[str] = field(default_factory=list)


@dataclass
class Image:
    """What was stored at one moment. Made by `open_image`.

    `partitions` by name. `blocks` finds the blocks that their manifests name; `snapshots` are all
    there are. `schemas` of the catalogue's tables, by id.
    """

    catalogue: CatalogueDump
    schemas: dict[str, TableSchema]
    log: LogImage
    snapshots: SnapshotStore
    blocks: Pins
    partitions: dict[str, PartitionImage]
    _log_reading: ExitStack

    def schema_of(self, partition: str) -> TableSchema | None:
        """Return the schema of a partition's table, None if the catalogue has no such table."""
        return self.schemas.get(partition.rpartition(".")[0])

    def release_log(self) -> None:
        """Let go of the log's transaction, which keeps its database from reusing room."""
        self._log_reading.close()


def snapshots_of(settings: Settings) -> SnapshotStore:
    """Return the snapshots of a server of these settings."""
    return open_snapshots(
        settings.storage_place,
        settings.cache_directory,
        cache_bytes=settings.storage_cache_bytes,
    )


@contextmanager
def open_image(settings: Settings) -> Iterator[Image]:
    """Give what a server of these settings has stored, as it is now.

    Raises:
        Damaged: there is no such data directory, or the databases cannot be read.
        Overloaded: a database is busy, the storage is out of reach, or links cannot be made.
    """
    directory = settings.data
    if settings.stores_in_data and not directory.is_dir():
        raise Damaged(f"{directory}: there is no such directory; name a data directory")
    snapshots = snapshots_of(settings)
    with ExitStack() as closing:
        pins = closing.enter_context(snapshots.pinning())
        reading = closing.enter_context(ExitStack())
        before: dict[str, PartitionImage] = {}
        for _ in range(TRIES_MAX):
            log = reading.enter_context(reading_log(settings.log_database))
            partitions = _partitions(log)
            for each in partitions.values():
                if each.manifest is not None:
                    each.missing = pins.pin(each.name, each.manifest.blocks)
            # What a checkpoint replaced between the two reads is there in its new manifest.
            if all(
                not each.missing or _is_same(each, before.get(each.name))
                for each in partitions.values()
            ):
                break
            before = partitions
            reading.close()
        else:
            raise Overloaded(
                f"{settings.storage_place}: blocks were replaced faster than they could be pinned; "
                "try again"
            )
        catalogue = dump_catalogue(settings.catalogue_database)
        yield Image(
            catalogue=catalogue,
            schemas=schemas_of(catalogue),
            log=log,
            snapshots=snapshots,
            blocks=pins,
            partitions=partitions,
            _log_reading=reading,
        )


def schemas_of(catalogue: CatalogueDump) -> dict[str, TableSchema]:
    """Return the schemas of a catalogue's tables, by id.

    Raises:
        Damaged: a field's definition is not what was written.
    """
    fields: dict[str, list[FieldSchema]] = {}
    try:
        for row in sorted(catalogue.rows("field"), key=lambda row: (row["table_id"], row["id"])):
            definition = msgspec.json.decode(row["definition"], type=FieldSchema)
            fields.setdefault(row["table_id"], []).append(definition)
    except msgspec.DecodeError as error:
        raise Damaged(
            f"the catalogue's field {row['name']!r} of table {row['table_id']} cannot be read "
            f"({error}); restore the data directory from a backup"
        ) from error
    return {
        row["id"]: TableSchema(
            id=row["id"],
            name=row["name"],
            is_keyed=bool(row["is_keyed"]),
            fields=tuple(fields.get(row["id"], ())),
            partition_count=row["partition_count"],
        )
        for row in catalogue.rows("data_table")
    }


def is_served(directory: Path) -> bool:
    """Whether a server uses a data directory now."""
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _partitions(log: LogImage) -> dict[str, PartitionImage]:
    manifests, extents = log.manifests(), log.extents()
    partitions = {}
    for name in sorted(manifests.keys() | extents.keys()):
        encoded, manifest, fault = manifests.get(name), None, None
        if encoded is not None:
            try:
                manifest = decode_manifest(encoded, name)
            except Damaged as error:
                fault = error.message
        partitions[name] = PartitionImage(name, encoded, manifest, extents.get(name), fault)
    return partitions


def _is_same(now: PartitionImage, before: PartitionImage | None) -> bool:
    return before is not None and now.encoded == before.encoded
