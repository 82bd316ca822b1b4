"""Queries made simpler before they are carried out, so that more of them reaches the bitmaps.

A view, a query in FROM or a table expression that only filters and names columns is merged into the
SELECT around it: its conditions join those outside and go to the index together. Of what cannot be
merged, columns that nobody names are not computed. Neither changes an answer.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from bitbrook.query.sql.relations import expressions_of, relations_in, sources_of
from bitbrook.query.sql.tree import (
    MEMBER_SUFFIX,
    Aggregate,
    Column,
    Constant,
    Cte,
    CteUse,
    Derived,
    Expression,
    Given,
    Joined,
    JoinKind,
    OrderItem,
    Output,
    Query,
    Scan,
    Select,
    SetOperation,
    Source,
    Unnested,
    Window,
    is_unnesting,
    subqueries_of,
    walk,
    with_parts,
)

_ROUNDS_MAX = 20
"""How many queries inside each other are looked into."""


def simplified(query: Query) -> Query:
    """Return a query with the same answer; the one given is used up."""
    _inline_single_uses(query)
    for select in selects_in(query):
        _merge(select)
    return narrowed(query)


def narrowed(query: Query) -> Query:
    """Return a query that computes and reads nothing that nobody names."""
    for _ in range(_ROUNDS_MAX):
        if not _drop_unnamed(query):
            break
    narrow_scans(query)
    return query


def narrow_scans(query: Query) -> None:
    """Let the scans of a query read no column that nothing names any more."""
    named = named_columns(query)
    for source in relations_in(query):
        if isinstance(source, Scan):
            source.used = {name: None for name in source.used if name in named[source.relation]}


def selects_in(query: Query) -> Iterator[Select]:
    """Give every SELECT in a query, the inner ones first."""
    for cte in query.ctes:
        yield from selects_in(cte.query)
    if isinstance(query, SetOperation):
        yield from selects_in(query.left)
        yield from selects_in(query.right)
        return
    for source in sources_of(query.source):
        if isinstance(source, Derived):
            yield from selects_in(source.query)
    for expression in expressions_of(query):
        for subquery in subqueries_of(expression):
            yield from selects_in(subquery.query)
    yield query


def _inline_single_uses(query: Query) -> None:
    """Put a table expression that is read once in the place where it is read."""
    for select in selects_in(query):
        for cte in list(select.ctes):
            uses = [s for s in relations_in(query) if isinstance(s, CteUse) and s.name == cte.name]
            if cte.is_recursive or len(uses) != 1:
                continue
            if select.source is not None:
                inlined = _replaced(select.source, uses[0], _as_derived(uses[0], cte))
                if inlined is not select.source or inlined is uses[0]:
                    select.source = inlined
                    select.ctes.remove(cte)


def _as_derived(use: CteUse, cte: Cte) -> Derived:
    return Derived(use.relation, cte.query)


def _replaced(source: Source, old: Source, new: Source) -> Source:
    """Return a FROM with one relation put in the place of another; itself if it is not there."""
    if source is old:
        return new
    if isinstance(source, Joined):
        left, right = _replaced(source.left, old, new), _replaced(source.right, old, new)
        if left is not source.left or right is not source.right:
            return Joined(source.kind, left, right, source.conditions)
    return source


def _merge(select: Select) -> None:
    """Merge the queries of a FROM that only filter and name columns."""
    if select.source is None:
        return
    for derived in list(open_queries(select.source)):
        inner = derived.query
        if not isinstance(inner, Select) or not _is_plain(inner) or _has_correlated(select):
            continue
        known = {f"c{index}": output.expression for index, output in enumerate(inner.outputs)}
        _substitute(select, derived.relation, known)
        assert inner.source is not None, "plain queries have a FROM"
        select.source = _replaced(select.source, derived, inner.source)
        select.where = [*inner.where, *select.where]


def open_queries(source: Source) -> Iterator[Derived]:
    """Give the queries in FROM whose rows no join makes up."""
    match source:
        case Derived():
            yield source
        case Joined():
            if source.kind not in {JoinKind.RIGHT, JoinKind.FULL, JoinKind.POSITIONAL}:
                yield from open_queries(source.left)
            if source.kind in {JoinKind.INNER, JoinKind.CROSS}:
                yield from open_queries(source.right)


def _is_plain(inner: Select) -> bool:
    """Whether a query only filters rows and names or computes columns."""
    if inner.is_aggregated or inner.is_distinct or inner.distinct_on or inner.qualify is not None:
        return False
    if inner.limit is not None or inner.offset or inner.ctes or inner.source is None:
        return False
    parts = [part for each in expressions_of(inner) for part in walk(each)]
    if any(isinstance(part, Window | Aggregate) or is_unnesting(part) for part in parts):
        return False
    return not any(True for each in expressions_of(inner) for _ in subqueries_of(each))


def _has_correlated(select: Select) -> bool:
    return any(
        subquery.is_correlated
        for expression in expressions_of(select)
        for subquery in subqueries_of(expression)
    )


def _substitute(select: Select, relation: int, known: dict[str, Expression]) -> None:
    """Put what the columns of a relation are in the place of the columns."""

    def changed(node: Expression) -> Expression:
        if isinstance(node, Column) and node.relation == relation:
            return known[node.name]
        return with_parts(node, changed)

    change_expressions(select, changed)


def change_expressions(select: Select, changed: Callable[[Expression], Expression]) -> None:
    """Change every expression of a SELECT, those in its FROM too."""
    select.distinct_on = [changed(key) for key in select.distinct_on]
    select.outputs = [Output(o.name, changed(o.expression)) for o in select.outputs]
    select.where = [changed(condition) for condition in select.where]
    select.groups = [changed(key) for key in select.groups]
    select.having = [changed(condition) for condition in select.having]
    select.order = [
        OrderItem(changed(item.expression), item.is_descending, item.nulls_first)
        for item in select.order
    ]
    select.qualify = None if select.qualify is None else changed(select.qualify)
    _change_source(select.source, changed)


def _change_source(source: Source | None, changed: Callable[[Expression], Expression]) -> None:
    match source:
        case Joined():
            source.conditions = [changed(condition) for condition in source.conditions]
            _change_source(source.left, changed)
            _change_source(source.right, changed)
        case Unnested():
            source.list = changed(source.list)
        case Given():
            source.rows = [tuple(changed(value) for value in row) for row in source.rows]


def _drop_unnamed(query: Query) -> bool:
    """Leave out what inner queries compute for nobody; whether there was anything."""
    named = named_columns(query)
    uses: dict[str, set[str]] = {}
    for source in relations_in(query):
        if isinstance(source, CteUse):
            uses.setdefault(source.name, set()).update(named.get(source.relation, set()))
    has_changed = False
    for source in list(relations_in(query)):
        if isinstance(source, Derived):
            has_changed |= _blank(source.query, named.get(source.relation, set()))
    for select in selects_in(query):
        for cte in select.ctes:
            if not cte.is_recursive:
                has_changed |= _blank(cte.query, uses.get(cte.name, set()))
    return has_changed


def _blank(query: Query, named: set[str]) -> bool:
    """Put null in the place of outputs that nobody names; whether there was any."""
    if not isinstance(query, Select) or query.is_distinct:
        return False
    ordered = [*query.distinct_on, *(item.expression for item in query.order)]
    has_changed = False
    for index, output in enumerate(query.outputs):
        is_needed = f"c{index}" in named or output.expression in ordered
        # Without its aggregates a SELECT without groups would have many rows in place of one.
        is_one_row = query.is_aggregated and not query.groups
        if is_needed or is_one_row or isinstance(output.expression, Constant):
            continue
        # The longest of its lists makes the rows of a SELECT.
        if any(map(is_unnesting, walk(output.expression))):
            continue
        query.outputs[index] = replace(output, expression=Constant.of(None, output.type))
        has_changed = True
    return has_changed


def named_columns(query: Query) -> dict[int, set[str]]:
    """Return the columns that a query's expressions name, by relation."""
    named: dict[int, set[str]] = {source.relation: set() for source in _relations(query)}
    for select in selects_in(query):
        for expression in expressions_of(select):
            for part in walk(expression):
                if isinstance(part, Column):
                    name = part.name.removesuffix(MEMBER_SUFFIX)
                    named.setdefault(part.relation, set()).add(name)
    return named


def _relations(query: Query) -> Iterator[Scan | Derived]:
    return (s for s in relations_in(query) if isinstance(s, Scan | Derived))
