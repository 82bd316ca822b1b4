"""The bound tree: a statement after names are found and types are checked.

Only what stands here can be evaluated, by bitmaps or by DuckDB: the text a user wrote never travels
further than the binder. Two expressions that mean the same are equal wherever they stand, which is
how a selected expression is recognised as one of the groups.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias

import pyarrow as pa

from bitbrook.query.sql.types import BOOL, SqlType
from bitbrook.schema.field_types import FieldSchema, TableSchema

MEMBER_SUFFIX = "@member"
"""Ends the name of a flattened set column where it stands for one member at a time."""

UNNEST = "UNNEST"
"""The name of a call that makes a row of each thing in a list."""

GROUPING = "GROUPING"
"""The name of the aggregate that tells which keys a row of groups is not grouped by."""

LAMBDA = "@"
"""Begins the names of calls that are lambdas, or what a lambda calls its parameters."""

Value: TypeAlias = bool | int | str | Decimal | tuple[int | str, ...] | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation, by the relation's number."""

    relation: int
    name: str
    type: SqlType
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value: None, bool, int, Decimal, str, the ascending members of a set, a vector's numbers.

    A timestamp is the integer of its type's units since the Unix epoch. `written`: the members of
    a set literal as they were listed, since whole numbers may turn out to be a vector.
    """

    value: Value
    type: SqlType
    offset: int = field(default=0, compare=False)
    # 1 and 1.0 and True are equal in Python and are not the same constant.
    text: str = ""
    written: tuple[int, ...] | None = field(default=None, compare=False, repr=False)

    @staticmethod
    def of(value: Value, kind: SqlType, offset: int = 0) -> "Constant":
        """Return a constant that equals only constants written alike."""
        return Constant(value, kind, offset, repr(value))


Render: TypeAlias = "Callable[[list[str], Call], str]"


@dataclass(frozen=True, slots=True)
class Call:
    """A scalar function or operator. `render` makes DuckDB's SQL of that of the arguments.

    `prefix` is where the call stands, `[line:column]`, for errors that only values bring out.
    """

    name: str
    arguments: "tuple[Expression, ...]"
    type: SqlType
    render: Render = field(compare=False, repr=False)
    offset: int = field(default=0, compare=False)
    prefix: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Case:
    """CASE: pairs of a condition and its value, and what else."""

    branches: "tuple[tuple[Expression, Expression], ...]"
    otherwise: "Expression"
    type: SqlType
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class InList:
    """Whether a value equals one of a list."""

    operand: "Expression"
    items: "tuple[Expression, ...]"
    offset: int = field(default=0, compare=False)
    type: SqlType = BOOL


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate over the records of a group, in an order if that matters.

    COUNT(*) has no argument.
    """

    name: str
    arguments: "tuple[Expression, ...]"
    type: SqlType
    render: "Callable[[list[str], Aggregate], str]" = field(compare=False, repr=False)
    is_distinct: bool = False
    filter: "Expression | None" = None
    order: "tuple[OrderItem, ...]" = ()
    offset: int = field(default=0, compare=False)
    prefix: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Window:
    """An aggregate or a window function over a window. `frame` is DuckDB's text, or empty."""

    call: "Aggregate | Call"
    partition: "tuple[Expression, ...]"
    order: "tuple[OrderItem, ...]"
    frame: str
    type: SqlType
    offset: int = field(default=0, compare=False)


class SubqueryUse(enum.StrEnum):
    """How an expression uses a query."""

    SCALAR = "scalar"
    EXISTS = "exists"
    IN = "in"
    ANY = "any"


@dataclass(frozen=True, slots=True, eq=False)
class Subquery:
    """A query inside an expression; `operand` is what IN looks for.

    ANY compares it by `operator` with each row, and is true if one of the comparisons is.
    """

    use: SubqueryUse
    query: "Query"
    type: SqlType
    operand: "Expression | None" = None
    is_correlated: bool = False
    offset: int = 0
    prefix: str = ""
    operator: str = "="


Expression: TypeAlias = Column | Constant | Call | Case | InList | Aggregate | Window | Subquery


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One key of an order; records without a value come last unless `nulls_first`."""

    expression: Expression
    is_descending: bool = False
    nulls_first: bool = False


@dataclass(slots=True, eq=False)
class Scan:
    """A table in FROM. `flattened`: set columns that are to be read member by member.

    `used` collects the columns that expressions name while they are bound.
    """

    relation: int
    table: TableSchema
    flattened: frozenset[str] = frozenset()
    used: dict[str, None] = field(default_factory=dict)

    def field_of(self, column: str) -> FieldSchema | None:
        """Return the field of a column, None for `_id`."""
        return self.table.find_field(column)


@dataclass(slots=True, eq=False)
class Derived:
    """A query in FROM."""

    relation: int
    query: "Query"


@dataclass(slots=True, eq=False)
class Rows:
    """A relation whose rows are at hand, as a system table's."""

    relation: int
    records: pa.Table


@dataclass(slots=True, eq=False)
class Unnested:
    """What is in a list, a row each as c0; with its place in the list, from 1, as c1."""

    relation: int
    list: Expression
    is_numbered: bool = False


@dataclass(slots=True, eq=False)
class Given:
    """Rows that are written out, brought to the types of the columns c0, c1 and so on."""

    relation: int
    rows: list[tuple[Expression, ...]]
    types: list[SqlType]


