"""Which names things may have.

Names of deployments, tables and fields are lower case because statements are: SQL folds identifiers
to lower case, so a name with a capital could be created and never asked for.
"""

import enum
import re

from bitbrook.errors import InvalidValue
from bitbrook.schema.limits import NAME_CHARACTERS_MAX


class NameKind(enum.StrEnum):
    """What is being named."""

    DEPLOYMENT = "deployment"
    TABLE = "table"
    FIELD = "field"
    SOURCE = "source"


_WORD = re.compile(r"[a-z0-9_-]+", re.ASCII)
_WORD_FROM_LETTER = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)

_RULES: dict[NameKind, tuple[re.Pattern[str], str]] = {
    NameKind.DEPLOYMENT: (_WORD, "use lower-case letters, digits, '-' and '_'"),
    NameKind.TABLE: (
        _WORD_FROM_LETTER,
        "begin with a letter and use lower-case letters, digits, '-' and '_'",
    ),
    NameKind.FIELD: (
        _WORD_FROM_LETTER,
        "begin with a letter and use lower-case letters, digits, '-' and '_'",
    ),
}


def check_name(kind: NameKind, name: str) -> None:
    """Return if a thing of this kind may have this name.

    Raises:
        InvalidValue: it may not; the message says why.
    """
    fault = find_name_fault(kind, name)
    if fault is not None:
        raise InvalidValue(fault, field="name")


def find_name_fault(kind: NameKind, name: str) -> str | None:
    """Return what is wrong with a name and how to mend it, None if nothing is.

    >>> find_name_fault(NameKind.TABLE, "iris_table")
    >>> find_name_fault(NameKind.FIELD, "Species")
    "field name 'Species' cannot be; begin with a letter and use lower-case letters, digits, \
'-' and '_'"
    """
    if not name:
        return f"the {kind} has no name"
    if len(name) > NAME_CHARACTERS_MAX:
        return (
            f"{kind} name '{name[:20]}...' has {len(name)} characters, "
            f"{NAME_CHARACTERS_MAX} are allowed"
        )
    if kind is NameKind.SOURCE:
        return None if name.isprintable() else f"source name {name!r} has unprintable characters"
    pattern, mend = _RULES[kind]
    return None if pattern.fullmatch(name) else f"{kind} name {name!r} cannot be; {mend}"
