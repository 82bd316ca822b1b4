"""Answers of endpoints that are given again while nothing that they were read from has changed.

An answer is kept with what it was read from: tables, each by its schema and its data version as it
was before the first question, and the views. It is given again only if all of that is still so at
that moment; a write that was acknowledged has moved its table's version, so no answer is older than
what its caller knows to be stored. Bounded in bytes; what was asked for longest ago goes first.

Where other processes have to be asked for versions, that is done for as long as it saves anything:
an answer that has changed whenever it was looked for is kept again only now and then.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.compute.compute import Compute
from bitbrook.control.database import ControlDatabase
from bitbrook.control.registry import Registry
from bitbrook.errors import BitbrookError, PartitionUnavailable
from bitbrook.schema.field_types import TableSchema

ENTRY_BYTES = 1_000
"""About what an entry takes beside its body."""

BODY_PART_MAX = 8
"""A body may take one part in so many of the whole."""

REST_MAX = 64
"""After how many calls at most an answer is kept again that has always changed."""

CHANGING_MAX = 10_000
"""Answers of which it is known that they change."""


class TableRead(NamedTuple):
    """A table as it was before it was asked anything. `version`: None if that is not known."""

    schema: TableSchema
    version: tuple[int, ...] | None


class Reads:
    """What an answer was read from. `views`: None if no view was looked for."""

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        self.tables: dict[str, TableRead] = {}
        self.views: Mapping[str, str] | None = None

    @property
    def is_known(self) -> bool:
        """Whether it can be told later if all of it is as it was."""
        return all(read.version is not None for read in self.tables.values())

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
    """A deployment that notes what a statement reads of it; `with_versions`: as it was then."""

    def __init__(self, database: ControlDatabase, *, with_versions: bool = True) -> None:
        # The same deployment for the same caller, with a note beside it.
        self.__dict__.update(vars(database))
        self.reads = Reads(database.deployment_id)
        self._with_versions = with_versions

    def table(self, name: str) -> TableSchema:
        """Return one table; its version is noted before anything is asked of it."""
        schema = super().table(name)
        if name not in self.reads.tables:
            self.reads.tables[name] = TableRead(schema, self._version(schema.id))
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

    def _version(self, table_id: str) -> tuple[int, ...] | None:
        if not self._with_versions:
            return None
        try:
            return self._compute.data_version(table_id)
        except PartitionUnavailable:
            # The question itself may wait for longer.
            return None


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


@dataclass(slots=True)
class _Changing:
    """An answer that had changed each of so many times in a row, and for how long it rests."""

    times: int = 0
    rest: int = 0


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
        self._changing: OrderedDict[str, _Changing] = OrderedDict()
        # Versions of data are of one process; what is named after them must not outlive it.
        self._process = secrets.token_hex(8)

    @property
    def held_bytes(self) -> int:
        """About how much memory it takes."""
        return self._held_bytes

    def is_worth_keeping(self, key: str) -> bool:
        """Return whether the next answer under a key had best be kept, with its versions."""
        if not self._compute.is_shared:
            return True
        with self._lock:
            changing = self._changing.get(key)
            if changing is not None and changing.rest:
                changing.rest -= 1
                return False
        return self.bytes_max > 0

    def find(self, key: str) -> KeptAnswer | None:
        """Return the answer under a key if it is what would be answered now."""
        kept = self._kept.get(key)
        if kept is None:
            self.misses += 1
            return None
        if not kept.reads.is_current(self._registry, self._compute):
            self._drop(key, kept)
            self._note_change(key)
            self.misses += 1
            return None
        if kept.body is None:
            self.misses += 1
        else:
            self.hits += 1
        with self._lock:
            self._changing.pop(key, None)
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

    def _note_change(self, key: str) -> None:
        with self._lock:
            changing = self._changing.setdefault(key, _Changing())
            self._changing.move_to_end(key)
            changing.times += 1
            # None after the first time, then 1, 2, 4...
            changing.rest = min(2**changing.times // 4, REST_MAX)
            if len(self._changing) > CHANGING_MAX:
                self._changing.popitem(last=False)

    def _drop(self, key: str, kept: KeptAnswer) -> None:
        with self._lock:
            if self._kept.get(key) is kept:
                self._take_out(key)

    def _take_out(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._held_bytes -= kept.size_bytes
