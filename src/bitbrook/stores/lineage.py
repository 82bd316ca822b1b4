"""The histories that a log has had: a restore begins another one, in which sequences come again.

Sequence 100 of before a restore and sequence 100 of after it are different batches, so whoever kept
a sequence has to know of which history it is. A history is a note in the log that never expires; a
backup takes it along, and a restore adds one that says how far the one before it was kept. Knows
nothing of tables.
"""

import secrets
from collections.abc import Mapping, Sequence

import msgspec

from bitbrook.stores.log import Log, Note

SCOPE = "#lineage"
"""Scope of the notes; no source has such an id."""

ID_BYTES = 6
_NEVER_S = 1e15
"""Unix seconds at which the first one expires, the next one second later: so they keep in order."""


class Lineage(msgspec.Struct, frozen=True):
    """A history of a log.

    `kept`: of each partition, by name, the last sequence of the history before it that is in this
    one too. `is_parted`: whether partitions were cut anew, so that their numbers mean others.
    """

    id: bytes
    kept: dict[str, int] = {}
    is_parted: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Lineage).decode


def lineages_of(log: Log) -> Sequence[Lineage]:
    """Return a log's histories, oldest first; a log that has none yet gets its first."""
    found = _found(log)
    if not found:
        _add(log, Lineage(secrets.token_bytes(ID_BYTES)), number=0)
        found = _found(log)
    return found


def begin_lineage(log: Log, kept: Mapping[str, int], *, is_parted: bool = False) -> None:
    """Begin a history: what the one before it had beyond `kept` is not in it."""
    lineage = Lineage(secrets.token_bytes(ID_BYTES), dict(kept), is_parted)
    _add(log, lineage, number=len(_found(log)))


def _found(log: Log) -> list[Lineage]:
    return [_decode(note.body) for note in log.notes(SCOPE, now_s=0.0)]


def _add(log: Log, lineage: Lineage, *, number: int) -> None:
    log.keep_notes([Note(SCOPE, str(number), _encode(lineage), _NEVER_S + number)])
