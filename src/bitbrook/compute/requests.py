"""What travels between whoever asks and the owners of partitions, and back.

Batches travel as they are logged and partials as they are merged. An owner that cannot answer says
whether another one may: a partition moves, and an owner that lost it must not be the last word.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import AnyQuestion
from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.engine.statistics import TableStatistics
from bitbrook.engine.writer import WriteQueue
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Note


@dataclass(slots=True, frozen=True)
class Spending:
    """What a question may spend at an owner: a budget, as far as it can travel."""

    left_s: float | None
    timeout_s: float
    answer_bytes_max: int
    groups_max: int
    memory_bytes_max: int

    @classmethod
    def of(cls, budget: Budget) -> "Spending":
        """Return what is left of a budget."""
        left_s = None
        if budget.deadline_s is not None:
            left_s = budget.deadline_s - budget.clock.monotonic_s()
        return cls(
            left_s,
            budget.timeout_s,
            budget.answer_bytes_max,
            budget.groups_max,
            budget.memory_bytes_max,
        )

    def budget(self) -> Budget:
        """Return it as a budget of this process."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        return Budget(
            deadline_s=None if self.left_s is None else now_s + self.left_s,
            timeout_s=self.timeout_s,
            answer_bytes_max=self.answer_bytes_max,
            groups_max=self.groups_max,
            memory_bytes_max=self.memory_bytes_max,
        )


@dataclass(slots=True, frozen=True)
class Asked:
    """A question to some partitions of a table, made for a schema of this `form` and kind of ids.

    `statement`: names it to whoever cancels it. `seen`: the last batches, of some partitions, that
    whoever asks was shown by a replica: the answer must have them and all before them.
    """

    table_id: str
    form: int
    is_keyed: bool
    numbers: tuple[int, ...]
    question: AnyQuestion
    spending: Spending
    statement: str
    seen: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class ReplicaAnswer:
    """What an owner would answer, and the last batch of each partition that is in it, by number."""

    answer: list[AnyPartial] | dict[int, int]
    sequences: Mapping[int, int]


class Parts(NamedTuple):
    """Partitions of a table that an owner is asked about; it refuses if it has not all of them."""

    table_id: str
    numbers: tuple[int, ...]


@dataclass(slots=True, frozen=True)
class Sent:
    """Parts of a batch, by partition, as `encode_batch` wrote them; `form` as in `Asked`.

    `write_id` names the batch: an owner appends a part of it once, whoever sends it how often.
    `may_be_there`: it may have been sent before, to this owner or another. `notes` become durable
    with the parts. `expires_s`: until when a repetition is known as one.
    """

    table_id: str
    form: int
    is_keyed: bool
    bodies: Mapping[int, bytes]
    write_id: str
    may_be_there: bool
    notes: tuple[Note, ...]
    expires_s: float


@dataclass(slots=True, frozen=True)
class Refusal:
    """Why an owner did not do what it was asked. `is_elsewhere`: another one may, or it later."""

    error: Exception
    is_elsewhere: bool = False


@dataclass(slots=True, frozen=True)
class PartStatistics:
    """The statistics of a table's partitions at one owner, and of fields with few rows these."""

    statistics: TableStatistics
    rows: Mapping[str, tuple[int | str, ...]]


@dataclass(slots=True, frozen=True)
class CacheFigures:
    """How a cache fares. `hits` and `misses`: since its process began."""

    hits: int
    misses: int
    held_bytes: int
    bytes_max: int


@dataclass(slots=True, frozen=True)
class TableFigures:
    """How large so many partitions of a table are. `log_bytes`: since their checkpoint."""

    partition_count: int
    record_count: int
    memory_bytes: int
    stored_bytes: int
    log_bytes: int


@dataclass(slots=True, frozen=True)
class OwnerFigures:
    """How an owner fares.

    `memory_bytes`: of its process. `tables`: by id, those that refuse nothing. Since the process
    began: `checkpoints`, by outcome, and of `caches`, by what they keep, what was asked for.
    """

    queue: WriteQueue
    refusing_count: int
    memory_bytes: int
    tables: Mapping[str, TableFigures]
    checkpoints: Mapping[str, int]
    caches: Mapping[str, CacheFigures]


@dataclass(slots=True, frozen=True)
class OwnerReport:
    """What is known of an owner at present. `figures`: None if it did not tell when asked."""

    name: str
    deployment_id: str
    lease_is_good: bool
    figures: OwnerFigures | None


def form_of(schema: TableSchema) -> int:
    """Return what tells one form of a table from another: its kind of ids and its fields."""
    return zlib.crc32(msgspec.msgpack.encode((schema.is_keyed, schema.fields)))
