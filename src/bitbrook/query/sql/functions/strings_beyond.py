"""Functions of strings that the reference does not have, as DuckDB has them: places count from 1.

Each takes and gives whole values and reads nothing beside them. What would make a long text is
bounded; patterns are RE2's, which take a time in proportion to the text.
"""

from collections.abc import Callable

from bitbrook.query.sql.functions.definitions import (
    ANY,
    INTEGER,
    TEXT,
    Function,
    ResultType,
    call_of,
    cast,
    out_of_range,
    quoted,
    sized,
)
from bitbrook.query.sql.functions.numbers import any_type
from bitbrook.query.sql.functions.strings import length_max
from bitbrook.query.sql.tree import Call
from bitbrook.query.sql.types import BOOL, DOUBLE, ID, INT, STRING, list_of

_STRINGS = list_of(STRING)


def _of(function: str, count: int, kind: ResultType) -> Function:
    return call_of(function, *((TEXT,) * count), returns=kind)


def _whole(function: str, count: int = 1) -> Function:
    def render(arguments: list[str], _: Call) -> str:
        return cast(f"{function}({', '.join(arguments)})", INT)

    return Function((TEXT,) * count, INT, render)


def _padded(function: str) -> Function:
    def render(arguments: list[str], call: Call) -> str:
        text, length, *rest = arguments
        filler = rest[0] if rest else "' '"
        return sized(
            f"CAST({length} AS INTEGER)",
            f"{length} < 0 OR {length} > {length_max(call)}",
            out_of_range(call, length),
            lambda size: f"{function}({text}, {size}, {filler})",
        )

    return Function((TEXT, INTEGER, TEXT), STRING, render, required=2)


def _cut(function: str) -> Function:
    return Function(
        (TEXT, INTEGER), STRING, lambda a, _: f"{function}({a[0]}, CAST({a[1]} AS BIGINT))"
    )


def _joined(arguments: list[str], _: Call) -> str:
    return f"concat({', '.join(cast(each, STRING) for each in arguments)})"


def _joined_by(arguments: list[str], _: Call) -> str:
    return f"concat_ws({', '.join(cast(each, STRING) for each in arguments)})"


def _extracted(function: str, kind: ResultType) -> Function:
    def render(arguments: list[str], _: Call) -> str:
        group = f", CAST({arguments[2]} AS INTEGER)" if len(arguments) > 2 else ""
        return f"{function}({arguments[0]}, {arguments[1]}{group})"

    return Function((TEXT, TEXT, INTEGER), kind, render, required=2)


def _json(function: str) -> Callable[[list[str], Call], str]:
    return lambda arguments, _: f"CAST({function}({', '.join(arguments)}) AS VARCHAR)"


def _in_base(arguments: list[str], call: Call) -> str:
    number, radix, *rest = arguments
    length = rest[0] if rest else "1"
    written = sized(
        f"CAST({length} AS INTEGER)",
        f"{length} < 0 OR {length} > 64",
        out_of_range(call, length),
        lambda size: f"to_base(CAST({number} AS BIGINT), CAST({radix} AS INTEGER), {size})",
    )
    return (
        f"CASE WHEN {radix} < 2 OR {radix} > 36 THEN {out_of_range(call, radix)} "
        f"WHEN {number} < 0 THEN {out_of_range(call, number)} "
        f"ELSE {written} END"
    )


