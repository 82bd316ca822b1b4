"""Statements of one connection: prepared, described, and answered. Everything here blocks.

Three kinds: commands, which are the protocol's own; questions about PostgreSQL's catalogue; and
bitbrook's SQL, under the budget and the limits that HTTP has.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import pyarrow as pa

from bitbrook.auth.policy import Caller
from bitbrook.control.database import ControlDatabase
from bitbrook.control.service import Service
from bitbrook.control.statements import RunningStatement
from bitbrook.errors import InvalidStatement, LimitExceeded
from bitbrook.pgwire import types
from bitbrook.pgwire.adapting import prepare_adapted
from bitbrook.pgwire.catalogue import catalogue_tables, relations_of
from bitbrook.pgwire.catalogue_queries import CatalogueQueries, is_about_catalogue
from bitbrook.pgwire.commands import (
    QUESTIONS,
    SETTINGS,
    VERSION_TEXT,
    SessionSettings,
    first_words,
)
from bitbrook.pgwire.messages import Column
from bitbrook.pgwire.problems import ProtocolFault, ReadOnly
from bitbrook.query.parameters import Parameters, ParameterValue
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.prepared import PreparedSql, describe_prepared, run_prepared
from bitbrook.query.sql.run import run_sql

T = TypeVar("T")

CATALOGUE = CatalogueQueries()
"""The process's pool of connections for questions about the catalogue."""

