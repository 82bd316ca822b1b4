"""The statement of an endpoint, in either language: parsed once, run with the values of a call."""

from functools import cached_property
from typing import NamedTuple

from bitbrook.algebra.budget import Budget
from bitbrook.control.saved_queries import SavedLanguage
from bitbrook.query.database import Database
from bitbrook.query.parameters import Parameters
from bitbrook.query.pql.prepared import check_pql, pql_parameters, run_prepared_pql
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.prepared import PreparedSql, describe_prepared, prepare_sql, run_prepared


class EndpointAnswer(NamedTuple):
    """What a call is answered: rows of SQL, or the JSON of PQL.

    `is_fleeting`: the same call may be answered otherwise while no table changes.
    """

    rows: SqlAnswer | None
    json: bytes
    is_fleeting: bool


class EndpointStatement:
    """A statement that only reads. It is parsed when it is first needed, and not again.

    What an earlier release could read and this one cannot is refused when it is called.
    """

    def __init__(self, language: SavedLanguage, text: str) -> None:
        self.language = language
        self.text = text

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters.

        Raises:
            InvalidStatement: it cannot be read, or is no query.
        """
        if self.language is SavedLanguage.SQL:
            return self._sql.names
        return pql_parameters(self.text)

    @cached_property
    def _sql(self) -> PreparedSql:
        return prepare_sql(self.text)

    def check(self, values: Parameters, database: Database, budget: Budget) -> None:
        """Return if it can be asked with values like these, of the tables that there are.

        Raises:
            InvalidStatement: a name is unknown or a type does not fit, or it writes.
        """
        if self.language is SavedLanguage.SQL:
            describe_prepared(self._sql, values, database, budget)
        else:
            check_pql(self.text, values)

    def run(self, values: Parameters, database: Database, budget: Budget) -> EndpointAnswer:
        """Return the answer with these values. Raises what `run_sql` and `run_pql` do."""
        if self.language is SavedLanguage.PQL:
            answer = run_prepared_pql(self.text, values, database, budget)
            return EndpointAnswer(None, answer, is_fleeting=False)
        rows, is_fleeting = run_prepared(self._sql, values, database, budget)
        return EndpointAnswer(rows, b"", is_fleeting)
