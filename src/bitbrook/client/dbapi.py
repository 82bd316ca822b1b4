"""DB-API 2.0 (PEP 249) over the SDK: for tools that speak SQL through a cursor.

A connection is one deployment. There are no transactions: a statement is durable when it returns,
`commit` has nothing to do, and `rollback` after a write is an error rather than a lie. Parameters
are quoted here (`?`, see `_literals`); values come back exact.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Final, Self, TypeAlias

from bitbrook.client import _exceptions as exceptions
from bitbrook.client._client import Client
from bitbrook.client._deployments import Deployment
from bitbrook.client._literals import is_reading
from bitbrook.client._result import Column, Row

apilevel: Final = "2.0"
threadsafety: Final = 2  # threads may share the module and connections, not cursors
paramstyle: Final = "qmark"

Description: TypeAlias = tuple[str, str, None, int | None, int | None, int | None, bool]


class Warning(Exception):  # noqa: A001 - PEP 249's name
    """Something important to know; never raised here."""


class Error(Exception):
    """Anything that went wrong; the cause is the SDK's own error."""


class InterfaceError(Error):
    """The module or a connection was used in a way that it is not made for."""


class DatabaseError(Error):
    """Something went wrong at the server."""


class DataError(DatabaseError):
    """A value that cannot be written, stored or read."""


class OperationalError(DatabaseError):
    """The server cannot be reached, is busy, or does not let the caller in."""


class IntegrityError(DatabaseError):
    """The thing exists already, or is in use."""


class InternalError(DatabaseError):
    """The server failed."""


class ProgrammingError(DatabaseError):
    """A statement that cannot be answered, or parameters that do not fit it."""


class NotSupportedError(DatabaseError):
    """What a server without transactions cannot do."""


class TypeGroup:
    """One of PEP 249's kinds of columns: equal to the type code of each of its types."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, *types: str) -> None:
        self._types = frozenset(types)

    def __eq__(self, other: object) -> bool:
        return other in self._types if isinstance(other, str) else self is other


STRING = TypeGroup("string", "varchar", "idset", "idsetq", "stringset", "stringsetq", "vector")
BINARY = TypeGroup()
NUMBER = TypeGroup("int", "decimal", "bool", "id")
DATETIME = TypeGroup("timestamp")
ROWID = TypeGroup()

_LENGTH = re.compile(r"\((\d+)\)")

Date = date
Timestamp = datetime


def TimestampFromTicks(ticks: float) -> datetime:  # noqa: N802 - PEP 249's name
    """Return the moment that is so many seconds after the Unix epoch."""
    return datetime.fromtimestamp(ticks, UTC)


def DateFromTicks(ticks: float) -> date:  # noqa: N802 - PEP 249's name
    """Return the day in UTC of so many seconds after the Unix epoch."""
    return TimestampFromTicks(ticks).date()


def connect(
    url: str | None = None,
    *,
    deployment: str | None = None,
    email: str | None = None,
    password: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    client: Client | None = None,
) -> "Connection":
    """Return a connection to a deployment.

    `deployment`: its name or id; not needed if there is only one. `client`: one to share, which the
    connection leaves open; everything else is as in `Client`.

    Raises:
        OperationalError: the server cannot be reached or does not let the caller in.
        ProgrammingError: there is no such deployment, or it has to be named.
    """
    with _translated():
        own = client or Client(url, email=email, password=password, token=token, api_key=api_key)
        try:
            found = _find_deployment(own, deployment)
        except BaseException:
            if client is None:
                own.close()
            raise
    return Connection(own, found, closes_client=client is None)


class Connection:
    """A deployment to ask. May be shared by threads; also a context manager that closes it."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    ProgrammingError = ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(self, client: Client, deployment: Deployment, *, closes_client: bool) -> None:
        self.client = client
        self.deployment = deployment
        self._closes_client = closes_client
        self._is_closed = False
        self._has_written = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def cursor(self) -> "Cursor":
        """Return a new cursor."""
        self._check_open()
        return Cursor(self)

    def commit(self) -> None:
        """Do nothing: every statement is durable when it returns."""
        self._check_open()
        self._has_written = False

    def rollback(self) -> None:
        """Do nothing if nothing was written since the last `commit`.

        Raises:
            NotSupportedError: something was, and stays.
        """
        self._check_open()
        if self._has_written:
            self._has_written = False
            raise NotSupportedError(
                "there are no transactions: what was written since the last commit stays"
            )

    def close(self) -> None:
        """Close the connection; its cursors cannot be used any more."""
        if not self._is_closed and self._closes_client:
            self.client.close()
        self._is_closed = True

    def run(
        self, statement: str, parameters: Sequence[object]
    ) -> tuple[Sequence[Column], list[Row]]:
        """Return the columns and rows that a statement answers."""
        self._check_open()
        self._has_written = self._has_written or not is_reading(statement)
        with _translated():
            result = self.deployment.sql(statement, parameters)
            return result.columns, result.rows()

    def _check_open(self) -> None:
        if self._is_closed:
            raise InterfaceError("the connection is closed")


