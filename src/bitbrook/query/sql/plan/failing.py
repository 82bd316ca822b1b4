"""Where a query failed: its innermost expression that fails when it is evaluated by itself.

DuckDB tells that some value is out of range, not which expression made it. Once a query has failed,
its expressions are tried over the records that it had, those inside others first; so places cost
nothing where nothing fails.
"""

from collections.abc import Callable, Iterator

from bitbrook.query.sql.plan.simplify import selects_in
from bitbrook.query.sql.tree import (
    Aggregate,
    Call,
    Expression,
    Output,
    Query,
    Select,
    Subquery,
    SubqueryUse,
    Window,
    expressions_of,
    parts_of,
    walk,
)

TRIALS_MAX = 50
"""Expressions that are tried; of a longer statement the place stays open."""

UNPLACED = "[1:1]"
"""Begins a refusal whose place is not known."""


def place_of_failure(query: Query, fails: Callable[[Select], bool]) -> str:
    """Return `[line:column]` of what fails, `UNPLACED` if nothing fails by itself.

    `fails` tells whether a SELECT does.
    """
    trials = 0
    for select in selects_in(query):
        if select.is_correlated:
            continue
        for candidate in _candidates(select):
            trials += 1
            if trials > TRIALS_MAX:
                return UNPLACED
            if fails(_alone(candidate, select)):
                return candidate.prefix
    return UNPLACED


def place_of_rows(query: Query) -> str:
    """Return the place of the one subquery that may have had more than one row."""
    found = [
        part.prefix
        for select in selects_in(query)
        for expression in expressions_of(select)
        for part in walk(expression)
        if isinstance(part, Subquery) and part.use is SubqueryUse.SCALAR and part.prefix
    ]
    return found[0] if len(found) == 1 else UNPLACED


def _candidates(select: Select) -> Iterator[Call | Aggregate]:
    """Give what may fail in the order in which it is evaluated: conditions, then the rest."""
    tops = [*select.where, *expressions_of(select)]
    for expression in dict.fromkeys(tops):
        for part in _innermost_first(expression):
            if isinstance(part, Call | Aggregate) and part.prefix and not _needs_more(part):
                yield part


def _innermost_first(node: Expression) -> Iterator[Expression]:
    for part in parts_of(node):
        yield from _innermost_first(part)
    yield node


def _needs_more(node: Expression) -> bool:
    """Whether an expression is more than a function of the records and their groups."""
    return any(isinstance(part, Window | Subquery) for part in walk(node))


def _alone(expression: Expression, select: Select) -> Select:
    """Return a SELECT of one expression over the same records, or the same groups of them."""
    is_aggregated = any(isinstance(part, Aggregate) for part in walk(expression))
    where = [] if expression in [p for each in select.where for p in walk(each)] else select.where
    return Select(
        [Output("", expression)],
        select.source,
        list(where),
        is_aggregated=is_aggregated,
        groups=list(select.groups) if is_aggregated else [],
        ctes=list(select.ctes),
    )
