"""The answer to a SQL statement: columns, and rows in the shape that the caller works with.

It came as JSON or as an Arrow stream and gives every shape from either; what is not asked for is
not built. Values are exact: a decimal is a Decimal with the digits of its column, a time an aware
datetime in UTC, a set or vector a list, integers are of any size. A time with nanoseconds, which
datetime cannot hold, is an `InexactValue`, never rounded.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import msgspec

from bitbrook.client._ends import check_stream
from bitbrook.client._exceptions import InexactValue, InvalidStatement
from bitbrook.client._exchange import read

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"

Row: TypeAlias = tuple[Any, ...]

# More digits than a datetime has; also found in strings, so that it only begins a closer look.
_FINE_TIME = re.compile(rb"\.\d{6}0*[1-9]\d*Z\"")
_TIME_PARTS = re.compile(r"(.*T[\d:]+)(?:\.(\d+))?Z")
_MICROSECOND_DIGITS = 6

_PYTHON_TYPES: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "id": int,
    "decimal": Decimal,
    "timestamp": datetime,
    "string": str,
    "varchar": str,
    "idset": list[int],
    "idsetq": list[int],
    "stringset": list[str],
    "stringsetq": list[str],
    "vector": list[float],
}


class Column(msgspec.Struct, frozen=True):
    """A column of an answer.

    `name`: unique; a column without a name is called by its place, such as `column2`. `type`: as
    SQL writes it, such as `decimal(2)`. `base_type`: without the parameter. `scale`: of a decimal.
    """

    name: str
    type: str
    base_type: str
    scale: int | None = None


class Result(ABC):
    """What a SQL statement answered. A statement without rows has no columns.

    Iterating gives the rows. `warnings`: what the server had to say. `execution_us`: how long the
    statement took there, None if the form of the answer does not tell.
    """

    columns: tuple[Column, ...]
    warnings: tuple[str, ...] = ()
    execution_us: int | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())

    @abstractmethod
    def __len__(self) -> int: ...

    def __repr__(self) -> str:
        columns = ", ".join(f"{each.name} {each.type}" for each in self.columns)
        return f"<Result {len(self):,} rows ({columns})>"

    @abstractmethod
    def rows(self) -> list[Row]:
        """Return the rows as tuples.

        Raises:
            InexactValue: a time has nanoseconds.
        """

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dicts, by the names of the columns."""
        names = [each.name for each in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows()]

    def scalar(self) -> Any:
        """Return the first value of the first row, None if there is no row."""
        rows = self.rows()
        return rows[0][0] if rows else None

    @abstractmethod
    def arrow(self) -> "pa.Table":
        """Return the rows as an Arrow table (needs pyarrow).

        Types: id uint64, int int64, decimal decimal128(19, scale), bool, string, timestamp in UTC
        without a zone, and lists for sets.
        """

    def pandas(self) -> "pd.DataFrame":
        """Return the rows as a DataFrame of Arrow-backed columns (needs pandas and pyarrow)."""
        import pandas as pd  # noqa: PLC0415 - optional

        return self.arrow().to_pandas(types_mapper=pd.ArrowDtype)

    def polars(self) -> "pl.DataFrame":
        """Return the rows as a polars DataFrame (needs polars and pyarrow)."""
        import polars as pl  # noqa: PLC0415 - optional

        frame = pl.from_arrow(self.arrow())
        assert isinstance(frame, pl.DataFrame), "a table becomes a frame"
        return frame


def read_result(response: httpx.Response) -> Result:
    """Return the result that an answer holds, in whichever form it came.

    Raises:
        InvalidStatement: the statement failed, although the status was a success.
        UnexpectedAnswer: it is no result.
    """
    if response.headers.get("content-type", "").partition(";")[0] == ARROW:
        return ArrowResult(response.content)
    answer = read(response, _Answer)
    if answer.error is not None:
        raise InvalidStatement(
            answer.error,
            status=response.status_code,
            request_id=response.headers.get("x-request-id", ""),
        )
    return JsonResult(answer)


class _Field(msgspec.Struct, rename="kebab"):
    name: str
    type: str
    base_type: str
    type_info: dict[str, Any] | None = None


class _Schema(msgspec.Struct):
    fields: list[_Field] = []


class _Answer(msgspec.Struct, rename="kebab"):
    schema: _Schema = msgspec.field(default_factory=_Schema)
    data: msgspec.Raw = msgspec.Raw(b"[]")
    error: str | None = None
    warnings: list[str] = []
    execution_time: int | None = None


class JsonResult(Result):
    """A result that came as JSON."""

    def __init__(self, answer: _Answer) -> None:
        fields = answer.schema.fields
        names = _unique([each.name for each in fields])
        self.columns = tuple(
            Column(name, each.type, each.base_type, (each.type_info or {}).get("scale"))
            for name, each in zip(names, fields, strict=True)
        )
        self.warnings = tuple(answer.warnings)
        self.execution_us = answer.execution_time
        self._data = bytes(answer.data)
        self._rows: list[Row] | None = None

    def __len__(self) -> int:
        return len(self._read())

    def rows(self) -> list[Row]:
        """Return the rows as tuples."""
        return list(self._read())

    def arrow(self) -> "pa.Table":
        """Return the rows as an Arrow table."""
        import pyarrow as pa  # noqa: PLC0415 - optional

        raw = self._decode([_raw_type(each) for each in self.columns])
        arrays = [_array([row[at] for row in raw], each) for at, each in enumerate(self.columns)]
        return pa.Table.from_arrays(arrays, names=[each.name for each in self.columns])

    def _read(self) -> list[Row]:
        if self._rows is None:
            if _FINE_TIME.search(self._data) is not None:
                self._check_times()
            self._rows = self._decode([_PYTHON_TYPES.get(c.base_type, Any) for c in self.columns])
        return self._rows

    def _decode(self, types: Sequence[Any]) -> list[Row]:
        if not types:
            return []
        row: Any = tuple.__class_getitem__(tuple(type_ | None for type_ in types))
        decoder = msgspec.json.Decoder(list[row], float_hook=Decimal)
        try:
            rows: list[Row] = decoder.decode(self._data)
        except msgspec.ValidationError as fault:
            raise InexactValue(f"a value that its type cannot hold: {fault}") from None
        return rows

    def _check_times(self) -> None:
        for row in self._decode([_raw_type(each) for each in self.columns]):
            for value, column in zip(row, self.columns, strict=True):
                if column.base_type == "timestamp" and value is not None:
                    _check_is_exact(value, column.name)


