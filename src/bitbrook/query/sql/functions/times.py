"""Functions of times. Units are those of the reference; months and years add as Go adds them.

Everything is computed on microseconds, but for what asks for or adds nanoseconds.
"""

from collections.abc import Callable, Sequence

from bitbrook.query.sql.functions.definitions import (
    INTEGER,
    LITERAL_TEXT,
    TEXT,
    TIME,
    UNIT,
    Function,
    Parameter,
    cast,
    constant_of,
    duck_type,
    failure,
    of_kind,
    out_of_range,
    quoted,
)
from bitbrook.query.sql.tree import Call, Expression
from bitbrook.query.sql.types import INT, STRING, TIMESTAMP, Kind, SqlType, timestamp
from bitbrook.schema.field_types import TimeUnit

UNITS = frozenset({"YY", "M", "D", "HH", "MI", "S", "MS", "US", "NS", "W", "WD", "YD"})

MICROSECONDS = {
    "W": 604_800_000_000,
    "WD": 86_400_000_000,
    "YD": 86_400_000_000,
    "D": 86_400_000_000,
    "HH": 3_600_000_000,
    "MI": 60_000_000,
    "S": 1_000_000,
    "MS": 1_000,
    "US": 1,
}

_PARTS = {
    "YY": "date_part('year', {0})",
    "M": "date_part('month', {0})",
    "D": "date_part('day', {0})",
    "HH": "date_part('hour', {0})",
    "MI": "date_part('minute', {0})",
    "S": "date_part('second', {0})",
    "MS": "(date_part('microsecond', {0}) % 1000000 // 1000)",
    "US": "(date_part('microsecond', {0}) % 1000000)",
    "W": "date_part('week', {0})",
    "WD": "date_part('dayofweek', {0})",
    "YD": "date_part('dayofyear', {0})",
}

_CUT = {
    "YY": "%Y",
    "M": "%Y-%m",
    "D": "%Y-%m-%d",
    "HH": "%Y-%m-%dT%H",
    "MI": "%Y-%m-%dT%H:%M",
    "S": "%Y-%m-%dT%H:%M:%S",
    "MS": "%Y-%m-%dT%H:%M:%S.%g",
    "US": "%Y-%m-%dT%H:%M:%S.%f",
    "NS": "%Y-%m-%dT%H:%M:%S.%n",
    "W": "%G-%V",
    "WD": "%w",
    "YD": "%j",
}


def _unit(call: Call) -> str:
    value = constant_of(call.arguments[0]).value
    return value.upper() if isinstance(value, str) else "S"


def _micros(sql: str) -> str:
    return f"CAST({sql} AS TIMESTAMP)"


def _nanos(sql: str) -> str:
    return f"epoch_ns(CAST({sql} AS TIMESTAMP_NS))"


def _part(arguments: list[str], call: Call) -> str:
    unit = _unit(call)
    if unit == "NS":
        nanos = _nanos(arguments[1])
        return f"(({nanos} % 1000000000 + 1000000000) % 1000000000)"
    return "CAST(" + _PARTS[unit].format(_micros(arguments[1])) + " AS BIGINT)"


def _name(arguments: list[str], call: Call) -> str:
    match _unit(call):
        case "M":
            return f"monthname({_micros(arguments[1])})"
        case "WD":
            return f"dayname({_micros(arguments[1])})"
        case _:
            return f"CAST({_part(arguments, call)} AS VARCHAR)"


def _later_type(arguments: Sequence[Expression]) -> SqlType:
    unit = constant_of(arguments[0]).value
    kind = arguments[2].type
    if kind.unit is TimeUnit.NANOSECOND or (isinstance(unit, str) and unit.upper() == "NS"):
        return timestamp(TimeUnit.NANOSECOND)
    return TIMESTAMP


def _add(arguments: list[str], call: Call) -> str:
    unit, (_, count, time) = _unit(call), arguments
    if unit in {"YY", "M"}:
        months = f"CAST({count} AS INTEGER)" + (" * 12" if unit == "YY" else "")
        month = f"date_trunc('month', {_micros(time)})"
        # Go keeps the day of the month and lets it run over: a month after 31 January is 2 or 3
        # March, where DuckDB's own addition stops at the end of February.
        moved = f"({month} + to_months({months}) + ({_micros(time)} - {month}))"
        return cast(moved, call.type)
    if call.type.unit is TimeUnit.NANOSECOND:
        nanos = 1 if unit == "NS" else MICROSECONDS[unit] * 1000
        return f"make_timestamp_ns({_nanos(time)} + CAST({count} AS BIGINT) * {nanos})"
    moved = f"epoch_us({_micros(time)}) + CAST({count} AS BIGINT) * {MICROSECONDS[unit]}"
    return f"make_timestamp({moved})"