@dataclass(slots=True, eq=False)
class CteUse:
    """A reference to a common table expression. The relation's columns are those of the query."""

    relation: int
    name: str


class JoinKind(enum.StrEnum):
    """The joins; the value is DuckDB's word."""

    CROSS = "CROSS JOIN"
    INNER = "JOIN"
    LEFT = "LEFT JOIN"
    RIGHT = "RIGHT JOIN"
    FULL = "FULL JOIN"
    SEMI = "SEMI JOIN"
    ANTI = "ANTI JOIN"
    ASOF = "ASOF JOIN"
    ASOF_LEFT = "ASOF LEFT JOIN"
    POSITIONAL = "POSITIONAL JOIN"


@dataclass(slots=True, eq=False)
class Joined:
    """Two sources joined; `conditions` all hold."""

    kind: JoinKind
    left: "Source"
    right: "Source"
    conditions: list[Expression]


Source: TypeAlias = Scan | Derived | Rows | Unnested | Given | CteUse | Joined


@dataclass(frozen=True, slots=True)
class Output:
    """A selected column and its name in the answer; '' for an expression without alias."""

    name: str
    expression: Expression

    @property
    def type(self) -> SqlType:
        """The column's type."""
        return self.expression.type


@dataclass(slots=True, eq=False)
class Select:
    """One SELECT. `groups` None: not aggregated; () with `is_aggregated`: one group of all.

    `grouping_sets` lists sets of indices into `groups`; None groups by all of them together. Of the
    rows that agree in `distinct_on` the first is kept.
    """

    outputs: list[Output]
    source: "Source | None" = None
    where: list[Expression] = field(default_factory=list)
    is_aggregated: bool = False
    groups: list[Expression] = field(default_factory=list)
    grouping_sets: list[tuple[int, ...]] | None = None
    having: list[Expression] = field(default_factory=list)
    qualify: "Expression | None" = None
    order: list[OrderItem] = field(default_factory=list)
    is_distinct: bool = False
    distinct_on: list[Expression] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    ctes: "list[Cte]" = field(default_factory=list)
    is_correlated: bool = False

    @property
    def columns(self) -> list[tuple[str, SqlType]]:
        """Names and types of the answer's columns."""
        return [(output.name, output.type) for output in self.outputs]


@dataclass(slots=True, eq=False)
class SetOperation:
    """UNION, INTERSECT or EXCEPT of two queries.

    `order` names output columns by index, whether they descend, and whether nulls come first.
    `sides` tells of each side which of its columns an output column is, None where it has none.
    """

    operator: str
    left: "Query"
    right: "Query"
    columns: list[tuple[str, SqlType]]
    sides: tuple[list[int | None], list[int | None]]
    order: list[tuple[int, bool, bool]] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    ctes: "list[Cte]" = field(default_factory=list)
    is_correlated: bool = False


Query: TypeAlias = Select | SetOperation


@dataclass(slots=True, eq=False)
class Cte:
    """A common table expression under its unique name."""

    name: str
    query: Query
    is_recursive: bool = False


def parts_of(node: Expression) -> Iterator[Expression]:
    """Give the expressions directly inside an expression, not those of its subqueries."""
    match node:
        case Call():
            yield from node.arguments
        case Aggregate():
            yield from node.arguments
            if node.filter is not None:
                yield node.filter
            yield from (item.expression for item in node.order)
        case Case():
            for condition, value in node.branches:
                yield condition
                yield value
            yield node.otherwise
        case InList():
            yield node.operand
            yield from node.items
        case Window():
            yield from parts_of(node.call)
            yield from node.partition
            yield from (item.expression for item in node.order)
        case Subquery():
            if node.operand is not None:
                yield node.operand


def walk(node: Expression) -> Iterator[Expression]:
    """Give an expression and all inside it, but nothing of its subqueries."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def is_unnesting(node: Expression) -> bool:
    """Return whether an expression makes a row of each thing in a list."""
    return isinstance(node, Call) and node.name == UNNEST


def is_lambda_part(node: Expression) -> bool:
    """Return whether an expression has a meaning inside a lambda alone: it or one of its names."""
    return isinstance(node, Call) and node.name.startswith(LAMBDA)


def subqueries_of(node: Expression) -> Iterator[Subquery]:
    """Give the subqueries in an expression, not those inside them."""
    return (part for part in walk(node) if isinstance(part, Subquery))


def with_parts(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Return an expression whose direct parts are changed."""
    match node:
        case Call() | Aggregate():
            arguments = tuple(change(part) for part in node.arguments)
            if isinstance(node, Call):
                return replace(node, arguments=arguments)
            chosen = None if node.filter is None else change(node.filter)
            order = tuple(replace(i, expression=change(i.expression)) for i in node.order)
            return replace(node, arguments=arguments, filter=chosen, order=order)
        case Case():
            branches = tuple(
                (change(condition), change(value)) for condition, value in node.branches
            )
            return replace(node, branches=branches, otherwise=change(node.otherwise))
        case InList():
            items = tuple(change(item) for item in node.items)
            return replace(node, operand=change(node.operand), items=items)
        case Window():
            call = with_parts(node.call, change)
            assert isinstance(call, Aggregate | Call), "of the same kind"
            order = tuple(replace(i, expression=change(i.expression)) for i in node.order)
            partition = tuple(change(part) for part in node.partition)
            return replace(node, call=call, partition=partition, order=order)
        case Subquery() if node.operand is not None:
            return replace(node, operand=change(node.operand))
        case _:
            return node
