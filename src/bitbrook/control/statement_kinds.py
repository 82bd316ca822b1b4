"""What kind of statement a text is, in few words, so that its time is counted among its like."""

import re

OTHER = "other"

PQL_KINDS = frozenset(
    {
        "clear", "clearrow", "constrow", "count", "delete", "difference", "distinct", "extract",
        "groupby", "includescolumn", "intersect", "limit", "max", "min", "not", "percentile", "row",
        "rows", "set", "shift", "sort", "store", "sum", "topk", "topn", "union", "unionrows", "xor",
    }
)  # fmt: skip
SQL_KINDS = frozenset(
    {
        "alter", "bulk", "cancel", "copy", "create", "delete", "describe", "drop", "explain",
        "insert", "replace", "select", "show", "truncate", "update", "upsert", "with",
    }
)  # fmt: skip

_FIRST_WORD = re.compile(r"(?:[\s(]|--[^\n]*\n)*(?:\[[^\]]*\]\s*)?([A-Za-z]+)")


def kind_of(language: str, text: str) -> str:
    """Return the first call of a PQL statement, or the first word of a SQL one, if it is known."""
    match = _FIRST_WORD.match(text)
    word = "" if match is None else match.group(1).lower()
    return word if word in (PQL_KINDS if language == "pql" else SQL_KINDS) else OTHER
