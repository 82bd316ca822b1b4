"""EXPLAIN: the steps of a statement in the place of its answer.

A query runs, but with PLAN. What would write is never carried out: its reading is planned, and a
step of its own says what would be written.
"""

from bitbrook.algebra.questions import ExtractRecords
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.dialect.parse import parse_query_tokens
from bitbrook.query.sql.plan.estimates import Estimates
from bitbrook.query.sql.plan.explaining import Step, explain_query, shown
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.changing import read_delete, read_update
from bitbrook.query.sql.statements.copying import read_copy
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.query.sql.statements.inserting import read_insert
from bitbrook.query.sql.tree import Query
from bitbrook.query.sql.types import INT, STRING, SqlType

_STEPS: dict[str, SqlType] = {
    "step": INT,
    "by": STRING,
    "what": STRING,
    "estimated": INT,
    "records": INT,
    "rows": INT,
}


def explain(cursor: Cursor, session: Session) -> SqlAnswer:
    """EXPLAIN [ANALYZE | PLAN] of a query, INSERT, REPLACE, UPDATE, DELETE or COPY."""
    is_run = not cursor.take("PLAN")
    cursor.take("ANALYZE")
    steps = _of_write(cursor, session)
    if steps is None:
        query = session.bind(parse_query_tokens(cursor.take_rest(), session.text))
        steps = _of_query(query, session, is_run=is_run)
    return session.listing(_STEPS, steps)


def _of_query(query: Query, session: Session, *, is_run: bool) -> list[Step]:
    return explain_query(query, session.database, session.budget, session.finisher, is_run=is_run)


def _of_write(cursor: Cursor, session: Session) -> list[Step] | None:
    """Return the steps of a statement that writes, None of any other."""
    for word, read in (
        ("INSERT", _of_insert),
        ("REPLACE", _of_replace),
        ("UPDATE", _of_update),
        ("DELETE", _of_delete),
        ("COPY", _of_copy),
    ):
        if cursor.take(word):
            return read(cursor, session)
    return None


def _of_insert(cursor: Cursor, session: Session) -> list[Step]:
    return _of_rows(cursor, session, "upsert")


def _of_replace(cursor: Cursor, session: Session) -> list[Step]:
    return _of_rows(cursor, session, "replace")


def _of_rows(cursor: Cursor, session: Session, verb: str) -> list[Step]:
    table, names, given = read_insert(cursor, session)
    what = f"{table.name}: {verb} {_listed(names)}"
    if isinstance(given, int):
        return [_write(1, what, given)]
    steps = _of_query(given, session, is_run=False)
    return [*steps, _write(len(steps) + 1, what, _given_by(steps))]


def _of_delete(cursor: Cursor, session: Session) -> list[Step]:
    table, query = read_delete(cursor, session)
    steps = _of_query(query, session, is_run=False)
    return [*steps, _write(len(steps) + 1, f"{table.name}: delete", _given_by(steps))]


def _of_update(cursor: Cursor, session: Session) -> list[Step]:
    updating = read_update(cursor, session)
    name, fields = updating.table.name, tuple(field.name for field in updating.fields)
    steps = _of_query(updating.query, session, is_run=False)
    count = _given_by(steps)
    held = shown(ExtractRecords(fields))
    return [
        *steps,
        (len(steps) + 1, "bitmaps", f"{name}: {held} of these records", count, None, None),
        _write(len(steps) + 2, f"{name}: clear and upsert {_listed(fields)}", count),
    ]


def _of_copy(cursor: Cursor, session: Session) -> list[Step]:
    copying = read_copy(cursor, session)
    source = copying.source
    fields = tuple(field.name for field in source.fields)
    question = ExtractRecords(fields)
    count = Estimates(session.execution().ask).selected(source, question.filter)
    read = f"{source.name}: {shown(question)} in pages"
    return [
        (1, "bitmaps", read, count, None, None),
        _write(2, f"{copying.target}: create and upsert {_listed(('_id', *fields))}", count),
    ]


def _write(number: int, what: str, count: int) -> Step:
    return number, "write", what, count, None, None


def _given_by(steps: list[Step]) -> int:
    """Return how many rows the last step of a query was likely to meet."""
    return steps[-1][3] if steps else 1


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return f"({', '.join(names)})"
