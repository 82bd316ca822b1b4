"""The one table of functions: every name a statement may call, and what it is.

Adding a scalar function is adding an entry to the table of its subject.
"""

from bitbrook.query.sql.functions.aggregates import AGGREGATES, WINDOW_FUNCTIONS
from bitbrook.query.sql.functions.definitions import Function
from bitbrook.query.sql.functions.numbers import NUMBER_FUNCTIONS
from bitbrook.query.sql.functions.sets import SET_FUNCTIONS
from bitbrook.query.sql.functions.strings import STRING_FUNCTIONS
from bitbrook.query.sql.functions.times import TIME_FUNCTIONS

SCALARS: dict[str, Function] = {
    **STRING_FUNCTIONS,
    **NUMBER_FUNCTIONS,
    **SET_FUNCTIONS,
    **TIME_FUNCTIONS,
}

ALIASES = {"CEILING": "CEIL", "LENGTH": "LEN", "IFNULL": "COALESCE"}
"""Names of the same functions elsewhere."""

FUNCTION_NAMES = SCALARS.keys() | AGGREGATES.keys() | WINDOW_FUNCTIONS.keys() | ALIASES.keys()
