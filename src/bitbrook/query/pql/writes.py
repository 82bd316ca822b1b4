"""The writing calls: Set, Clear, ClearRow, Store and Delete as operations of a batch.

Writes wait in one batch until a call has to read, or the statement ends; what waits becomes durable
and visible together. `Set`, `Clear` and `ClearRow` depend on nothing that is stored: they are
translated and checked for the whole statement before anything runs, so that a mistake in the last
of them keeps the first from being applied. `Store` and `Delete` read which records they are about,
after all writes before them.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import pyarrow as pa

from bitbrook.algebra.expressions import Row
from bitbrook.algebra.partials import RecordIdsPartial
from bitbrook.algebra.questions import RecordIds
from bitbrook.engine.batch import (
    ID_COLUMN,
    TIME_SUFFIX,
    Batch,
    Operation,
    OperationKind,
    column_type,
    id_type,
)
from bitbrook.errors import OutOfRange
from bitbrook.query.pql.times import NANOSECONDS
from bitbrook.query.pql.translate.arguments import Arguments, Signature, bind, time_of
from bitbrook.query.pql.translate.row_calls import expression_of
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.pql.tree import Call, Operator, Value
from bitbrook.query.pql.values import record_of, row_of, stored_number, type_name
from bitbrook.schema.field_types import FieldSchema, FieldType


class Write(msgspec.Struct, frozen=True):
    """Operations of one call. `is_always_true`: whether they changed anything does not matter."""

    operations: tuple[Operation, ...]
    is_always_true: bool = False


class WritingCall(msgspec.Struct, frozen=True):
    """A call that writes: what it takes, how it becomes operations, and whether it reads first."""

    signature: Signature
    translate: Callable[[Arguments, Scope], Write]
    reads: bool = False


class PendingWrites:
    """Writes of a statement that are not applied yet, and which of its calls they answer."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._writes: list[tuple[int, Write]] = []

    def add(self, call_index: int, write: Write) -> None:
        """Let a call's operations wait behind those before it."""
        self._writes.append((call_index, write))

    def apply(self) -> dict[int, bool]:
        """Make what waits durable and visible; return by call whether it changed anything."""
        writes, self._writes = self._writes, []
        if not writes:
            return {}
        batch = Batch([operation for _, write in writes for operation in write.operations])
        counts = iter(self._scope.database.write(self._scope.table, batch))
        changed = {}
        for call_index, write in writes:
            # A batch without a record reaches no partition, and none counts its operations.
            total = sum(next(counts, 0) for _ in write.operations)
            changed[call_index] = write.is_always_true or total > 0
        return changed


def is_writing(call: Call) -> bool:
    """Whether the call writes."""
    return call.name in WRITING_CALLS


def reads_first(call: Call) -> bool:
    """Whether a writing call asks which records it is about."""
    return WRITING_CALLS[call.name].reads


def translate_write(call: Call, scope: Scope) -> Write:
    """Return the operations of a writing call.

    Raises:
        InvalidStatement: its arguments do not fit.
        InvalidValue, OutOfRange: a value that the field cannot hold.
    """
    entry = WRITING_CALLS[call.name]
    return entry.translate(bind(call, entry.signature, scope.text), scope)


def _set(arguments: Arguments, scope: Scope) -> Write:
    """Set(record, f=value), Set(record, f=row, time)."""
    field, value = _subject(arguments, scope)
    record, *times = arguments.values
    columns = {ID_COLUMN: _id_column(scope, [record_of(scope.table, record)])}
    columns[field.name] = _value_column(field, _stored(field, value))
    if times:
        if field.type is not FieldType.TIME:
            message = f"Set takes a time with time fields; field {field.name!r} has type"
            raise arguments.error(f"{message} {type_name(field)}", times[0].offset)
        time_s = time_of(times[0]) // NANOSECONDS
        columns[field.name + TIME_SUFFIX] = pa.array([time_s], pa.int64())
    return _write(OperationKind.UPSERT, columns)


def _clear(arguments: Arguments, scope: Scope) -> Write:
    """Clear(record, f=row); of a number field whatever value is there."""
    field, value = _subject(arguments, scope)
    stored = _stored(field, value) if field.has_rows else 0
    columns = {
        ID_COLUMN: _id_column(scope, [record_of(scope.table, arguments.values[0])]),
        field.name: _value_column(field, stored),
    }
    return _write(OperationKind.CLEAR, columns)