class ArrowResult(Result):
    """A result that came as an Arrow stream."""

    def __init__(self, stream: bytes) -> None:
        import pyarrow as pa  # noqa: PLC0415 - optional

        check_stream(stream)
        self._table = pa.ipc.open_stream(stream).read_all()
        self.columns = tuple(_column_of(each) for each in self._table.schema)

    def __len__(self) -> int:
        length: int = self._table.num_rows
        return length

    def rows(self) -> list[Row]:
        """Return the rows as tuples."""
        columns = [
            _python_values(values, name)
            for name, values in zip(self._table.column_names, self._table.columns, strict=True)
        ]
        return list(zip(*columns, strict=True))

    def arrow(self) -> "pa.Table":
        """Return the rows as an Arrow table, as they came."""
        return self._table


def _unique(names: Sequence[str]) -> list[str]:
    """Return names as the server's tables have them: none empty, no two alike."""
    unique: list[str] = []
    for place, given in enumerate(names, 1):
        name = given or f"column{place}"
        unique.append(f"{name}_{place}" if name in unique else name)
    return unique


def _raw_type(column: Column) -> Any:
    """Return the type that a column's JSON is read as on its way to Arrow: times stay text."""
    return str if column.base_type == "timestamp" else _PYTHON_TYPES.get(column.base_type, Any)


def _check_is_exact(text: str, name: str) -> None:
    parts = _TIME_PARTS.fullmatch(text)
    digits = (parts.group(2) if parts else None) or ""
    if digits[_MICROSECOND_DIGITS:].strip("0"):
        raise _inexact(name, text)


def _inexact(name: str, value: object) -> InexactValue:
    return InexactValue(
        f"column {name!r}: {value} is finer than a datetime can hold; ask with format='arrow' and "
        "use arrow(), pandas() or polars()"
    )


def _array(values: list[Any], column: Column) -> "pa.Array":
    import pyarrow as pa  # noqa: PLC0415 - optional

    match column.base_type:
        case "timestamp":
            times = [None if text is None else text.removesuffix("Z") for text in values]
            fraction = max((len(text.partition(".")[2]) for text in times if text), default=0)
            unit = "s" if fraction == 0 else "us" if fraction <= _MICROSECOND_DIGITS else "ns"
            return pa.array(times, pa.string()).cast(pa.timestamp(unit))
        case "decimal":
            return pa.array(values, pa.decimal128(38, column.scale or 0))
        case "id":
            return pa.array(values, pa.uint64())
        case "int":
            return pa.array(values, pa.int64())
        case "idset" | "idsetq":
            return pa.array(values, pa.list_(pa.uint64()))
        case "stringset" | "stringsetq":
            return pa.array(values, pa.list_(pa.string()))
        case "vector":
            length = max((len(vector) for vector in values if vector), default=0)
            kind = pa.list_(pa.float32(), length) if length else pa.list_(pa.float32())
            return pa.array(values, kind)
        case "bool":
            return pa.array(values, pa.bool_())
        case "string" | "varchar":
            return pa.array(values, pa.string())
        case _:
            return pa.array(values)


def _column_of(field: "pa.Field") -> Column:
    """Return the column that an Arrow field is, in SQL's words."""
    import pyarrow.types as kinds  # noqa: PLC0415 - optional

    kind = field.type
    if kinds.is_decimal(kind):
        return Column(field.name, f"decimal({kind.scale})", "decimal", kind.scale)
    if kinds.is_fixed_size_list(kind):
        return Column(field.name, f"vector({kind.list_size})", "vector")
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        name = "idset" if kinds.is_integer(kind.value_type) else "stringset"
    elif kinds.is_timestamp(kind):
        name = "timestamp"
    elif kinds.is_boolean(kind):
        name = "bool"
    elif kinds.is_integer(kind):
        name = "id" if kinds.is_unsigned_integer(kind) else "int"
    else:
        name = "void" if kinds.is_null(kind) else "string"
    return Column(field.name, name, name)


def _python_values(values: "pa.ChunkedArray", name: str) -> list[Any]:
    """Return a column's values as Python has them."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    import pyarrow.types as kinds  # noqa: PLC0415 - optional

    if not kinds.is_timestamp(values.type):
        plain: list[Any] = values.to_pylist()
        return plain
    try:
        exact = values.cast(pa.timestamp("us"))
        times = exact.to_pylist()
    except (pa.ArrowInvalid, ValueError, OverflowError) as fault:
        raise _inexact(name, fault) from None
    return [None if time is None else time.replace(tzinfo=UTC) for time in times]
