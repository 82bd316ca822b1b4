"""Whether a data directory is what was written: all of it read and compared, nothing changed.

Goes on after a fault, so that one look names all of them, each with the place and what to do. Runs
beside a server as well as without one. What may be without harm is told too, as a remark.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from bitbrook.backup.create import contained
from bitbrook.backup.image import Image, PartitionImage, is_served, open_image
from bitbrook.engine.batch import decode_batch
from bitbrook.engine.dictionary import RowDictionary
from bitbrook.engine.keys import RecordKeys
from bitbrook.engine.keys_block import Keys, decode_keys
from bitbrook.engine.manifest import KeysBlock
from bitbrook.errors import BitbrookError, Damaged
from bitbrook.schema.field_types import TableSchema
from bitbrook.settings import Settings
from bitbrook.stores.blocks import Block, faulty_pieces
from bitbrook.stores.sql import is_used
from bitbrook.stores.wal import check_wal

RESTORE = "restore the data directory from a backup: bitbrook backup restore"
NEXT_START = "nothing needs to be done: the next start of the server removes it"


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it should be. `is_fault`: data is lost or cannot be read."""

    place: str
    what: str
    mend: str
    is_fault: bool = True


class CheckedTable(msgspec.Struct, frozen=True):
    """A table without faults, and how much of it was looked at."""

    name: str
    partitions: int
    blocks: int
    block_bytes: int
    batches: int


class Report(msgspec.Struct, frozen=True):
    """What a check found. `is_served`: a server used the directory meanwhile."""

    is_served: bool
    tables: list[CheckedTable]
    findings: list[Finding]

    @property
    def is_sound(self) -> bool:
        """Whether nothing that was stored is lost."""
        return not any(finding.is_fault for finding in self.findings)


def check_directory(settings: Settings) -> Report:
    """Return what a look at everything in the data directory of these settings found.

    Raises:
        Overloaded: it cannot be looked at now.
    """
    databases = (settings.log_database, settings.catalogue_database)
    served = is_served(settings.data) or any(is_used(url) for url in databases)
    findings: list[Finding] = []
    tables: list[CheckedTable] = []
    try:
        if not served:
            # A server that writes would be met in the middle of it.
            for url in databases:
                _check_write_ahead(url)
        with open_image(settings) as image:
            findings += _database_findings(image, settings)
            for schema in image.schemas.values():
                findings += _check_table(schema, image, tables)
            findings += _strays(image, served=served)
    except Damaged as error:
        findings.append(_finding(str(settings.data), error))
    return Report(served, tables, findings)


def _check_write_ahead(url: str) -> None:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        check_wal(Path(f"{parsed.database}-wal"))


def _database_findings(image: Image, settings: Settings) -> Iterator[Finding]:
    fault = image.log.fault()
    if fault is not None:
        yield Finding(
            _shown(settings.log_database), f"the log's database is damaged: {fault}", RESTORE
        )
    config = Config()
    config.set_main_option("script_location", "bitbrook.stores:migrations")
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    if image.catalogue.revision not in known:
        yield Finding(
            _shown(settings.catalogue_database),
            f"the catalogue has revision {image.catalogue.revision}, which this release does not "
            "know",
            "start the release that wrote it, or a later one",
        )


def _check_table(
    schema: TableSchema, image: Image, tables: list[CheckedTable]
) -> Iterator[Finding]:
    names = [f"{schema.id}.{number}" for number in range(schema.partition_count)]
    partitions = [image.partitions[name] for name in names if name in image.partitions]
    faults = 0
    counts = {"batches": 0, "blocks": 0, "bytes": 0}
    for partition in partitions:
        for finding in _check_partition(partition, schema, image, counts):
            faults += 1
            yield finding
    if not faults:
        tables.append(
            CheckedTable(
                schema.name, len(names), counts["blocks"], counts["bytes"], counts["batches"]
            )
        )