def _clear_row(arguments: Arguments, scope: Scope) -> Write:
    """ClearRow(f=row): the row of every record, in all views."""
    field, value = _subject(arguments, scope)
    _check_has_rows(arguments, field)
    columns = {field.name: _value_column(field, _stored(field, value))}
    return _write(OperationKind.CLEAR_ROW, columns)


def _store(arguments: Arguments, scope: Scope) -> Write:
    """Store(r, f=row): the row becomes exactly r."""
    field, value = _subject(arguments, scope)
    _check_has_rows(arguments, field)
    row = _value_column(field, _stored(field, value))
    ids = _selected_ids(arguments, scope)
    columns = {ID_COLUMN: ids, field.name: _repeated(row, len(ids))}
    cleared = Operation(OperationKind.CLEAR_ROW, pa.RecordBatch.from_pydict({field.name: row}))
    filled = Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))
    return Write((cleared, filled), is_always_true=True)


def _delete(arguments: Arguments, scope: Scope) -> Write:
    """Delete(r): the records, with all they hold."""
    return _write(OperationKind.DELETE, {ID_COLUMN: _selected_ids(arguments, scope)})


def _write(kind: OperationKind, columns: dict[str, pa.Array]) -> Write:
    return Write((Operation(kind, pa.RecordBatch.from_pydict(columns)),))


def _subject(arguments: Arguments, scope: Scope) -> tuple[FieldSchema, Value]:
    """Return the field that `f=value` names, and the value."""
    call, subject = arguments.call, arguments.subject
    if call.name in {"Set", "Clear"} and not arguments.values:
        raise arguments.error(f"{call.name} takes a record, as in {call.name}(10, field=1)")
    if subject is None:
        raise arguments.error(f"{call.name} takes a field and a value, as in field=1")
    match subject.tests:
        case (test,) if test.operator is Operator.EQUAL:
            return scope.field(subject.name), test.value
    message = f"{call.name} takes {subject.name}=value, not a comparison"
    raise arguments.error(message, subject.offset)


def _check_has_rows(arguments: Arguments, field: FieldSchema) -> None:
    if not field.has_rows:
        raise arguments.error(
            f"{arguments.call.name} takes set, mutex, time and bool fields; "
            f"field {field.name!r} has type {type_name(field)}"
        )


def _stored(field: FieldSchema, value: Value) -> Row:
    if not field.has_rows:
        return stored_number(field, value)
    row = row_of(field, value)
    if field.length_max and isinstance(row, str) and len(row) > field.length_max:
        raise OutOfRange(
            f"field {field.name!r} takes texts of at most {field.length_max:,} characters, not of "
            f"{len(row):,}",
            field=field.name,
        )
    return row


def _value_column(field: FieldSchema, stored: Row) -> pa.Array:
    is_list = field.type in {FieldType.SET, FieldType.TIME}
    return pa.array([[stored] if is_list else stored], column_type(field))


def _id_column(scope: Scope, ids: list[int | str]) -> pa.Array:
    return pa.array(ids, id_type(scope.table))


def _selected_ids(arguments: Arguments, scope: Scope) -> pa.Array:
    question = RecordIds(expression_of(arguments.calls[0], scope))
    return pa.array(scope.ask(question, RecordIdsPartial).ids, id_type(scope.table))


def _repeated(value: pa.Array, count: int) -> pa.Array:
    """Return a column of one value, `count` times."""
    return value.take(pa.array(np.zeros(count, dtype=np.int64)))


_ONE_VALUE = Signature(values_max=1, has_subject=True)

WRITING_CALLS = {
    "Set": WritingCall(Signature(values_max=2, has_subject=True), _set),
    "Clear": WritingCall(_ONE_VALUE, _clear),
    "ClearRow": WritingCall(Signature(has_subject=True), _clear_row),
    "Store": WritingCall(Signature(calls_min=1, calls_max=1, has_subject=True), _store, reads=True),
    "Delete": WritingCall(Signature(calls_min=1, calls_max=1), _delete, reads=True),
}
