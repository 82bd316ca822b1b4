"""Functions of strings. Positions count from 0, as in the reference."""

import re

from bitbrook.query.sql.functions.definitions import (
    ANY,
    INTEGER,
    LITERAL_INTEGER,
    LITERAL_TEXT,
    NUMBER,
    TEXT,
    Function,
    Parameter,
    constant_of,
    failure,
    largest,
    out_of_range,
    quoted,
    sized,
    template,
)
from bitbrook.query.sql.tree import Call, Expression
from bitbrook.query.sql.types import INT, STRING, Kind

LENGTH_MAX = 16 << 20
"""Characters of a text that is made once for a statement."""

FORMAT_WIDTH_MAX = 10_000

LENGTH_OF_EACH_MAX = 64 << 10
"""Characters of a text that is made for each record: DuckDB makes those of 2,048 at once."""


LENGTH_IN_LIST_MAX = 1_000
"""Characters of a text that a lambda makes for each thing in a list."""


def length_max(call: Call) -> int:
    """Return how many characters a call may make."""
    return largest(call, LENGTH_MAX, LENGTH_OF_EACH_MAX, LENGTH_IN_LIST_MAX)


"""Characters that REPLICATE and SPACE may make."""


def _substring(arguments: list[str], call: Call) -> str:
    text, start, *rest = arguments
    length = f", {rest[0]}" if rest else ""
    bad_length = f" WHEN {rest[0]} < 0 THEN {out_of_range(call, rest[0])}" if rest else ""
    return (
        f"CASE WHEN {start} < 0 OR {start} >= length({text}) THEN {out_of_range(call, start)}"
        f"{bad_length} ELSE substring({text}, {start} + 1{length}) END"
    )


def _end(function: str, arguments: list[str], call: Call) -> str:
    text, count = arguments
    return (
        f"CASE WHEN {count} < 0 OR {count} > length({text}) THEN {out_of_range(call, count)} "
        f"ELSE {function}({text}, CAST({count} AS BIGINT)) END"
    )


def _char_index(arguments: list[str], call: Call) -> str:
    sub, text, *rest = arguments
    if not rest:
        return f"(CAST(strpos({text}, {sub}) AS BIGINT) - 1)"
    start = rest[0]
    found = f"CAST(strpos(substring({text}, {start} + 1), {sub}) AS BIGINT)"
    return (
        f"CASE WHEN {start} < 0 OR {start} > length({text}) THEN {out_of_range(call, start)} "
        f"WHEN {found} = 0 THEN -1 ELSE {found} + {start} - 1 END"
    )


def _string_split(arguments: list[str], call: Call) -> str:
    text, separator, *rest = arguments
    position = rest[0] if rest else "0"
    return (
        f"CASE WHEN {text} IS NULL OR {separator} IS NULL OR {position} IS NULL THEN NULL "
        f"WHEN {position} < 0 THEN {out_of_range(call, position)} "
        f"ELSE coalesce(list_extract(string_split({text}, {separator}), "
        f"CAST({position} AS BIGINT) + 1), '') END"
    )


def _ascii(arguments: list[str], call: Call) -> str:
    text = arguments[0]
    fails = failure(call, "value '{}' should be of the length 1", text)
    return f"CASE WHEN length({text}) <> 1 THEN {fails} ELSE CAST(ascii({text}) AS BIGINT) END"


def _char(arguments: list[str], call: Call) -> str:
    code = arguments[0]
    return (
        f"CASE WHEN {code} < 0 OR {code} > 255 THEN {out_of_range(call, code)} "
        f"ELSE chr(CAST({code} AS INTEGER)) END"
    )


def _replicate(arguments: list[str], call: Call) -> str:
    text, count = arguments if len(arguments) == 2 else ("' '", arguments[0])
    most = f"{length_max(call)} // greatest(length({text}), 1)"
    return sized(
        f"CAST({count} AS BIGINT)",
        f"{count} < 0 OR {count} > {most}",
        out_of_range(call, count),
        lambda size: f"repeat({text}, {size})",
    )


def _str(arguments: list[str], call: Call) -> str:
    number, *rest = arguments
    length = rest[0] if rest else "10"
    precision = constant_of(call.arguments[2]).value if len(rest) > 1 else 0
    assert isinstance(precision, int), "checked by the binder"
    precision = max(0, min(precision, 18))
    text = f"CAST(CAST({number} AS DECIMAL(38, {precision})) AS VARCHAR)"
    return sized(
        f"CAST({length} AS BIGINT)",
        f"{length} < 0 OR {length} > {length_max(call)}",
        out_of_range(call, length),
        lambda size: (
            f"CASE WHEN length({text}) > {length} THEN repeat('*', {size}) "
            f"ELSE lpad({text}, CAST({size} AS INTEGER), ' ') END"
        ),
    )


