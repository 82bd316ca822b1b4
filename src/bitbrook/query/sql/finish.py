"""DuckDB, in this process and locked down: it finishes what bitmaps have selected.

A connection is a database of its own in memory, without files, network, extensions or a way to
change a setting, and knows only the Arrow tables that are registered for one query. The SQL it gets
is written by `render`, never by a user. Connections are pooled: a fresh one costs about 20 ms, a
query on a known one about a millisecond. A watcher interrupts a query whose budget is spent.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from bitbrook.algebra.budget import Budget, WouldWait
from bitbrook.errors import BitbrookError, InvalidStatement, LimitExceeded, OutOfRange
from bitbrook.telemetry.steps import step

WATCH_INTERVAL_S = 0.02
CONNECTIONS_KEPT = 4
THREADS = 2

_SETTINGS = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "threads": str(THREADS),
}

_OWN_MESSAGE = re.compile(r"(\[\d+:\d+\] .*)", re.DOTALL)


class Finisher:
    """A pool of locked-down DuckDB connections."""

    def __init__(self, *, memory_bytes_max: int = 1 << 30) -> None:
        self._memory_bytes_max = memory_bytes_max
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._lock = threading.Lock()

    def finish(self, sql: str, tables: dict[str, pa.Table], budget: Budget) -> pa.Table:
        """Return the answer of a query over tables that are registered by name.

        Raises:
            InvalidStatement: a value of the statement makes it fail: a zero divisor, a failed cast.
            LimitExceeded: it needs more memory than there is for it.
            TimedOut, Cancelled: the budget is spent.
        """
        budget.check()
        if not budget.may_wait:
            raise WouldWait(is_lasting=True)
        with step("finish"), self._connection() as connection:
            try:
                for table, records in tables.items():
                    connection.register(table, records)
                with _watched(connection, budget):
                    answer = connection.sql(sql).to_arrow_table()
            except duckdb.Error as error:
                budget.check()
                raise _refusal(error) from error
            finally:
                for table in tables:
                    connection.unregister(table)
        budget.check()
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = open_locked(self._memory_bytes_max)
        try:
            yield connection
        except BaseException:
            # After an interrupt or a failure a connection may be in any state.
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < CONNECTIONS_KEPT:
                self._idle.append(connection)
                return
        connection.close()


def open_locked(memory_bytes_max: int) -> duckdb.DuckDBPyConnection:
    """Return a new connection to an empty database that can reach nothing outside itself."""
    settings: dict[str, Any] = {**_SETTINGS, "memory_limit": f"{memory_bytes_max // (1 << 20)}MiB"}
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def _watched(connection: duckdb.DuckDBPyConnection, budget: Budget) -> Iterator[None]:
    """Interrupt the connection's query once the budget is spent."""
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.wait(WATCH_INTERVAL_S):
            try:
                budget.check()
            except BitbrookError:
                connection.interrupt()

    watcher = threading.Thread(target=watch, name="duckdb-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()


def _refusal(error: duckdb.Error) -> BitbrookError:
    """Return why a query failed, in our own words: a message of ours, or none of DuckDB's SQL."""
    text = str(error)
    own = _OWN_MESSAGE.search(text)
    if own is not None and isinstance(error, duckdb.InvalidInputException):
        return InvalidStatement(own[1].split("\n\nLINE")[0].strip())
    match error:
        case duckdb.OutOfMemoryException():
            return LimitExceeded(
                "the statement needs more memory than is allowed for finishing a query; narrow its "
                "filter or select fewer columns"
            )
        case duckdb.OutOfRangeException() | duckdb.ConversionException():
            return OutOfRange("[1:1] a value of an expression is out of range of its type")
        case _ if "More than one row" in text:
            return InvalidStatement("[1:1] single row expected")
        case duckdb.InvalidInputException() | duckdb.NotImplementedException():
            return InvalidStatement("[1:1] an expression cannot be evaluated with these values")
        case _:
            return InvalidStatement("[1:1] the statement cannot be evaluated")
