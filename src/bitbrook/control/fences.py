"""Write fences: a token says which batches of a table a statement has to see, or be refused.

A token names the log's history, the table and the sequence of each partition that a write went to;
it is opaque to whoever carries it, and a checksum tells one that was cut or mixed up. Sequences of
an earlier history (before a restore) count as far as the restore kept them. A statement without a
token pays nothing.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from bitbrook.compute.compute import Compute
from bitbrook.control.registry import Registry
from bitbrook.engine.recovery import partition_name
from bitbrook.errors import Behind, InvalidFence, TableNotFound
from bitbrook.stores.lineage import Lineage

HEADER = "X-Min-Seq"
"""Header that carries tokens with a statement, and the token of a write with its answer."""

TOKENS_MAX = 64

_MARK = "s1."
_CHECK_BYTES = 6


class _Write(NamedTuple):
    """What a token says: a history, a table, and a sequence by partition number."""

    lineage: bytes
    table_id: str
    sequences: dict[int, int]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Write).decode


class Fences:
    """The tokens of one server, made and checked."""

    def __init__(self, lineages: Sequence[Lineage], registry: Registry, compute: Compute) -> None:
        """Prepare. `lineages`: the log's histories, oldest first; the last one is going on."""
        self._lineages = lineages
        self._registry = registry
        self._compute = compute

    def token(self, table_id: str, sequences: Mapping[int, int] | None = None) -> str:
        """Return the token of a write; without sequences, of all that a table has by now."""
        if sequences is None:
            sequences = self._compute.sequences(table_id)
        content = _encode((self._lineages[-1].id, table_id, sequences))
        return _MARK + _text_of(content + _checksum(content))

    def fence(self, deployment_id: str, tokens: str) -> "StatementFence":
        """Return the fence of a statement, which every one of these tokens lets through.

        `tokens`: one or several, parted by commas.

        Raises:
            InvalidFence: one is no token, or of a table that the deployment has not.
            Behind: a table does not have (yet) what one asks for.
        """
        texts = [text.strip() for text in tokens.split(",")]
        if len(texts) > TOKENS_MAX:
            raise _invalid(f"{len(texts)} tokens are given and {TOKENS_MAX} may be")
        names: dict[str, str] = {}
        for text in texts:
            write = _read(text)
            names[write.table_id] = self._table_name(deployment_id, write.table_id)
            self._check(write, names[write.table_id])
        return StatementFence(names)

    def _table_name(self, deployment_id: str, table_id: str) -> str:
        for entry in self._registry.tables(deployment_id):
            if entry.row.id == table_id:
                return entry.row.name
        raise _invalid("the token is of a table that this deployment does not have")

    def _check(self, write: _Write, name: str) -> None:
        reached = self._reached(write)
        behind = {
            number: sequence
            for number, sequence in write.sequences.items()
            if reached.get(number, 0) < sequence
        }
        if behind:
            reached = {number: reached.get(number, 0) for number in behind}
            is_past = write.lineage != self._lineages[-1].id
            why = (
                "it was restored from a backup that does not have them; send the records again"
                if is_past
                else "ask again a moment later"
            )
            raise Behind(
                f"table {name!r} does not have the records of the token: {_listed(behind, reached)}"
                f"; {why}",
                needed=behind,
                reached=reached,
            )

    def _reached(self, write: _Write) -> dict[int, int]:
        """Return how far the table is, in the sequences of the history that a token is of."""
        ids = [lineage.id for lineage in self._lineages]
        if write.lineage not in ids:
            return {}
        later = self._lineages[ids.index(write.lineage) + 1 :]
        if not later:
            try:
                return self._compute.sequences(write.table_id)
            except TableNotFound:
                return {}
        reached: dict[int, int] = {}
        for number in write.sequences:
            name = partition_name(write.table_id, number)
            kept = []
            for lineage in later:
                kept.append(lineage.kept.get(name, 0))
                if lineage.is_parted:
                    # From there on the numbers of partitions mean others.
                    break
            reached[number] = min(kept)
        return reached


class StatementFence:
    """What a statement with tokens has to read: their tables, by id. Made by `Fences.fence`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._unread = dict(names)

    def note_read(self, table_id: str) -> None:
        """Take note that the statement reads a table."""
        self._unread.pop(table_id, None)

    def note_write(self) -> None:
        """Take note that the statement writes, so that it cannot be refused any more."""
        self._unread.clear()

    def finish(self) -> None:
        """Return if the statement has read every token's table.

        Raises:
            InvalidFence: it has not: the token belongs to another statement.
        """
        if self._unread:
            names = ", ".join(map(repr, sorted(self._unread.values())))
            raise _invalid(f"the token is of table {names}, which the statement does not read")


def _read(text: str) -> _Write:
    try:
        packed = base64.urlsafe_b64decode(text.removeprefix(_MARK) + "==")
        content, check = packed[:-_CHECK_BYTES], packed[-_CHECK_BYTES:]
        # Written in the one way that it is written here: the last digit has bits that say nothing.
        if text != _MARK + _text_of(packed) or check != _checksum(content):
            raise _invalid(f"{text[:40]!r} is no token of a write, or not all of one")
        return _decode(content)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _invalid(f"{text[:40]!r} is no token of a write, or not all of one") from None


def _invalid(problem: str) -> InvalidFence:
    return InvalidFence(
        f"{HEADER}: {problem}; give the one that the answer to a request of records had",
        field=HEADER,
    )


def _listed(needed: Mapping[int, int], reached: Mapping[int, int]) -> str:
    return ", ".join(
        f"partition {number} is at {reached[number]} of {sequence}"
        for number, sequence in sorted(needed.items())
    )


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES, person=b"write fence").digest()


def _text_of(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