def _format(arguments: list[str], call: Call) -> str:
    """Return the pieces of a Go format and its arguments, one after the other."""
    layout = constant_of(call.arguments[0]).value
    if not isinstance(layout, str):
        return "NULL"
    pieces: list[str] = []
    literal = ""
    remaining = list(zip(arguments[1:], call.arguments[1:], strict=True))
    index = 0
    while index < len(layout):
        if layout[index] != "%":
            literal += layout[index]
            index += 1
            continue
        end = index + 1
        while end < len(layout) and layout[end] in "+-# 0123456789.":
            end += 1
        flags, verb = layout[index + 1 : end], layout[end : end + 1]
        index = end + 1
        if verb == "%":
            literal += "%"
        elif not remaining:
            literal += f"%!{verb}(MISSING)" if verb else "%!(NOVERB)"
        else:
            if literal:
                pieces.append(quoted(literal))
            literal = ""
            pieces.append(_formatted(flags, verb, *remaining.pop(0)))
    if literal:
        pieces.append(quoted(literal))
    for extra, _ in remaining:
        pieces.append(f"'%!(EXTRA ' || CAST({extra} AS VARCHAR) || ')'")
    return "(" + " || ".join(pieces or ["''"]) + ")"


def _formatted(flags: str, verb: str, sql: str, argument: Expression) -> str:
    """Return one argument as a verb of Go's writes it."""
    if any(int(digits) > FORMAT_WIDTH_MAX for digits in re.findall("[0-9]+", flags)):
        return "'%!(BADWIDTH)'"
    kind = argument.type
    match verb:
        case "v" | "s" | "t" | "d" if not flags:
            return f"CAST({sql} AS VARCHAR)"
        case "d" if kind.is_integer:
            return f"printf({quoted(f'%{flags}d')}, CAST({sql} AS BIGINT))"
        case "x" | "X" | "o" if kind.is_integer:
            return f"printf({quoted(f'%{flags}{verb}')}, CAST({sql} AS BIGINT))"
        case "b" if kind.is_integer and not flags:
            return f"ltrim(bin(CAST({sql} AS BIGINT)), ' ')"
        case "f" | "F" | "e" | "g" if kind.is_number:
            return f"printf({quoted(f'%{flags}{verb.lower()}')}, CAST({sql} AS DOUBLE))"
        case "q" if kind.is_text:
            return f"""('"' || replace({sql}, '"', '\\"') || '"')"""
        case "s" | "v":
            return f"printf({quoted(f'%{flags}s')}, CAST({sql} AS VARCHAR))"
        case "c" if kind.is_integer:
            return f"chr(CAST({sql} AS INTEGER))"
        case _:
            return f"({quoted(f'%!{verb}({kind}=')} || CAST({sql} AS VARCHAR) || ')')"


_MEASURED = Parameter(
    "string", lambda kind: kind.is_text or kind.is_listed or kind.kind is Kind.VOID
)

STRING_FUNCTIONS = {
    "LEN": Function((_MEASURED,), INT, template("len({0})")),
    "UPPER": Function((TEXT,), STRING, template("upper({0})")),
    "LOWER": Function((TEXT,), STRING, template("lower({0})")),
    "REVERSE": Function((TEXT,), STRING, template("reverse({0})")),
    "TRIM": Function((TEXT,), STRING, template("trim({0}, ' ')")),
    "LTRIM": Function((TEXT,), STRING, template("ltrim({0}, ' ')")),
    "RTRIM": Function((TEXT,), STRING, template("rtrim({0}, ' ')")),
    "SUBSTRING": Function((TEXT, INTEGER, INTEGER), STRING, _substring, required=2),
    "PREFIX": Function((TEXT, INTEGER), STRING, lambda a, call: _end("left", a, call)),
    "SUFFIX": Function((TEXT, INTEGER), STRING, lambda a, call: _end("right", a, call)),
    "CHARINDEX": Function((TEXT, TEXT, INTEGER), INT, _char_index, required=2),
    "REPLACEALL": Function((TEXT, TEXT, TEXT), STRING, template("replace({0}, {1}, {2})")),
    "STRINGSPLIT": Function((TEXT, TEXT, INTEGER), STRING, _string_split, required=2),
    "ASCII": Function((TEXT,), INT, _ascii),
    "CHAR": Function((INTEGER,), STRING, _char),
    "SPACE": Function((INTEGER,), STRING, _replicate),
    "REPLICATE": Function((TEXT, INTEGER), STRING, _replicate),
    "STR": Function((NUMBER, INTEGER, LITERAL_INTEGER), STRING, _str, required=1),
    "FORMAT": Function((LITERAL_TEXT, ANY), STRING, _format, required=1, repeats=True),
}
