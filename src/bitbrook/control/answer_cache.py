"""Answers of endpoints that are given again while nothing that they were read from has changed.

An answer is kept with what it was read from: tables, each by its schema and its data version as it
was before the first question, and the views. It is given again only if all of that is still so at
that moment; a write that was acknowledged has moved its table's version, so no answer is older than
what its caller knows to be stored. Bounded in bytes; what was asked for longest ago goes first.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.compute.compute import Compute
from bitbrook.control.database import ControlDatabase
from bitbrook.control.registry import Registry
from bitbrook.errors import BitbrookError
from bitbrook.schema.field_types import TableSchema

ENTRY_BYTES = 1_000
"""About what an entry takes beside its body."""

BODY_PART_MAX = 8
"""A body may take one part in so many of the whole."""


class TableRead(NamedTuple):
    """A table as it was before it was asked anything."""

    schema: TableSchema
    version: tuple[int, ...]


class Reads:
    """What an answer was read from. `views`: None if no view was looked for."""

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        self.tables: dict[str, TableRead] = {}
        self.views: Mapping[str, str] | None = None

    def is_current(self, registry: Registry, compute: Compute) -> bool:
        """Whether all of it is as it was."""
        if self.views is not None and registry.views(self.deployment_id) != self.views:
            return False
        for name, read in self.tables.items():
            entry = registry.find_table(self.deployment_id, name)
            if entry is None or entry.schema != read.schema:
                return False
            try:
                if compute.data_version(read.schema.id) != read.version:
                    return False
            except BitbrookError:
                # It refuses; why, the statement itself is told.
                return False
        return True


class WatchedDatabase(ControlDatabase):
    """A deployment that notes what a statement reads of it."""

    def __init__(self, database: ControlDatabase) -> None:
        # The same deployment for the same caller, with a note beside it.
        self.__dict__.update(vars(database))
        self.reads = Reads(database.deployment_id)

    def table(self, name: str) -> TableSchema:
        """Return one table; its version is noted before anything is asked of it."""
        schema = super().table(name)
        if name not in self.reads.tables:
            version = self._compute.data_version(schema.id)
            self.reads.tables[name] = TableRead(schema, version)
        return schema

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> AnyPartial:
        """Return the merged answer of all partitions."""
        assert table.name in self.reads.tables, "a table is looked up before it is asked"
        return super().ask(table, question, budget)

    def views(self) -> dict[str, str]:
        """Return the SELECT that each view stands for, by name."""
        views = super().views()
        if self.reads.views is None:
            self.reads.views = views
        return views


class KeptAnswer(NamedTuple):
    """An answer, or what is known of one whose `body` is too large to be kept (None)."""

    etag: str
    reads: Reads
    content_type: str
    body: bytes | None
    rows_returned: int | None

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return ENTRY_BYTES + len(self.body or b"")


class AnswerCache:
    """The answers that are kept. `bytes_max` 0: none is.

    `hits`, `misses`: how often one was looked for whose body was kept and is so still, or was not.
    """

    def __init__(self, bytes_max: int, registry: Registry, compute: Compute) -> None:
        self.bytes_max = bytes_max
        self.hits = 0
        self.misses = 0
        self._registry = registry
        self._compute = compute
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, KeptAnswer] = OrderedDict()
        self._held_bytes = 0
        # Versions of data are of one process; what is named after them must not outlive it.
        self._process = secrets.token_hex(8)

    @property
    def held_bytes(self) -> int:
        """About how much memory it takes."""
        return self._held_bytes

    def find(self, key: str) -> KeptAnswer | None:
        """Return the answer under a key if it is what would be answered now."""
        kept = self._kept.get(key)
        if kept is None:
            self.misses += 1
            return None
        if not kept.reads.is_current(self._registry, self._compute):
            self._drop(key, kept)
            self.misses += 1
            return None
        if kept.body is None:
            self.misses += 1
        else:
            self.hits += 1
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
        return kept

    def keep(self, key: str, kept: KeptAnswer) -> None:
        """Keep an answer, without its body if that is large; older ones go."""
        if not self.bytes_max:
            return
        if len(kept.body or b"") > self.bytes_max // BODY_PART_MAX:
            kept = kept._replace(body=None)
        with self._lock:
            self._take_out(key)
            self._kept[key] = kept
            self._held_bytes += kept.size_bytes
            while self._held_bytes > self.bytes_max and self._kept:
                self._take_out(next(iter(self._kept)))

    def etag(self, key: str, reads: Reads) -> str:
        """Return the name of the answer under a key that was read from this."""
        versions = sorted((name, read.version) for name, read in reads.tables.items())
        seen = repr((self._process, key, versions, reads.views, sorted(reads.tables)))
        return f'"{hashlib.blake2b(seen.encode(), digest_size=16).hexdigest()}"'

    def _drop(self, key: str, kept: KeptAnswer) -> None:
        with self._lock:
            if self._kept.get(key) is kept:
                self._take_out(key)

    def _take_out(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._held_bytes -= kept.size_bytes
