"""The one table of functions: every name a statement may call, and what it is.

Adding a scalar function is adding an entry to the table of its subject.
"""

from bitbrook.query.sql.functions.aggregates import AGGREGATES, WINDOW_FUNCTIONS
from bitbrook.query.sql.functions.aggregates_beyond import AGGREGATE_ALIASES
from bitbrook.query.sql.functions.definitions import Function
from bitbrook.query.sql.functions.lists import LIST_ALIASES, LIST_FUNCTIONS
from bitbrook.query.sql.functions.maths import MATH_ALIASES, MATH_FUNCTIONS
from bitbrook.query.sql.functions.numbers import NUMBER_FUNCTIONS
from bitbrook.query.sql.functions.sets import SET_FUNCTIONS
from bitbrook.query.sql.functions.strings import STRING_FUNCTIONS
from bitbrook.query.sql.functions.strings_beyond import STRING_ALIASES, STRING_FUNCTIONS_BEYOND
from bitbrook.query.sql.functions.times import TIME_FUNCTIONS
from bitbrook.query.sql.functions.times_beyond import TIME_ALIASES, TIME_FUNCTIONS_BEYOND
from bitbrook.query.sql.functions.vectors import VECTOR_FUNCTIONS

SCALARS: dict[str, Function] = {
    **STRING_FUNCTIONS,
    **NUMBER_FUNCTIONS,
    **SET_FUNCTIONS,
    **TIME_FUNCTIONS,
    **VECTOR_FUNCTIONS,
    **LIST_FUNCTIONS,
    **STRING_FUNCTIONS_BEYOND,
    **MATH_FUNCTIONS,
    **TIME_FUNCTIONS_BEYOND,
}

ALIASES = {
    "CEILING": "CEIL",
    "LENGTH": "LEN",
    "IFNULL": "COALESCE",
    **AGGREGATE_ALIASES,
    **LIST_ALIASES,
    **STRING_ALIASES,
    **MATH_ALIASES,
    **TIME_ALIASES,
}
"""Names of the same functions elsewhere."""

FUNCTION_NAMES = SCALARS.keys() | AGGREGATES.keys() | WINDOW_FUNCTIONS.keys() | ALIASES.keys()
