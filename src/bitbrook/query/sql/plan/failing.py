"""Where a query failed: its innermost expression that fails when it is evaluated by itself.

DuckDB tells that some value is out of range, not which expression made it. Once a query has failed,
its expressions are tried over the records that it had, those inside others first; so places cost
nothing where nothing fails.
"""

from collections.abc import Callable, Iterator

from bitbrook.query.sql.plan.failing_inside import place_inside
from bitbrook.query.sql.plan.simplify import selects_in
from bitbrook.query.sql.relations import expressions_of
from bitbrook.query.sql.tree import (
    LAMBDA,
    Aggregate,
    Call,
    Expression,
    Output,
    Query,
    Select,
    Subquery,
    SubqueryUse,
    Window,
    is_lambda_part,
    is_unnesting,
    parts_of,
    walk,
)

TRIALS_MAX = 50
"""Expressions that are tried; of a longer statement the place stays open."""

UNPLACED = "[1:1]"
"""Begins a refusal whose place is not known."""


def place_of_failure(query: Query, fails: Callable[[Query], bool]) -> str:
    """Return `[line:column]` of what fails, `UNPLACED` if that does not come out.

    `fails` tells whether a query does.
    """
    trials = 0

    def whole_fails() -> bool:
        nonlocal trials
        trials += 1
        # What is tried once too often fails, so that nothing more is blamed.
        return trials > TRIALS_MAX or fails(query)

    for select in selects_in(query):
        if select.is_correlated:
            continue
        for candidate, place in _candidates(select):
            trials += 1
            if trials > TRIALS_MAX:
                return UNPLACED
            if fails(_alone(candidate, select)):
                return place
    for select in selects_in(query):
        if select.is_correlated:
            inside = place_inside(select, whole_fails)
            if inside is not None:
                return inside
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


def _candidates(select: Select) -> Iterator[tuple[Expression, str]]:
    """Give what may fail, and its place, as it is evaluated: conditions, then the rest."""
    tops = [*select.where, *expressions_of(select)]
    for expression in dict.fromkeys(tops):
        for part in _innermost_first(expression):
            called = part.call if isinstance(part, Window) else part
            if not isinstance(called, Call | Aggregate) or not called.prefix:
                continue
            inside = [called, *parts_of(part)] if isinstance(part, Window) else [called]
            if not any(map(_needs_more, inside)):
                yield part, called.prefix


def _innermost_first(node: Expression) -> Iterator[Expression]:
    for part in parts_of(node):
        yield from _innermost_first(part)
    yield node


def _needs_more(node: Expression) -> bool:
    """Whether an expression is more than a function of the records and their groups."""
    return any(
        isinstance(part, Window | Subquery) or is_unnesting(part) for part in walk(node)
    ) or _stands_in_lambda(node)


def _stands_in_lambda(node: Expression) -> bool:
    """Whether an expression names the parameter of a lambda that is around it."""
    inside: set[str] = set()
    for part in walk(node):
        if isinstance(part, Call) and part.name.startswith(LAMBDA) and part.arguments:
            inside.update(part.name.removeprefix(LAMBDA).split(", "))
    return any(
        isinstance(part, Call)
        and part.name.startswith(LAMBDA)
        and (not part.arguments or part is node)
        and part.name.removeprefix(LAMBDA) not in inside
        for part in walk(node)
    ) or is_lambda_part(node)


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