class Cursor:
    """A statement at a time, and the rows of its answer, which are held in memory.

    `description`: None before a statement with rows; else a tuple a column, of its name, its SQL
    type without parameters (equal to STRING, NUMBER or DATETIME), and of a decimal its precision
    and scale. `rowcount`: how many rows were answered, -1 for a statement without rows.
    """

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: list[Description] | None = None
        self.rowcount = -1
        self.lastrowid = None
        self._rows: Iterator[Row] | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Row]:
        return self._answered()

    def execute(self, operation: str, parameters: Sequence[object] = ()) -> Self:
        """Run a statement, its `?` marks replaced by parameters; return this cursor.

        Raises:
            ProgrammingError: the statement failed, or the parameters do not fit it.
        """
        self._check_open()
        if isinstance(parameters, str | bytes) or not isinstance(parameters, Sequence):
            raise ProgrammingError("parameters are a sequence, one for each ? of the statement")
        self.description, self._rows, self.rowcount = None, None, -1
        columns, rows = self.connection.run(operation, parameters)
        if columns:
            self.description = [_described(each) for each in columns]
            self._rows = iter(rows)
            self.rowcount = len(rows)
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Sequence[object]]) -> Self:
        """Run a statement once for each sequence of parameters; return this cursor.

        A `Writer`, or one INSERT with many VALUES, is the faster way to store many records.
        """
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)
        self.description, self._rows, self.rowcount = None, None, -1
        return self

    def fetchone(self) -> Row | None:
        """Return the next row, None if there is no other."""
        return next(self._answered(), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return so many of the next rows, `arraysize` by default, or what is left of them."""
        rows = self._answered()
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), rows, strict=False)]

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        return list(self._answered())

    def setinputsizes(self, sizes: Sequence[object]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def close(self) -> None:
        """Let the rows go; the cursor cannot be used any more."""
        self._rows = None
        self._is_closed = True

    def _answered(self) -> Iterator[Row]:
        self._check_open()
        if self._rows is None:
            raise ProgrammingError("there are no rows; execute a statement that has some")
        return self._rows

    def _check_open(self) -> None:
        if self._is_closed:
            raise InterfaceError("the cursor is closed")
        self.connection._check_open()  # noqa: SLF001 - the two are one thing


# The digits of the 64-bit integer that a decimal is stored in.
_DECIMAL_PRECISION = 19

_TRANSLATED: tuple[tuple[type[exceptions.BitbrookError], type[Error]], ...] = (
    (exceptions.ConfigurationError, InterfaceError),
    (exceptions.InexactValue, DataError),
    (exceptions.InvalidValue, DataError),
    (exceptions.ConnectionFailed, OperationalError),
    (exceptions.QuotaExceeded, OperationalError),
    (exceptions.Overloaded, OperationalError),
    (exceptions.TimedOut, OperationalError),
    (exceptions.NotAuthenticated, OperationalError),
    (exceptions.NotAllowed, OperationalError),
    (exceptions.Conflict, IntegrityError),
    (exceptions.ServerFault, InternalError),
    (exceptions.Refused, ProgrammingError),
    (exceptions.BitbrookError, DatabaseError),
)


def _find_deployment(client: Client, named: str | None) -> Deployment:
    if named is None:
        deployments = client.deployments.list()
        if len(deployments) == 1:
            return deployments[0]
        names = ", ".join(each.name for each in deployments) or "none"
        raise ProgrammingError(f"name one of the deployments; there are: {names}")
    try:
        return client.deployments.get(named)
    except exceptions.NotFound:
        found = client.deployments.find(named)
        if found is None:
            raise ProgrammingError(f"there is no deployment {named!r}") from None
        return found


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the SDK's errors as PEP 249's."""
    try:
        yield
    except exceptions.BitbrookError as error:
        for class_, translated in _TRANSLATED:
            if isinstance(error, class_):
                raise translated(str(error)) from error
        raise
    except ValueError as fault:
        raise ProgrammingError(str(fault)) from fault


def _described(column: Column) -> Description:
    precision = _DECIMAL_PRECISION if column.scale is not None else None
    # PEP 249's internal size: how many characters or numbers a value has at most.
    length = _LENGTH.search(column.type) if column.base_type in {"varchar", "vector"} else None
    size = int(length[1]) if length else None
    return (column.name, column.base_type, None, size, precision, column.scale, True)
