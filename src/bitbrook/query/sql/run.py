"""Running a SQL statement: told apart by its first words, then parsed, bound and carried out."""

from collections.abc import Mapping
from typing import IO

from bitbrook.algebra.budget import Budget
from bitbrook.query.database import Database
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements.table import perform

FINISHER = Finisher()
"""The process's pool of DuckDB connections."""


def run_sql(
    text: str,
    database: Database,
    budget: Budget,
    *,
    finisher: Finisher = FINISHER,
    uploads: Mapping[str, IO[bytes]] | None = None,
) -> SqlAnswer:
    """Return the answer of a statement, which may read the `uploads` that came with it, by name.

    Raises:
        InvalidStatement: it cannot be understood or a value makes it fail; the message begins with
            `[line:column]` and is in the reference's wording.
        InvalidValue, OutOfRange: a value that a column cannot hold.
        Conflict: a table that is to be dropped is in use.
        NotSupported: a part of SQL that bitbrook does not answer.
        LimitExceeded, TimedOut, Cancelled: the budget is spent.
    """
    session = Session(StatementText(text), database, budget, finisher, uploads or {})
    try:
        return perform(session)
    except RecursionError:
        raise session.text.error("the statement is nested too deeply", 0) from None
