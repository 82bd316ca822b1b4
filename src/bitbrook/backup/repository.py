"""A repository of backups: what each consists of, and contents kept once however many have them.

Every content is an object named by its SHA-256, so that a backup stores only what none before it
had. A backup is a list of such names, written when all of them are there: one that was interrupted
does not exist. Format 1:

    contents/<two digits>/<SHA-256>    blocks as they were; portions of the log, the notes and the
                                       catalogue in MessagePack
    backups/<id>                       SHA-256 of the rest in hexadecimal digits, a line feed, JSON

Knows nothing of servers, directories of data or how contents are read.
"""

import hashlib
import io
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from bitbrook.backup.objects import PORTION_BYTES, Objects
from bitbrook.errors import Damaged, NotFound
from bitbrook.stores.snapshots import Block

FORMAT_VERSION = 1
CONTENTS, BACKUPS = "contents", "backups"


class Content(msgspec.Struct, frozen=True):
    """Bytes of a backup, by what they are."""

    sha256: str
    size_bytes: int


class StoredBlock(msgspec.Struct, frozen=True):
    """A block of a snapshot, and its bytes."""

    block: Block
    content: Content


class LogPortion(msgspec.Struct, frozen=True):
    """Some of a partition's log, without a gap: a MessagePack list of [sequence, body]."""

    first: int
    last: int
    content: Content


class StoredPartition(msgspec.Struct, frozen=True):
    """One partition.

    It can be restored as it was after any batch from `earliest` to `latest`: blocks contain some
    of the batches up to the former, the log goes to the latter. `manifest`: as the log had it, None
    if it had none.
    """

    name: str
    earliest: int
    latest: int
    manifest: str | None
    blocks: list[StoredBlock]
    log: list[LogPortion]


class StoredTable(msgspec.Struct, frozen=True):
    """One table, for whoever chooses what to restore."""

    id: str
    name: str
    deployment: str
    partitions: list[StoredPartition]


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup. `new_bytes`: what no earlier one had."""

    id: str
    created_at: str
    bitbrook: str
    catalogue: Content
    notes: Content
    tables: list[StoredTable]
    new_bytes: int
    format_version: int = FORMAT_VERSION

    @property
    def partitions(self) -> list[StoredPartition]:
        """The partitions of all tables."""
        return [partition for table in self.tables for partition in table.partitions]

    @property
    def contents(self) -> Iterator[tuple[str, Content]]:
        """Everything it consists of, each with what it is."""
        yield "the catalogue", self.catalogue
        yield "the notes of the log", self.notes
        for partition in self.partitions:
            for block in partition.blocks:
                yield f"block {block.block.name} of partition {partition.name}", block.content
            for portion in partition.log:
                what = f"batches {portion.first} to {portion.last} of partition {partition.name}"
                yield what, portion.content

    @property
    def size_bytes(self) -> int:
        """Bytes of everything that it consists of."""
        return sum({each.sha256: each.size_bytes for _, each in self.contents}.values())


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Backup)


class _Format(msgspec.Struct):
    format_version: int


class Repository:
    """Backups in a home of objects."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def backup_ids(self) -> list[str]:
        """Return the ids of all backups, oldest first."""
        return sorted(name.rpartition("/")[2] for name in self.objects.names(BACKUPS))

    def backup(self, backup_id: str | None = None) -> Backup:
        """Return a backup, by default the newest.

        Raises:
            NotFound: there is none, or none of that id.
            Damaged: it is not what was written, or a later release wrote it.
        """
        known = self.backup_ids()
        if not known:
            raise NotFound(f"{self.objects.place} holds no backups; name where some were created")
        if backup_id is not None and backup_id not in known:
            raise NotFound(
                f"{self.objects.place} holds no backup {backup_id!r}; it has {', '.join(known)}"
            )
        chosen = known[-1] if backup_id is None else backup_id
        encoded = b"".join(self.objects.read(f"{BACKUPS}/{chosen}"))
        digest, _, body = encoded.partition(b"\n")
        where = f"{self.objects.place}/{BACKUPS}/{chosen}"
        if digest.decode(errors="replace") != hashlib.sha256(body).hexdigest():
            raise Damaged(f"{where} does not match its checksum; use another backup")
        version = msgspec.json.decode(body, type=_Format).format_version
        if version > FORMAT_VERSION:
            raise Damaged(
                f"{where} has format {version} and this release knows {FORMAT_VERSION}; use the "
                "release that wrote it, or a later one"
            )
        return _DECODER.decode(body)

    def add_backup(self, backup: Backup) -> None:
        """Let a backup, all of whose contents are stored, exist."""
        body = _ENCODER.encode(backup)
        encoded = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
        self.objects.write(f"{BACKUPS}/{backup.id}", io.BytesIO(encoded))

    def remove_backup(self, backup_id: str) -> None:
        """Let a backup exist no more; its contents stay."""
        self.objects.delete(f"{BACKUPS}/{backup_id}")

    def content_names(self) -> set[str]:
        """Return the SHA-256 of every content that is stored."""
        return {name.rpartition("/")[2] for name in self.objects.names(CONTENTS)}

    def write_content(self, content: Content, body: BinaryIO) -> None:
        """Store a content."""
        self.objects.write(_place(content.sha256), body)

    def remove_content(self, sha256: str) -> None:
        """Remove a content that no backup has."""
        self.objects.delete(_place(sha256))

    def read_content(self, content: Content, what: str) -> Iterator[bytes]:
        """Give a content in portions; its end is reached only if it is what was written.

        Raises:
            Damaged: it is not, or it is missing; names `what` it is.
        """
        place = f"{self.objects.place}/{_place(content.sha256)}"
        digest = hashlib.sha256()
        try:
            for portion in self.objects.read(_place(content.sha256)):
                digest.update(portion)
                yield portion
        except NotFound:
            raise Damaged(f"{place} ({what}) is missing; use another backup") from None
        if digest.hexdigest() != content.sha256:
            raise Damaged(f"{place} ({what}) is not what was written; use another backup")


def content_of(body: BinaryIO) -> Content:
    """Return what an open file contains, and go back to its beginning."""
    digest, size_bytes = hashlib.sha256(), 0
    while portion := body.read(PORTION_BYTES):
        digest.update(portion)
        size_bytes += len(portion)
    body.seek(0)
    return Content(digest.hexdigest(), size_bytes)


def _place(sha256: str) -> str:
    return f"{CONTENTS}/{sha256[:2]}/{sha256}"