PARAMETERS_MAX = 1_000
_MARK = re.compile(r"\$(\d{1,4})")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_EXPLAIN = re.compile(r"\A\s*EXPLAIN\s+(?:ANALYZE\s+)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


class Answer(NamedTuple):
    """What a statement came to: rows, or only the tag of a command (`table` None)."""

    tag: str
    columns: tuple[Column, ...] = ()
    table: pa.Table | None = None


class Prepared(NamedTuple):
    """A statement as it was parsed. `oids`: the types of its parameters, in order."""

    text: str
    oids: tuple[int, ...]
    sql: PreparedSql | None = None


class Place(NamedTuple):
    """Where a connection's statements run, for whom. `name`: of the deployment."""

    deployment_id: str
    name: str
    user: str


class Statements:
    """What a connection may ask."""

    def __init__(self, service: Service, place: Place, settings: SessionSettings) -> None:
        self.settings = settings
        self._service = service
        self._place = place
        self._running: RunningStatement | None = None

    def cancel(self) -> None:
        """Have what runs end within moments."""
        running = self._running
        if running is not None:
            running.budget.cancelled.set()

    def prepare(self, text: str, oids: Sequence[int]) -> Prepared:
        """Return a statement with the types of its parameters, where 0 says that none is known.

        Raises:
            InvalidStatement: it is a query that cannot be understood.
        """
        count = max((int(each) for each in _MARK.findall(_QUOTED.sub(" ", text))), default=0)
        if count > PARAMETERS_MAX:
            raise LimitExceeded(
                f"${count} is beyond the {PARAMETERS_MAX} parameters of a statement"
            )
        known = (*oids, *(0 for _ in range(count - len(oids))))[: max(count, len(oids))]
        sql = prepare_adapted(text, self._place.name) if self._is_query(text) else None
        return Prepared(text, known, sql)

    def is_of_catalogue(self, prepared: Prepared) -> bool:
        """Return whether a statement is a question about PostgreSQL's catalogue."""
        is_question = first_words(prepared.text)[0] in QUESTIONS
        return is_question and prepared.sql is None

    def describe(self, caller: Caller, prepared: Prepared) -> tuple[Column, ...]:
        """Return the columns of a statement's answer; none of one without rows."""
        if prepared.sql is not None:
            database = self._service.queries.database(caller, self._place.deployment_id)
            samples = [types.sample_of(oid) for oid in prepared.oids]
            return self._tried(prepared, samples, database, self._described)
        shown = self.settings.shown(prepared.text)
        if shown is not None:
            return (Column(shown[0], types.TEXT),)
        if is_about_catalogue(prepared.text) or first_words(prepared.text)[0] in {
            "SHOW",
            "EXPLAIN",
        }:
            samples = [types.sample_of(oid) for oid in prepared.oids]
            return self.run(caller, prepared, samples).columns
        return ()

    def run(self, caller: Caller, prepared: Prepared, values: Sequence[ParameterValue]) -> Answer:
        """Return what a statement with these values comes to.

        Raises:
            ReadOnly: it writes.
            QuotaExceeded: the caller asks too often.
        """
        tag = self.settings.command(prepared.text)
        if tag is not None:
            return Answer(tag)
        _check_explained(prepared.text)
        shown = self.settings.shown(prepared.text)
        if shown is not None:
            table = pa.table({"value": [shown[1]]})
            return Answer("SHOW", (Column(shown[0], types.TEXT),), table)
        self._service.user_rates.take(caller.user_id)
        deployment_id = self._place.deployment_id
        with self._service.queries.admitted(caller, deployment_id) as database:
            if self.is_of_catalogue(prepared):
                return self._of_catalogue(prepared, values, database)
            with self._service.queries.statement(database, "sql", prepared.text) as statement:
                self._running = statement
                try:
                    answer = self._asked(prepared, values, database, statement)
                finally:
                    self._running = None
                _check_size(answer.table, statement.budget.answer_bytes_max)
                count = answer.table.num_rows
                statement.end(rows_returned=count, answer_bytes=answer.table.nbytes)
        columns = tuple(map(types.column_of, answer.fields))
        return Answer(f"SELECT {count}", columns, answer.table)

    def _is_query(self, text: str) -> bool:
        return first_words(text)[0] in QUESTIONS and not is_about_catalogue(text)

    def _asked(
        self,
        prepared: Prepared,
        values: Sequence[ParameterValue],
        database: ControlDatabase,
        statement: RunningStatement,
    ) -> SqlAnswer:
        word = first_words(prepared.text)[0]
        if prepared.sql is None and word not in {"SHOW", "EXPLAIN"}:
            shown = word or prepared.text[:20]
            raise ProtocolFault(f"{shown!r} begins no statement that can be asked here", "42601")
        if prepared.sql is None:
            return run_sql(prepared.text, database, statement.budget)

        def run(sql: PreparedSql, named: Parameters, database: ControlDatabase) -> SqlAnswer:
            return run_prepared(sql, named, database, statement.budget).answer

        return self._tried(prepared, values, database, run)

    def _described(
        self, sql: PreparedSql, named: Parameters, database: ControlDatabase
    ) -> tuple[Column, ...]:
        with self._service.queries.budget() as budget:
            fields = describe_prepared(sql, named, database, budget)
        return tuple(map(types.column_of, fields))

    def _tried(
        self,
        prepared: Prepared,
        values: Sequence[ParameterValue],
        database: ControlDatabase,
        run: Callable[[PreparedSql, Parameters, ControlDatabase], T],
    ) -> T:
        """Return what `run` gives; texts of no known type are whatever the statement takes."""
        assert prepared.sql is not None, "a query"
        tried: list[Sequence[ParameterValue]] = [values]
        unknown = [oid in {0, types.UNKNOWN} for oid in prepared.oids]
        for read in (_as_number, _as_list):
            others = [
                read(value) if is_unknown else value
                for value, is_unknown in zip(values, unknown, strict=True)
            ]
            if others not in tried:
                tried.append(others)
        refusal: InvalidStatement | None = None
        for each in tried:
            try:
                return run(prepared.sql, _named(each), database)
            except InvalidStatement as error:
                refusal = refusal or error
        assert refusal is not None, "one way at least was tried"
        raise refusal

    def _of_catalogue(
        self, prepared: Prepared, values: Sequence[ParameterValue], database: ControlDatabase
    ) -> Answer:
        with self._service.queries.budget() as budget:
            relations = relations_of(database, budget)
        place = self._place
        settings = {name: self.settings.values.get(name.lower(), "") for name in SETTINGS}
        tables = catalogue_tables(
            relations, database=place.name, owner=place.user, settings=settings.items()
        )
        facts = {
            "version": VERSION_TEXT,
            "current_database": place.name,
            "current_catalog": place.name,
            "current_schema": "public",
            "current_user": place.user,
            "session_user": place.user,
            "current_role": place.user,
            "user": place.user,
            "pg_backend_pid": 1,
        }
        table = CATALOGUE.run(prepared.text, _named(values), tables, facts)
        columns = tuple(types.column_of_arrow(field.name, field.type) for field in table.schema)
        return Answer(f"SELECT {table.num_rows}", columns, table)


def _check_explained(text: str) -> None:
    """Return if what EXPLAIN is to explain, if it is one, only reads."""
    explained = _EXPLAIN.sub("", text, count=1)
    word = first_words(explained)[0]
    if explained != text and word not in QUESTIONS:
        raise ReadOnly(f"{word or 'nothing'} is no query; only those can be explained here")


def _named(values: Sequence[ParameterValue]) -> Parameters:
    return {str(number): value for number, value in enumerate(values, 1)}


def _as_number(value: ParameterValue) -> ParameterValue:
    """Return a text as the number that it writes, a sample as one of a number."""
    if value == "":
        return 1
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        oid = types.NUMERIC if "." in value else types.INT8
        return types.value_of(value.strip().encode(), oid, is_binary=False)
    return value


def _as_list(value: ParameterValue) -> ParameterValue:
    """Return a text as the list that it writes, a sample as one of a list."""
    if value == "":
        return ("",)
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return types.value_of(value.encode(), types.TEXT_ARRAY, is_binary=False)
    return value


def _check_size(table: pa.Table, bytes_max: int) -> None:
    if table.nbytes > bytes_max:
        raise LimitExceeded(
            f"the answer has {table.nbytes:,} bytes and {bytes_max:,} are allowed; select fewer "
            "columns or records with WHERE or LIMIT, or raise answer_bytes_max"
        )
