"""The tables of which an owner holds partitions: what is assigned to it, opened.

The log's database says what is assigned; `reconcile` opens, closes, alters and mends until what is
open agrees. A table that could not learn what became of a batch is opened anew, under new epochs:
what is in the log then is what became of it. Every answer checks before and after that its
partitions are held; they are given up here before the lease is extended over the loss.
"""

import threading
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.local import LocalCompute
from bitbrook.compute.requests import form_of
from bitbrook.engine.batch import field_ids_of
from bitbrook.engine.recovery import partition_name
from bitbrook.errors import BitbrookError, Fenced, OutcomeUnknown
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.ownership import Epochs, Ownership
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

YIELDED_FOR_S = 3.0
"""What another owner has is waited for so long: it gives it back as soon as it looks.

Whoever takes it before waits for the lease of that owner, and nobody answers meanwhile.
"""

_SCHEMAS = msgspec.msgpack.Decoder(TableSchema)


class Elsewhere(Exception):
    """Another owner may answer, or this one later; the text says why not this one now."""


class _Held(NamedTuple):
    """A table that is open: its schema, and which of its partitions are here."""

    schema: TableSchema
    form: int
    numbers: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        return [partition_name(self.schema.id, number) for number in self.numbers]


class Holdings:
    """What one process holds."""

    def __init__(
        self,
        ownership: Ownership,
        compute: LocalCompute,
        epochs: Epochs,
        name: str,
        process: str,
    ) -> None:
        self._ownership = ownership
        self._compute = compute
        self._epochs = epochs
        self._name = name
        self._process = process
        self._lock = threading.RLock()
        self._tables: dict[str, _Held] = {}
        self._yielded_s: dict[str, float] = {}

    def table_ids(self) -> list[str]:
        """Return the tables that are open."""
        return list(self._tables)

    def check(
        self,
        table_id: str,
        numbers: Collection[int],
        *,
        form: int,
        is_keyed: bool,
        bodies: Iterable[bytes] = (),
    ) -> None:
        """Return if these partitions are held, and the table has the form that is expected.

        A sender may know fields that this process does not know yet; then it looks again.

        Raises:
            Elsewhere: they are not, or `bodies` have fields that the table does not.
        """
        held = self._tables.get(table_id)
        self.check_held(table_id, numbers)
        assert held is not None, "as checked"
        if held.form == form:
            return
        self.reconcile(table_id)
        held = self._tables.get(table_id)
        if held is None or held.schema.is_keyed != is_keyed:
            raise Elsewhere(f"{self._name} has another kind of table {table_id}")
        known = {field.id for field in held.schema.fields}
        if held.form != form and not all(field_ids_of(body) <= known for body in bodies):
            raise Elsewhere(f"{self._name} does not know all fields of a batch of {table_id}")

    def check_held(self, table_id: str, numbers: Collection[int]) -> None:
        """Return if these partitions are held, else raise `Elsewhere`."""
        held = self._tables.get(table_id)
        if held is None or not set(held.numbers).issuperset(numbers):
            raise Elsewhere(f"{self._name} has not opened all of these")
        if not self._epochs.holds(held.names):
            raise Elsewhere(f"{self._name} lost what it held")

    def lose(self, partitions: Collection[str]) -> None:
        """Give up partitions that others hold; called by the lease, waits for nothing."""
        LOGGER.warning("partitions were taken over", owner=self._name, count=len(partitions))
        self._epochs.remove(partitions)

    def reconcile(self, table_id: str) -> None:
        """Bring one table to where the log's database says that it should be."""
        with self._lock:
            assigned = self._ownership.assigned(self._name)
            numbers = tuple(sorted(each.number for each in assigned if each.table_id == table_id))
            self._bring(table_id, numbers)

    def reconcile_all(self) -> None:
        """Bring every table that is out of place to where it should be."""
        numbers: dict[str, tuple[int, ...]] = {}
        for each in self._ownership.assigned(self._name):
            numbers[each.table_id] = (*numbers.get(each.table_id, ()), each.number)
        for table_id in numbers.keys() | self._tables.keys():
            assigned = tuple(sorted(numbers.get(table_id, ())))
            if self._is_in_place(table_id, assigned) or self._is_yielded(table_id, assigned):
                continue
            try:
                self.reconcile(table_id)
            except BitbrookError as error:
                LOGGER.warning("a table is not opened", table=table_id, reason=error.message)
            except Exception:
                # One table must not keep an owner from the others.
                LOGGER.exception("a table is not opened", table=table_id)

    def close_all(self, *, abandons: bool = False) -> None:
        """Hold nothing any more."""
        with self._lock:
            for table_id in self.table_ids():
                self._close(table_id, abandons=abandons)

    def _is_in_place(self, table_id: str, numbers: tuple[int, ...]) -> bool:
        held = self._tables.get(table_id)
        if held is None or held.numbers != numbers or not self._epochs.holds(held.names):
            return False
        return not _is_mendable(self._compute.failure(table_id))

    def _is_yielded(self, table_id: str, numbers: tuple[int, ...]) -> bool:
        """Whether an owner that goes on has some of this, and is still to give it back."""
        names = [partition_name(table_id, number) for number in numbers]
        if not self._ownership.is_held_elsewhere(self._process, names):
            self._yielded_s.pop(table_id, None)
            return False
        now_s = SYSTEM_CLOCK.monotonic_s()
        if now_s - self._yielded_s.setdefault(table_id, now_s) < YIELDED_FOR_S:
            return True
        del self._yielded_s[table_id]
        return False

    def _bring(self, table_id: str, numbers: tuple[int, ...]) -> None:
        definition = self._ownership.table(table_id)
        if definition is None or not numbers:
            self._close(table_id, abandons=definition is None)
            return
        schema = _SCHEMAS.decode(definition)
        held = self._tables.get(table_id)
        if held is not None and self._is_in_place(table_id, numbers):
            if schema.is_keyed == held.schema.is_keyed:
                if schema != held.schema:
                    self._compute.alter_table(schema)
                    self._tables[table_id] = _Held(schema, form_of(schema), numbers)
                return
            LOGGER.info("a table became one of other ids", table=table_id)
        self._close(table_id)
        opening = _Held(schema, form_of(schema), numbers)
        taken = self._ownership.take(self._name, self._process, opening.names)
        self._epochs.add(taken)
        self._compute.open_stored_table(schema, numbers=numbers)
        self._tables[table_id] = opening

    def _close(self, table_id: str, *, abandons: bool = False) -> None:
        """Have a table open no more; nothing happens if it is not."""
        held = self._tables.pop(table_id, None)
        if held is None:
            return
        is_sound = self._compute.failure(table_id) is None and self._epochs.holds(held.names)
        try:
            self._compute.close_table(table_id, abandons=abandons or not is_sound)
        except BitbrookError as error:
            # It has left all the same, and the log has what its snapshots lack.
            LOGGER.warning("a checkpoint failed", table=table_id, reason=error.message)
        self._epochs.remove(held.names)
        self._ownership.release(self._process, held.names)


def _is_mendable(failure: BitbrookError | None) -> bool:
    """Whether a table that refuses everything is sound in the stores, and only has to look."""
    return isinstance(failure, Fenced | OutcomeUnknown)
