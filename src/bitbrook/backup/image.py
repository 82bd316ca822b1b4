"""A data directory as it was at one moment, read beside the server that goes on writing to it.

The log's database gives the moment: its manifests, entries and notes are of one transaction. The
blocks that those manifests name never change, and links to them, made at once, keep them while they
are read, whatever a checkpoint removes meanwhile. The catalogue is read last, because a schema
changes there before the engine hears of it: it knows every field that an entry names.

Knows nothing of why somebody reads.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bitbrook.control.directory_lock import FILE_NAME as LOCK_NAME
from bitbrook.control.service import SNAPSHOTS
from bitbrook.engine.manifest import Manifest, decode_manifest
from bitbrook.errors import Damaged, Overloaded
from bitbrook.schema.field_types import FieldSchema, TableSchema
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_dump import CatalogueDump, dump_catalogue
from bitbrook.stores.log import LogExtent
from bitbrook.stores.log_image import LogImage, reading_log
from bitbrook.stores.snapshots import LocalSnapshots

PINS = "pins"
"""Directory, in the data directory, of the links to blocks that somebody reads."""

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
    """What a data directory held at one moment. Made by `open_image`.

    `partitions` by name. `snapshots` finds the blocks that their manifests name. `schemas` of the
    catalogue's tables, by id.
    """

    catalogue: CatalogueDump
    schemas: dict[str, TableSchema]
    log: LogImage
    snapshots: LocalSnapshots
    blocks: Path
    partitions: dict[str, PartitionImage]
    _log_reading: ExitStack

    def schema_of(self, partition: str) -> TableSchema | None:
        """Return the schema of a partition's table, None if the catalogue has no such table."""
        return self.schemas.get(partition.rpartition(".")[0])

    def release_log(self) -> None:
        """Let go of the log's transaction, which keeps its database from reusing room."""
        self._log_reading.close()


@contextmanager
def open_image(settings: Settings) -> Iterator[Image]:
    """Give the data directory of these settings as it is now.

    Raises:
        Damaged: there is none, or its databases cannot be read.
        Overloaded: a database is busy, or links cannot be made.
    """
    directory = settings.data
    if not directory.is_dir():
        raise Damaged(f"{directory}: there is no such directory; name a data directory")
    with ExitStack() as closing:
        pins = closing.enter_context(_pins(directory))
        reading = closing.enter_context(ExitStack())
        before: dict[str, PartitionImage] = {}
        for _ in range(TRIES_MAX):
            log = reading.enter_context(reading_log(settings.log_database))
            partitions = _partitions(log)
            for each in partitions.values():
                _pin(each, directory / SNAPSHOTS, pins)
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
                f"{directory}: its blocks were replaced faster than they could be linked; try again"
            )
        catalogue = dump_catalogue(settings.catalogue_database)
        yield Image(
            catalogue=catalogue,
            schemas=schemas_of(catalogue),
            log=log,
            snapshots=LocalSnapshots(pins),
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


def _pin(partition: PartitionImage, snapshots: Path, pins: Path) -> None:
    """Link the blocks of a partition's manifest; note those that are not there."""
    if partition.manifest is None:
        return
    (pins / partition.name).mkdir(exist_ok=True)
    for block in partition.manifest.blocks:
        try:
            os.link(snapshots / partition.name / block.name, pins / partition.name / block.name)
        except FileExistsError:
            continue
        except FileNotFoundError:
            partition.missing.append(block.name)
        except OSError as error:
            raise Overloaded(
                f"{snapshots / partition.name / block.name} cannot be linked "
                f"({os.strerror(error.errno or errno.EIO)}); a backup needs a data directory that "
                "it may write to, on a file system with links"
            ) from error


@contextmanager
def _pins(directory: Path) -> Iterator[Path]:
    """Give an empty directory for links, which goes with this process however it ends."""
    home = directory / PINS
    owner = directory.stat().st_uid
    if os.geteuid() != owner:
        # What this process makes there, SQLite's files too, the server could not use.
        raise Overloaded(
            f"{directory} belongs to the user {owner} and this process to {os.geteuid()}; "
            "run it as the user that the server runs as"
        )
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        with _locked(home, fcntl.LOCK_EX):
            _remove_abandoned(home)
            pins = Path(tempfile.mkdtemp(dir=home))
            descriptor = os.open(pins, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise Overloaded(
            f"{home} cannot be written ({error.strerror}); a backup and a check keep links there: "
            "run them as the user that the server runs as"
        ) from error
    try:
        yield pins
    finally:
        shutil.rmtree(pins, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _locked(directory: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(home: Path) -> None:
    """Remove the links of processes that have died: they keep what they link from going."""
    for pins in home.iterdir():
        try:
            with _locked(pins, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(pins, ignore_errors=True)
        except BlockingIOError:
            continue
