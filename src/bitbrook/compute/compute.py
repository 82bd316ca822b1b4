"""What whoever keeps tables asks of wherever their partitions are.

Two things answer to it: `local.LocalCompute`, partitions in this process, and
`remote.RemoteCompute`, partitions in processes of a cluster that places and restarts them. Nobody
above needs to know which it is.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Protocol

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.partials import AnyPartial
from bitbrook.algebra.questions import Question
from bitbrook.compute.requests import OwnerReport, TableFigures
from bitbrook.engine.batch import Batch
from bitbrook.engine.statistics import TableStatistics
from bitbrook.engine.writer import WriteQueue, Written
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Note


class Compute(Protocol):
    """Every table's partitions, wherever they are."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes have the same partitions at the same time."""
        ...

    @property
    def partition_count(self) -> int:
        """How many partitions a new table gets."""
        ...

    def reserve(self, deployment_id: str, memory_bytes: int) -> None:
        """Give a deployment this much memory, from none or from another size; return when it has.

        Its tables go on, and what is asked of them meanwhile waits for seconds at most.

        Raises:
            QuotaExceeded: there is not enough; it has what it had before.
        """
        ...

    def release(self, deployment_id: str) -> None:
        """Give back what was reserved for a deployment, which has no tables any more."""
        ...

    def fault(self, deployment_id: str) -> str | None:
        """Return why a deployment cannot be used at present, None if it can."""
        ...

    def open_table(self, schema: TableSchema, *, deployment_id: str = "") -> None:
        """Open a table, new or as its snapshots and log left it.

        Raises:
            Damaged: what is stored is not what was written.
        """
        ...

    def open_stored_table(self, schema: TableSchema, *, deployment_id: str = "") -> None:
        """Open a table; one that is not what was written refuses everything, and stops no other."""
        ...

    def note_table(self, schema: TableSchema) -> None:
        """Use a table as another server made or altered it."""
        ...

    def forget_tables_but(self, table_ids: Collection[str]) -> None:
        """Use no table any more that another server dropped: none but these are there."""
        ...

    def alter_table(self, schema: TableSchema) -> None:
        """Give an open table its new schema: added fields are empty, dropped ones are gone."""
        ...

    def drop_table(self, table_id: str) -> None:
        """Remove a table, its log and its snapshots; nothing happens if it is not open."""
        ...

    def erase_table(self, schema: TableSchema) -> None:
        """Remove a table, its log and its snapshots, whether or not it is open."""
        ...

    def submit(self, table_id: str, batch: Batch, note: Note | None = None) -> Future[Written]:
        """Return a future of how many values each operation changed, and of the sequences.

        It resolves once the batch is durable and visible; a note becomes durable with it.

        Raises:
            Overloaded: too much waits to be logged; nothing was applied.
        """
        ...

    def write(self, table_id: str, batch: Batch) -> list[int]:
        """Make a batch durable and visible; return how many values each operation changed."""
        ...

    def ask(self, table_id: str, question: Question, budget: Budget) -> AnyPartial:
        """Return the merged answer of all of a table's partitions.

        Raises:
            PartitionUnavailable: some did not answer in time; names them and why.
        """
        ...

    def statistics(self, table_id: str) -> TableStatistics:
        """Return how many records and bytes a table holds, and each of its fields."""
        ...

    def data_version(self, table_id: str) -> tuple[int, ...]:
        """Return what changes whenever an answer of a table may.

        Asked for before a question, it is never newer than what the question reads. Other processes
        are asked for it if these have the partitions.

        Raises:
            PartitionUnavailable: one of these did not answer soon.
        """
        ...

    def sequences(self, table_id: str) -> dict[int, int]:
        """Return the last batch of each of a table's partitions that questions see from now on."""
        ...

    def table_figures(self, table_id: str) -> TableFigures:
        """Return how large a table is, as it was lately.

        Raises:
            PartitionUnavailable: that is not known of all its partitions at present.
        """
        ...

    def owner_reports(self) -> Sequence[OwnerReport]:
        """Return what is known of the processes that have partitions, if those are others."""
        ...

    def write_queue(self) -> WriteQueue:
        """Return what waits to be durable and visible."""
        ...

    def refusing_count(self) -> int:
        """Return how many tables refuse everything."""
        ...

    def notes(self, scope: str, *, now_s: float) -> Sequence[Note]:
        """Return the notes of a scope that came with batches and have not expired."""
        ...

    def note(self, scope: str, key: str, *, now_s: float) -> Note | None:
        """Return the note of a scope and key, if there is one that has not expired."""
        ...

    def keep_notes(self, notes: Sequence[Note]) -> None:
        """Make notes durable that come with no batch, in place of those of the same key."""
        ...

    def forget_notes(self, *, scope: str | None = None, expired_s: float | None = None) -> None:
        """Forget the notes of a scope, or those that have expired at a moment."""
        ...

    def checkpoint(self) -> None:
        """Write what changed in every table to its snapshots and trim the log."""
        ...

    def close(self) -> None:
        """Finish what was submitted and release everything."""
        ...