def _difference(arguments: list[str], call: Call) -> str:
    unit, (_, start, end) = _unit(call), arguments
    if unit in {"YY", "M"}:
        word = "year" if unit == "YY" else "month"
        return f"CAST(date_diff('{word}', {_micros(start)}, {_micros(end)}) AS BIGINT)"
    if unit == "NS":
        return f"({_nanos(end)} - {_nanos(start)})"
    elapsed = f"(epoch_us({_micros(end)}) - epoch_us({_micros(start)}))"
    return f"({elapsed} // {MICROSECONDS[unit]})"


def _from_parts(arguments: list[str], call: Call) -> str:
    year, month, day, hour, minute, second, milli = (cast(part, INT) for part in arguments)
    bounds = ((year, 1, 9999), (month, 1, 12), (hour, 0, 23), (minute, 0, 59), (second, 0, 59))
    checks = "".join(
        f" WHEN {part} < {low} OR {part} > {high} THEN {out_of_range(call, part)}"
        for part, low, high in (*bounds, (milli, 0, 999))
    )
    last_day = f"date_part('day', last_day(make_date({year}, {month}, 1)))"
    seconds = f"CAST({second} AS DOUBLE) + CAST({milli} AS DOUBLE) / 1000"
    return (
        f"CASE{checks} WHEN {day} < 1 OR {day} > {last_day} THEN {out_of_range(call, day)} "
        f"ELSE make_timestamp({year}, {month}, {day}, {hour}, {minute}, {seconds}) END"
    )


def _cut(arguments: list[str], call: Call) -> str:
    unit = _unit(call)
    time = f"CAST({arguments[1]} AS TIMESTAMP_NS)" if unit == "NS" else _micros(arguments[1])
    return f"strftime({time}, {quoted(_CUT[unit])})"


def _to_timestamp(arguments: list[str], call: Call) -> str:
    number = cast(arguments[0], INT)
    match _number_unit(call.arguments):
        case TimeUnit.NANOSECOND:
            return f"make_timestamp_ns({number})"
        case unit:
            factor = 1_000_000 // unit.per_second
            moment = f"make_timestamp({number} * {factor})"
            return f"CAST({moment} AS {duck_type(call.type)})"


def _number_unit(arguments: Sequence[Expression]) -> TimeUnit:
    if len(arguments) < 2:
        return TimeUnit.SECOND
    value = constant_of(arguments[1]).value
    return TimeUnit(value) if isinstance(value, str) else TimeUnit.SECOND


GO_LAYOUT = (
    ("2006", "%Y"),
    ("January", "%B"),
    ("Monday", "%A"),
    ("Jan", "%b"),
    ("Mon", "%a"),
    ("Z07:00", "%z"),
    ("-07:00", "%z"),
    ("-0700", "%z"),
    ("Z0700", "%z"),
    ("MST", "%Z"),
    ("000000000", "%n"),
    ("000000", "%f"),
    ("000", "%g"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%p"),
    ("_2", "%-d"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
)


def format_of_layout(layout: str) -> str:
    """Return DuckDB's format for a layout of Go's reference time."""
    pieces: list[str] = []
    index = 0
    while index < len(layout):
        for word, code in GO_LAYOUT:
            if layout.startswith(word, index):
                pieces.append(code)
                index += len(word)
                break
        else:
            pieces.append("%%" if layout[index] == "%" else layout[index])
            index += 1
    return "".join(pieces)


def _parse(arguments: list[str], call: Call) -> str:
    text = arguments[0]
    layout = constant_of(call.arguments[1]).value if len(call.arguments) > 1 else None
    if layout is None:
        parsed = f"TRY_CAST({text} AS TIMESTAMP)"
    else:
        parsed = f"try_strptime({text}, {quoted(format_of_layout(str(layout)))})"
        parsed = f"CAST({parsed} AS TIMESTAMP)"
    fails = failure(call, "unable to convert '{}' to type 'timestamp'", text)
    return f"CASE WHEN {text} IS NOT NULL AND {parsed} IS NULL THEN {fails} ELSE {parsed} END"


def _in_unit(render: Callable[[list[str], Call], str], kind: SqlType) -> Function:
    return Function((UNIT, TIME), kind, render)


_NUMBER_UNIT = Parameter("string", of_kind(Kind.STRING), is_literal=True)

TIME_FUNCTIONS = {
    "DATETIMEPART": _in_unit(_part, INT),
    "DATETIMENAME": _in_unit(_name, STRING),
    "DATE_TRUNC": _in_unit(_cut, STRING),
    "DATETIMEADD": Function((UNIT, INTEGER, TIME), _later_type, _add),
    "DATETIMEDIFF": Function((UNIT, TIME, TIME), INT, _difference),
    "DATETIMEFROMPARTS": Function((INTEGER,) * 7, TIMESTAMP, _from_parts),
    "TOTIMESTAMP": Function(
        (INTEGER, _NUMBER_UNIT),
        lambda arguments: timestamp(_number_unit(arguments)),
        _to_timestamp,
        required=1,
    ),
    "PARSETIMESTAMP": Function((TEXT, LITERAL_TEXT), TIMESTAMP, _parse, required=1),
}
