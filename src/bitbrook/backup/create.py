"""A new backup: what a server has stored now, of which only what is new is read and stored.

The log goes first, so that its transaction ends soon; blocks wait under their pins. Everything is
checked while it is read: a backup of damage would be found out when it is needed.
"""

import io
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import BinaryIO

import msgspec

from bitbrook.backup.image import Image, PartitionImage, open_image
from bitbrook.backup.repository import (
    Backup,
    Content,
    LogPortion,
    Repository,
    StoredBlock,
    StoredPartition,
    StoredTable,
    content_of,
)
from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.engine.batch import decode_batch
from bitbrook.engine.partition import Partition
from bitbrook.engine.shard_block import open_shard
from bitbrook.errors import Damaged
from bitbrook.schema.field_types import TableSchema
from bitbrook.settings import Settings
from bitbrook.stores.blocks import check_block
from bitbrook.stores.catalogue_dump import encode_dump
from bitbrook.stores.log import LogEntry
from bitbrook.stores.snapshots import Block

PORTION_SEQUENCES = 64
PORTION_BYTES_MAX = 16 << 20
"""The log is cut after every 64th sequence, or so many bytes: the next backup, whose log begins
later, has the same portions from its first cut on, and stores them no second time."""

REMEDY = "nothing was backed up; see what `bitbrook check` says"

_encode = msgspec.msgpack.Encoder().encode


def create_backup(
    settings: Settings, repository: Repository, *, clock: Clock = SYSTEM_CLOCK
) -> Backup:
    """Return a new backup of what a server of these settings has stored.

    Raises:
        Damaged: what is stored is not what was written; no backup was made.
        Overloaded: the repository cannot be written, or a store is busy or out of reach.
        Conflict: another backup is being written to the repository.
    """
    with repository.objects.changing():
        store = _Store(repository)
        with open_image(settings) as image:
            log = {
                name: list(_store_log(partition, image, store))
                for name, partition in image.partitions.items()
                if image.schema_of(name) is not None
            }
            notes = store.bytes(_encode(image.log.notes()))
            image.release_log()
            tables = _tables(image, log, store)
            catalogue = store.bytes(encode_dump(image.catalogue))
        now = clock.now()
        backup = Backup(
            id=_new_id(now, repository),
            created_at=now.isoformat(timespec="seconds"),
            bitbrook=version("bitbrook"),
            catalogue=catalogue,
            notes=notes,
            tables=tables,
            new_bytes=store.new_bytes,
        )
        repository.add_backup(backup)
    return backup


def _new_id(now: datetime, repository: Repository) -> str:
    """Return an id that sorts behind those there are, also when the clock was set back."""
    known = repository.backup_ids()
    new = f"{now:%Y%m%dT%H%M%S.%f}Z"
    return new if not known or new > known[-1] else f"{known[-1]}-1"


class _Store:
    """Stores contents that the repository does not have."""

    def __init__(self, repository: Repository) -> None:
        self.new_bytes = 0
        self._repository = repository
        self._stored = repository.content_names()
        self._blocks: dict[tuple[str, Block], Content] = {}
        if repository.backup_ids():
            for partition in repository.backup().partitions:
                for each in partition.blocks:
                    if each.content.sha256 in self._stored:
                        self._blocks[partition.name, each.block] = each.content

    def bytes(self, body: bytes) -> Content:
        content = content_of(io.BytesIO(body))
        if content.sha256 not in self._stored:
            self._write(content, io.BytesIO(body))
        return content

    def block(self, partition: str, block: Block, image: Image) -> Content:
        """Store a block; one that the newest backup has (no name is used twice) is not read."""
        known = self._blocks.get((partition, block))
        if known is not None:
            return known
        with image.blocks.open_block(partition, block) as file:
            check_block(file, block, image.snapshots.place_of(partition, block.name))
            content = content_of(file)
            if content.sha256 not in self._stored:
                self._write(content, file)
        return content

    def _write(self, content: Content, body: BinaryIO) -> None:
        self._repository.write_content(content, body)
        self._stored.add(content.sha256)
        self.new_bytes += content.size_bytes


