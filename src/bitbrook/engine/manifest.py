"""A manifest: which blocks make up a partition's snapshot, and what they contain.

A partition is its current manifest's blocks plus the log beyond `sequence`. A shard's block may
contain later batches than that, and says so itself, part by part. Dictionaries and record keys are
append-only, so theirs are lists of blocks that each continue the one before.
"""

import re
import zlib

import msgspec

from bitbrook.errors import Damaged
from bitbrook.stores.snapshots import Block

FORMAT_VERSION = 2


class ShardBlock(msgspec.Struct, frozen=True):
    """The block of one shard, and the batch up to which all of it contains everything."""

    block: Block
    sequence: int


class KeysBlock(msgspec.Struct, frozen=True):
    """A block with the keys (or rows) of the codes from `first` on, `count` of them."""

    block: Block
    first: int
    count: int


class Manifest(msgspec.Struct, frozen=True):
    """What a partition's snapshot consists of.

    `sequence`: every batch up to it is in the blocks. `shards` by shard number, `dictionaries` by
    field id, `keys` of the records.
    """

    partition: str
    sequence: int = 0
    shards: dict[int, ShardBlock] = {}
    dictionaries: dict[int, list[KeysBlock]] = {}
    keys: list[KeysBlock] = []
    format_version: int = FORMAT_VERSION

    @property
    def blocks(self) -> list[Block]:
        """Every block the snapshot consists of."""
        keys_blocks = [self.keys, *self.dictionaries.values()]
        return [shard.block for shard in self.shards.values()] + [
            keys.block for blocks in keys_blocks for keys in blocks
        ]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all blocks."""
        return sum(block.size_bytes for block in self.blocks)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Manifest)
_SEQUENCE = re.compile(rb'[0-9a-f]{8}\{"partition":"[^"]*","sequence":(\d+),')


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as JSON behind its CRC-32 in eight hexadecimal digits."""
    body = _ENCODER.encode(manifest)
    return f"{zlib.crc32(body):08x}".encode() + body


def decode_manifest(encoded: bytes, partition: str) -> Manifest:
    """Return the manifest that `encode_manifest` wrote.

    Raises:
        Damaged: it does not match its checksum, or another release wrote it.
    """
    body = encoded[8:]
    if encoded[:8] != f"{zlib.crc32(body):08x}".encode():
        raise Damaged(
            f"the manifest of partition {partition} does not match its checksum; "
            "restore the data directory from a backup"
        )
    manifest = _DECODER.decode(body)
    if manifest.format_version != FORMAT_VERSION:
        raise Damaged(
            f"the manifest of partition {partition} has format {manifest.format_version} and this "
            f"is {FORMAT_VERSION}; open it with the release that wrote it"
        )
    return manifest


def sequence_at(beginning: bytes, partition: str) -> int:
    """Return the sequence of a manifest of which this is the beginning.

    Raises:
        Damaged: it does not look like one.
    """
    found = _SEQUENCE.match(beginning)
    if found is None:
        raise Damaged(f"the manifest of partition {partition} does not begin as one does")
    return int(found[1])
