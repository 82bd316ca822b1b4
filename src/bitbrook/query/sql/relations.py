"""What a query reads and what stands in it: its relations, and the expressions of its clauses."""

from collections.abc import Iterator

from bitbrook.query.sql.tree import (
    CteUse,
    Derived,
    Expression,
    Given,
    Joined,
    Query,
    Scan,
    Select,
    SetOperation,
    Source,
    Unnested,
    subqueries_of,
)


def sources_of(source: "Source | None") -> Iterator[Source]:
    """Give the relations of a FROM."""
    match source:
        case None:
            return
        case Joined():
            yield from sources_of(source.left)
            yield from sources_of(source.right)
        case _:
            yield source


def relations_in(query: Query) -> Iterator[Source]:
    """Give every relation that a query reads, those of its subqueries and tables in WITH too."""
    for cte in query.ctes:
        yield from relations_in(cte.query)
    if isinstance(query, SetOperation):
        yield from relations_in(query.left)
        yield from relations_in(query.right)
        return
    for source in sources_of(query.source):
        yield source
        if isinstance(source, Derived):
            yield from relations_in(source.query)
    for expression in expressions_of(query):
        for subquery in subqueries_of(expression):
            yield from relations_in(subquery.query)


def expressions_of(select: Select) -> Iterator[Expression]:
    """Give every expression of a SELECT, those in its FROM too."""
    yield from (output.expression for output in select.outputs)
    yield from select.distinct_on
    yield from select.where
    yield from select.groups
    yield from select.having
    yield from (item.expression for item in select.order)
    if select.qualify is not None:
        yield select.qualify
    yield from _expressions_in(select.source)


def _expressions_in(source: "Source | None") -> Iterator[Expression]:
    match source:
        case Joined():
            yield from source.conditions
            yield from _expressions_in(source.left)
            yield from _expressions_in(source.right)
        case Unnested():
            yield source.list
        case Given():
            yield from (value for row in source.rows for value in row)


def reads_one_table(query: Query) -> bool:
    """Return whether a query is a SELECT from a table, with no other query in it."""
    return (
        isinstance(query, Select)
        and isinstance(query.source, Scan)
        and not query.ctes
        and not any(True for each in expressions_of(query) for _ in subqueries_of(each))
    )


def offsets_of(query: Query, otherwise: int) -> list[int]:
    """Return where each column of a query's answer is written, `otherwise` where that is open."""
    if isinstance(query, SetOperation):
        return [otherwise for _ in query.columns]
    return [output.expression.offset or otherwise for output in query.outputs]


def stands_alone(query: Query) -> bool:
    """Return whether a query can be answered by itself: it reads nothing defined around it."""
    defined = {cte.name for source in [query] for cte in source.ctes}
    uses = [source.name for source in relations_in(query) if isinstance(source, CteUse)]
    return not query.is_correlated and all(name in defined for name in uses)
