"""Functions of times that the reference does not have, as DuckDB has them. Times are in UTC."""

from collections.abc import Callable

from bitbrook.query.sql.functions.definitions import (
    INTEGER,
    LITERAL_TEXT,
    NUMBER,
    TEXT,
    TIME,
    Function,
    Parameter,
    cast,
    constant_of,
    failure,
    of_kind,
)
from bitbrook.query.sql.tree import Call
from bitbrook.query.sql.types import DOUBLE, INT, STRING, TIMESTAMP, Kind

PART_WORDS = frozenset(
    {
        "century",
        "day",
        "dayofweek",
        "dayofyear",
        "decade",
        "epoch",
        "era",
        "hour",
        "isodow",
        "isoyear",
        "microsecond",
        "millennium",
        "millisecond",
        "minute",
        "month",
        "quarter",
        "second",
        "week",
        "year",
        "yearweek",
    }
)
"""The parts of a time, each a function of its own and a word for date_part()."""

PART = Parameter("string", of_kind(Kind.STRING), is_literal=True)

_NAMED = ("day", "month", "year", *sorted(PART_WORDS - {"day", "epoch", "month", "year"}))


def _micros(sql: str) -> str:
    return f"CAST({sql} AS TIMESTAMP)"


def _part(word: str) -> Function:
    return Function((TIME,), INT, lambda a, _: cast(f"{word}({_micros(a[0])})", INT))


def _epoch(function: str) -> Function:
    kind = "TIMESTAMP_NS" if function == "epoch_ns" else "TIMESTAMP"
    return Function((TIME,), INT, lambda a, _: cast(f"{function}(CAST({a[0]} AS {kind}))", INT))


def _word(call: Call) -> str:
    return str(constant_of(call.arguments[0]).value).lower().removesuffix("s")


def _named_part(arguments: list[str], call: Call) -> str:
    word = _word(call)
    if word not in PART_WORDS:
        return failure(call, f"{word[:20]!r} is not a valid time unit".replace("{", ""))
    return cast(f"date_part('{word}', {_micros(arguments[1])})", INT)


def _between(function: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], call: Call) -> str:
        word = _word(call)
        if word not in PART_WORDS - {"epoch", "era", "isodow", "dayofweek", "dayofyear"}:
            return failure(call, f"{word[:20]!r} is not a valid time unit".replace("{", ""))
        start, end = (_micros(each) for each in arguments[1:])
        return f"{function}('{word}', {start}, {end})"

    return render


def _made(arguments: list[str], _: Call) -> str:
    *parts, second = arguments
    given = ", ".join(cast(each, INT) for each in parts)
    return f"make_timestamp({given}, {cast(second, DOUBLE)})"


def _parsed(arguments: list[str], call: Call) -> str:
    text, layout = arguments
    parsed = f"CAST(try_strptime({text}, {layout}) AS TIMESTAMP)"
    fails = failure(call, "unable to convert '{}' to type 'timestamp'", text)
    return f"CASE WHEN {text} IS NOT NULL AND {parsed} IS NULL THEN {fails} ELSE {parsed} END"


TIME_FUNCTIONS_BEYOND = {
    **{word.upper(): _part(word) for word in _NAMED},
    **{name.upper(): _epoch(name) for name in ("epoch", "epoch_ms", "epoch_us", "epoch_ns")},
    "DATE_PART": Function((PART, TIME), INT, _named_part),
    "DATE_DIFF": Function((PART, TIME, TIME), INT, _between("date_diff")),
    "DATE_SUB": Function((PART, TIME, TIME), INT, _between("date_sub")),
    "DAYNAME": Function((TIME,), STRING, lambda a, _: f"dayname({_micros(a[0])})"),
    "MONTHNAME": Function((TIME,), STRING, lambda a, _: f"monthname({_micros(a[0])})"),
    "LAST_DAY": Function(
        (TIME,), TIMESTAMP, lambda a, _: cast(f"last_day({_micros(a[0])})", TIMESTAMP)
    ),
    "JULIAN": Function((TIME,), DOUBLE, lambda a, _: f"julian({_micros(a[0])})"),
    "STRFTIME": Function(
        (TIME, LITERAL_TEXT), STRING, lambda a, _: f"strftime({_micros(a[0])}, {a[1]})"
    ),
    "STRPTIME": Function((TEXT, LITERAL_TEXT), TIMESTAMP, _parsed),
    "TRY_STRPTIME": Function(
        (TEXT, LITERAL_TEXT),
        TIMESTAMP,
        lambda a, _: f"CAST(try_strptime({a[0]}, {a[1]}) AS TIMESTAMP)",
    ),
    "MAKE_TIMESTAMP": Function((*((INTEGER,) * 5), NUMBER), TIMESTAMP, _made),
    "MAKE_DATE": Function(
        (INTEGER,) * 3,
        TIMESTAMP,
        lambda a, _: cast(f"make_date({', '.join(cast(each, INT) for each in a)})", TIMESTAMP),
    ),
}

TIME_ALIASES = {
    "DATEDIFF": "DATE_DIFF",
    "DATEPART": "DATE_PART",
    "DATESUB": "DATE_SUB",
    "DAYOFMONTH": "DAY",
    "TO_TIMESTAMP": "TOTIMESTAMP",
    "WEEKDAY": "DAYOFWEEK",
    "WEEKOFYEAR": "WEEK",
}
"""Names of the same functions elsewhere."""
