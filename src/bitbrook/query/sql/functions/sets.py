"""Functions of sets. A null set makes the result null, so that it is false in WHERE."""

from bitbrook.errors import NotSupported
from bitbrook.query.sql.functions.definitions import (
    ANY,
    SET,
    TIMED_SET,
    Function,
    scaled,
    template,
)
from bitbrook.query.sql.tree import Call
from bitbrook.query.sql.types import BOOL, decimal

RANGEQ = "RANGEQ"

TANIMOTO_SCALE = 4


def _tanimoto(arguments: list[str], _: Call) -> str:
    one, other = arguments
    common = f"CAST(len(list_intersect({one}, {other})) AS HUGEINT)"
    total = f"(len({one}) + len({other}) - {common})"
    return (
        f"CASE WHEN {one} IS NULL THEN NULL ELSE "
        + scaled(
            f"({common} * {2 * 10**TANIMOTO_SCALE} + {total}) // (2 * {total})", TANIMOTO_SCALE
        )
        + " END"
    )


def _rangeq(_: list[str], call: Call) -> str:
    raise NotSupported(
        f"{call.prefix} rangeq() takes a column of a table in the FROM beside it, and times that "
        "are the same for all records"
    )


SET_FUNCTIONS = {
    "SETCONTAINS": Function((SET, ANY), BOOL, template("list_contains({0}, {1})")),
    "SETCONTAINSANY": Function((SET, SET), BOOL, template("list_has_any({0}, {1})")),
    "SETCONTAINSALL": Function((SET, SET), BOOL, template("list_has_all({0}, {1})")),
    "TANIMOTO_COEFFICIENT": Function((SET, SET), decimal(TANIMOTO_SCALE), _tanimoto),
    RANGEQ: Function((TIMED_SET, ANY, ANY), BOOL, _rangeq),
}