def _store_log(partition: PartitionImage, image: Image, store: _Store) -> Iterator[LogPortion]:
    schema = image.schema_of(partition.name)
    assert schema is not None, "only partitions of tables that exist are stored"
    entries: list[LogEntry] = []
    size_bytes, last = 0, _first_sequence(partition) - 1
    for entry in image.log.entries(partition.name):
        if entry.sequence != last + 1:
            raise Damaged(
                f"the log of partition {partition.name} lacks batch {last + 1}: {entry.sequence} "
                f"follows {last}; {REMEDY}"
            )
        where = f"batch {entry.sequence} in the log of partition {partition.name}"
        decode_batch(entry.body, schema, where=where)
        last = entry.sequence
        entries.append(entry)
        size_bytes += len(entry.body)
        if last % PORTION_SEQUENCES == 0 or size_bytes >= PORTION_BYTES_MAX:
            yield _portion(entries, store)
            entries, size_bytes = [], 0
    if entries:
        yield _portion(entries, store)


def _first_sequence(partition: PartitionImage) -> int:
    """Return the sequence that a partition's log begins with, if it has any."""
    if partition.fault is not None:
        raise Damaged(f"{partition.fault}; {REMEDY}")
    return 1 if partition.manifest is None else partition.manifest.sequence + 1


def _portion(entries: list[LogEntry], store: _Store) -> LogPortion:
    content = store.bytes(_encode([(entry.sequence, entry.body) for entry in entries]))
    return LogPortion(entries[0].sequence, entries[-1].sequence, content)


def _tables(image: Image, log: dict[str, list[LogPortion]], store: _Store) -> list[StoredTable]:
    deployments = {row["id"]: row["name"] for row in image.catalogue.rows("deployment")}
    tables = []
    for row in image.catalogue.rows("data_table"):
        partitions = [
            _store_partition(partition, image, image.schemas[row["id"]], log[name], store)
            for name, partition in image.partitions.items()
            if name.rpartition(".")[0] == row["id"]
        ]
        deployment = deployments.get(row["deployment_id"], "")
        tables.append(StoredTable(row["id"], row["name"], deployment, partitions))
    return tables


def _store_partition(
    partition: PartitionImage,
    image: Image,
    schema: TableSchema,
    log: list[LogPortion],
    store: _Store,
) -> StoredPartition:
    manifest = partition.manifest
    earliest = (
        0 if manifest is None else max(manifest.sequence, contained(partition, image, schema))
    )
    latest = log[-1].last if log else (0 if manifest is None else manifest.sequence)
    if latest < earliest:
        raise Damaged(
            f"the log of partition {partition.name} ends with batch {latest}, but its snapshot was "
            f"taken after batch {earliest}; {REMEDY}"
        )
    return StoredPartition(
        name=partition.name,
        earliest=earliest,
        latest=latest,
        manifest=None if partition.encoded is None else partition.encoded.decode(),
        blocks=[
            StoredBlock(block, store.block(partition.name, block, image))
            for block in (manifest.blocks if manifest else [])
        ],
        log=log,
    )


def contained(partition: PartitionImage, image: Image, schema: TableSchema) -> int:
    """Return the last batch of which a partition's blocks contain anything.

    Raises:
        Damaged: a block is missing or its list of contents is not what was written.
    """
    if partition.manifest is None:
        return 0
    image.snapshots.prepare(partition.name, partition.manifest.blocks)
    opened = Partition(schema, 0)
    for number, stored in partition.manifest.shards.items():
        pieces = image.blocks.read(partition.name, stored.block)
        opened.shards[number] = open_shard(pieces, stored.sequence, schema)
    return opened.loaded_sequence
