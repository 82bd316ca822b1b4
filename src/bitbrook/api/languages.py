"""What the two languages know by name, for editors that complete it: `GET /v1/languages`."""

import msgspec
from litestar import get

from bitbrook.api.paths import versioned
from bitbrook.api.permissions import SIGNED_IN
from bitbrook.api.workers import on_thread
from bitbrook.query.pql.translate.answers import ANSWERS
from bitbrook.query.pql.translate.row_calls import ROW_CALLS
from bitbrook.query.pql.writes import WRITING_CALLS
from bitbrook.query.sql.functions.table import FUNCTION_NAMES

TAGS = ["statements"]


class Languages(msgspec.Struct):
    """SQL's functions, in lower case, and PQL's calls, each in the order of their names."""

    sql_functions: list[str]
    pql_calls: list[str]


_KNOWN = Languages(
    sorted(name.lower() for name in FUNCTION_NAMES),
    sorted({*ANSWERS, *ROW_CALLS, *WRITING_CALLS}),
)


@get(versioned("/languages"), opt=SIGNED_IN, tags=TAGS)
@on_thread
def list_languages() -> Languages:
    """List what may be called in SQL and in PQL."""
    return _KNOWN


ROUTES = (list_languages,)