STRING_FUNCTIONS_BEYOND = {
    "LEFT": _cut("left"),
    "RIGHT": _cut("right"),
    "REPLACE": _of("replace", 3, STRING),
    "TRANSLATE": _of("translate", 3, STRING),
    "LPAD": _padded("lpad"),
    "RPAD": _padded("rpad"),
    "CONCAT": Function((ANY,), STRING, _joined, repeats=True),
    "CONCAT_WS": Function((TEXT, ANY), STRING, _joined_by, repeats=True),
    "CONTAINS": _of("contains", 2, BOOL),
    "STARTS_WITH": _of("starts_with", 2, BOOL),
    "ENDS_WITH": _of("ends_with", 2, BOOL),
    "STRPOS": _whole("strpos", 2),
    "SPLIT_PART": Function(
        (TEXT, TEXT, INTEGER), STRING, lambda a, _: f"split_part({a[0]}, {a[1]}, {cast(a[2], INT)})"
    ),
    "STRING_SPLIT": _of("string_split", 2, _STRINGS),
    "REGEXP_SPLIT_TO_ARRAY": _of("regexp_split_to_array", 2, _STRINGS),
    "REGEXP_MATCHES": _of("regexp_matches", 2, BOOL),
    "REGEXP_FULL_MATCH": _of("regexp_full_match", 2, BOOL),
    "REGEXP_REPLACE": Function(
        (TEXT,) * 4, STRING, lambda a, _: f"regexp_replace({', '.join(a)})", required=3
    ),
    "REGEXP_EXTRACT": _extracted("regexp_extract", STRING),
    "REGEXP_EXTRACT_ALL": _extracted("regexp_extract_all", _STRINGS),
    "REGEXP_ESCAPE": _of("regexp_escape", 1, STRING),
    "STRIP_ACCENTS": _of("strip_accents", 1, STRING),
    "NFC_NORMALIZE": _of("nfc_normalize", 1, STRING),
    "UNICODE": _whole("unicode"),
    "BIT_LENGTH": _whole("bit_length"),
    "STRLEN": _whole("strlen"),
    "LENGTH_GRAPHEME": _whole("length_grapheme"),
    "LEVENSHTEIN": _whole("levenshtein", 2),
    "DAMERAU_LEVENSHTEIN": _whole("damerau_levenshtein", 2),
    "HAMMING": _whole("hamming", 2),
    "JACCARD": _of("jaccard", 2, DOUBLE),
    "JARO_SIMILARITY": _of("jaro_similarity", 2, DOUBLE),
    "JARO_WINKLER_SIMILARITY": _of("jaro_winkler_similarity", 2, DOUBLE),
    "MD5": _of("md5", 1, STRING),
    "SHA1": _of("sha1", 1, STRING),
    "SHA256": _of("sha256", 1, STRING),
    "HASH": Function((ANY,), ID, lambda a, _: f"hash({a[0]})"),
    "HEX": _of("hex", 1, STRING),
    "TO_BASE64": Function((TEXT,), STRING, lambda a, _: f"to_base64(encode({a[0]}))"),
    "FROM_BASE64": Function((TEXT,), STRING, lambda a, _: f"decode(from_base64({a[0]}))"),
    "URL_ENCODE": _of("url_encode", 1, STRING),
    "URL_DECODE": _of("url_decode", 1, STRING),
    "BIN": Function((INTEGER,), STRING, lambda a, _: f"bin(CAST({a[0]} AS BIGINT))"),
    "TO_BASE": Function((INTEGER,) * 3, STRING, _in_base, required=2),
    "FORMAT_BYTES": Function((INTEGER,), STRING, lambda a, _: f"format_bytes({cast(a[0], INT)})"),
    "PARSE_FILENAME": _of("parse_filename", 1, STRING),
    "PARSE_DIRNAME": _of("parse_dirname", 1, STRING),
    "PARSE_DIRPATH": _of("parse_dirpath", 1, STRING),
    "PARSE_PATH": _of("parse_path", 1, _STRINGS),
    "JSON_EXTRACT": Function((TEXT, TEXT), STRING, _json("json_extract")),
    "JSON_EXTRACT_STRING": Function((TEXT, TEXT), STRING, _json("json_extract_string")),
    "JSON_VALID": _of("json_valid", 1, BOOL),
    "JSON_TYPE": _of("json_type", 1, STRING),
    "JSON_KEYS": _of("json_keys", 1, _STRINGS),
    "JSON_ARRAY_LENGTH": _whole("json_array_length"),
    "JSON_CONTAINS": _of("json_contains", 2, BOOL),
    "TO_JSON": Function((ANY,), STRING, _json("to_json")),
    "TYPEOF": Function((ANY,), STRING, lambda _, call: quoted(str(call.arguments[0].type))),
    "IF": Function(
        (ANY,) * 3,
        lambda a: any_type(a[1:]),
        lambda a, call: (
            f"CASE WHEN {a[0]} THEN {cast(a[1], call.type)} ELSE {cast(a[2], call.type)} END"
        ),
    ),
}

STRING_ALIASES = {
    "BASE64": "TO_BASE64",
    "CHARACTER_LENGTH": "LEN",
    "CHAR_LENGTH": "LEN",
    "CHR": "CHAR",
    "EDITDIST3": "LEVENSHTEIN",
    "INSTR": "STRPOS",
    "JSON_EXTRACT_PATH": "JSON_EXTRACT",
    "JSON_EXTRACT_PATH_TEXT": "JSON_EXTRACT_STRING",
    "LCASE": "LOWER",
    "MISMATCHES": "HAMMING",
    "ORD": "UNICODE",
    "REPEAT": "REPLICATE",
    "SPLIT": "STRING_SPLIT",
    "STRING_SPLIT_REGEX": "REGEXP_SPLIT_TO_ARRAY",
    "STRING_TO_ARRAY": "STRING_SPLIT",
    "STR_SPLIT": "STRING_SPLIT",
    "STR_SPLIT_REGEX": "REGEXP_SPLIT_TO_ARRAY",
    "TO_BINARY": "BIN",
    "TO_HEX": "HEX",
    "UCASE": "UPPER",
}
"""Names of the same functions elsewhere."""