def _check_partition(
    partition: PartitionImage,
    schema: TableSchema,
    image: Image,
    counts: dict[str, int],
) -> Iterator[Finding]:
    where = f"table {schema.name!r}, partition {partition.name}"
    if partition.fault is not None:
        yield Finding(where, partition.fault, RESTORE)
        return
    manifest = partition.manifest
    last = 0 if manifest is None else manifest.sequence
    for entry in image.log.entries(partition.name):
        counts["batches"] += 1
        if entry.sequence != last + 1:
            what = f"the log lacks batch {last + 1}: {entry.sequence} follows {last}"
            yield Finding(where, what, RESTORE)
        last = entry.sequence
        try:
            decode_batch(entry.body, schema, where=f"batch {entry.sequence} of the log")
        except Exception as error:
            # Bytes that match no checksum, or match it and mean nothing: either is a finding.
            yield _finding(where, error)
    if manifest is None:
        return
    is_whole = True
    for block in manifest.blocks:
        counts["blocks"] += 1
        counts["bytes"] += block.size_bytes
        finding = _check_block(partition, block, image)
        if finding is not None:
            is_whole = False
            yield finding
    if is_whole:
        yield from _check_contents(partition, schema, image, where, last=last)


def _check_block(partition: PartitionImage, block: Block, image: Image) -> Finding | None:
    place = image.snapshots.place_of(partition.name, block.name)
    if block.name in partition.missing:
        return Finding(place, "the block is missing", RESTORE)
    try:
        with image.blocks.open_block(partition.name, block) as file:
            for number in faulty_pieces(file, block, place):
                what = f"piece {number} of the block does not match its checksum"
                return Finding(place, what, RESTORE)
    except Damaged as error:
        # It may name the link through which the block was read.
        said = error.message.partition(": ")[2].partition(";")[0]
        return Finding(place, f"the block {said}", RESTORE)
    return None


def _check_contents(
    partition: PartitionImage, schema: TableSchema, image: Image, where: str, *, last: int
) -> Iterator[Finding]:
    """Check that blocks, each sound in itself, fit together and fit the log."""
    manifest = partition.manifest
    assert manifest is not None, "without a manifest there are no blocks"
    try:
        contained_last = contained(partition, image, schema)
        if contained_last > last:
            yield Finding(
                where,
                f"the log ends with batch {last}, but the snapshot was taken after batch "
                f"{contained_last}",
                RESTORE,
            )
        if schema.is_keyed:
            yield from _check_keys(RecordKeys(), manifest.keys, partition.name, image, where)
        for field in schema.fields:
            if field.id in manifest.dictionaries:
                blocks = manifest.dictionaries[field.id]
                rows = RowDictionary(is_keyed=field.is_keyed)
                yield from _check_keys(rows, blocks, partition.name, image, where)
    except Exception as error:
        # Whatever the contents of a block that is sound in itself lead to is a finding.
        yield _finding(where, error)


def _check_keys(
    keys: Keys, blocks: list[KeysBlock], partition: str, image: Image, where: str
) -> Iterator[Finding]:
    for stored in blocks:
        if stored.first != len(keys):
            what = f"block {stored.block.name} begins with key {stored.first}, not {len(keys)}"
            yield Finding(where, what, RESTORE)
            return
        decode_keys(image.blocks.read(partition, stored.block), keys)
        if len(keys) != stored.first + stored.count:
            what = f"block {stored.block.name} has not the {stored.count} keys that it should"
            yield Finding(where, what, RESTORE)
            return


def _strays(image: Image, *, served: bool) -> Iterator[Finding]:
    """Tell of what belongs to nothing; beside a server it may just be coming or going."""
    for name in image.partitions:
        if image.schema_of(name) is None:
            yield Finding(
                name,
                "the log has a partition of a table that the catalogue does not have",
                "it may be left of a table that was deleted; restore the catalogue and the log "
                "from the same backup if a table is missing",
                is_fault=False,
            )
    if served:
        return
    for name in sorted(image.snapshots.partitions()):
        partition = image.partitions.get(name)
        manifest = None if partition is None else partition.manifest
        named = {block.name for block in manifest.blocks} if manifest else set()
        stored = image.snapshots.names(name)
        if image.schema_of(name) is not None and partition is None and stored:
            place = image.snapshots.place_of(name, "")
            yield Finding(place, "there are blocks, but no manifest that names them", RESTORE)
            continue
        if manifest is not None or partition is None:
            for block in sorted(stored - named):
                place = image.snapshots.place_of(name, block)
                yield Finding(place, "the block belongs to no manifest", NEXT_START, is_fault=False)


def _shown(url: str) -> str:
    """Return where a database is, without the password that its URL may have."""
    return sa.make_url(url).render_as_string(hide_password=True)


def _finding(place: str, error: Exception) -> Finding:
    if isinstance(error, BitbrookError):
        what, _, _ = error.message.partition("; ")
        return Finding(place, what, RESTORE)
    return Finding(place, f"it cannot be read ({error!r})", RESTORE)
