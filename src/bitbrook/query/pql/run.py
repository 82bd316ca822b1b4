"""Running a PQL statement: its calls in order, reads through questions, writes through batches."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bitbrook.algebra.budget import Budget
from bitbrook.errors import InvalidStatement, LimitExceeded, NotSupported
from bitbrook.query.database import Database
from bitbrook.query.pql.lexer import StatementText
from bitbrook.query.pql.parser import parse_pql
from bitbrook.query.pql.templates import TEMPLATES
from bitbrook.query.pql.translate.answers import ANSWERS, answer_call
from bitbrook.query.pql.translate.row_calls import ROW_CALLS
from bitbrook.query.pql.translate.scope import Scope, find_table
from bitbrook.query.pql.tree import Call, Named, Statement
from bitbrook.query.pql.writes import (
    WRITING_CALLS,
    PendingWrites,
    Write,
    is_writing,
    reads_first,
    translate_write,
)
from bitbrook.query.results import pql_json
from bitbrook.telemetry.steps import step

OUT_OF_SCOPE_CALLS = frozenset({"Arrow", "Apply"})
KNOWN_CALLS = ANSWERS.keys() | ROW_CALLS.keys() | WRITING_CALLS.keys() | {"Condition"}


def run_pql(
    text: str, database: Database, budget: Budget, *, default_table: str | None = None
) -> bytes:
    """Return the answer of a statement: `{"results": [...]}` with one entry a call, as JSON.

    `default_table` is the table of a statement that names none.

    Raises:
        InvalidStatement: the text cannot be understood, or an argument does not fit its call.
        TableNotFound, FieldNotFound: in the original's wordings.
        InvalidValue, OutOfRange: a value that its field cannot hold.
        NotSupported: a call of the original that bitbrook does not answer.
        LimitExceeded, TimedOut, Cancelled: the budget is spent.
    """
    statement_text = StatementText(text)
    with step("parse"):
        statement, is_exact = TEMPLATES.parse(statement_text)
    source = _Source(statement_text, database, budget, default_table)
    try:
        return _run(statement, source)
    except InvalidStatement:
        if is_exact:
            raise
    # It only reads, and its places are those of another one: the mistake is to be found in its own.
    return _run(parse_pql(statement_text), source)


def run_tree(
    statement: Statement, text: StatementText, database: Database, budget: Budget
) -> bytes:
    """Return the answer of a statement that is parsed already. Raises what `run_pql` does."""
    return _run(statement, _Source(text, database, budget, None))


class _Source(NamedTuple):
    """A statement's text, and what it runs against."""

    text: StatementText
    database: Database
    budget: Budget
    default_table: str | None


def _run(statement: Statement, source: _Source) -> bytes:
    text, database, budget, default_table = source
    for call in statement.calls:
        _check_names(call, text)
    table = find_table(database, _table_name(statement, text, default_table))
    return pql_json.results(_answers(statement, Scope(text, database, budget, table)))


def _answers(statement: Statement, scope: Scope) -> list[bytes]:
    """Return the answers of the calls, in order."""
    ready = {
        index: translate_write(call, scope)
        for index, call in enumerate(statement.calls)
        if is_writing(call) and not reads_first(call)
    }
    pending = PendingWrites(scope)
    answers: dict[int, bytes] = {}

    def apply_pending() -> None:
        for index, is_changed in pending.apply().items():
            answers[index] = pql_json.boolean(is_changed)

    for index, call in enumerate(statement.calls):
        write: Write | None = ready.get(index)
        if write is None:
            apply_pending()
            if not is_writing(call):
                answers[index] = answer_call(call, scope)
                _check_size(answers.values(), scope.budget)
                continue
            write = translate_write(call, scope)
        pending.add(index, write)
    apply_pending()
    return [answers[index] for index in range(len(statement.calls))]


def _table_name(statement: Statement, text: StatementText, default_table: str | None) -> str:
    if statement.table is not None:
        return statement.table.text
    if default_table is None:
        raise text.error("the statement names no table; begin it with [table]", 0)
    return default_table


def _check_names(call: Call, text: StatementText) -> None:
    """Return if every call in the tree is one of PQL's.

    Raises:
        InvalidStatement: one is unknown, in the original's wording.
        NotSupported: one works on dataframes.
    """
    if call.name in OUT_OF_SCOPE_CALLS:
        raise NotSupported(f"not supported: {call.name} works on dataframes, which are left out")
    if call.name not in KNOWN_CALLS:
        raise text.error(f"unknown call: {call.name}", call.offset)
    for inner in _calls_in(call):
        _check_names(inner, text)


def _calls_in(call: Call) -> Iterator[Call]:
    """Give the calls among a call's arguments."""
    for argument in call.arguments:
        match argument:
            case Named(value=Call() as inner) | (Call() as inner):
                yield inner
            case _:
                # A call in a comparison or a list is refused there: it is no constant.
                continue


def _check_size(answers: Iterable[bytes], budget: Budget) -> None:
    size_bytes = sum(len(answer) for answer in answers)
    if size_bytes > budget.answer_bytes_max:
        raise LimitExceeded(
            f"the answer has {size_bytes:,} bytes and {budget.answer_bytes_max:,} are allowed; "
            "ask for less with Limit or a narrower row call, or raise answer_bytes_max"
        )
