"""Which names mean what at one place of a statement.

A scope is one SELECT's: the relations of its FROM, the common table expressions in reach, and the
scope around it, which a subquery may look into (it is correlated then).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from bitbrook.query.database import Database
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import MEMBER_SUFFIX, Column, Cte, Expression, Query, Scan
from bitbrook.query.sql.types import SqlType

RELATIONS_MAX = 200
"""Relations of one statement: bounds views that stand on views, and joins."""


@dataclass(slots=True)
class Statement:
    """What binding a statement needs beside its tree. `now_us`: Unix microseconds, one a statement.

    `is_fleeting`: it names the present moment, or what the server tells about itself, so that its
    answer may change while no table does.
    `views_open` are the views being read, so that none is read inside itself. `answer` gives the
    rows of a query on which the columns of another depend; None where nothing can be asked.
    """

    text: StatementText
    database: Database
    now_us: int
    relation_count: int = 0
    views_open: tuple[str, ...] = ()
    is_fleeting: bool = False
    answer: Callable[[Query], pa.Table] | None = None

    def next_relation(self, offset: int) -> int:
        """Return a number for a relation that no other of the statement has."""
        if self.relation_count >= RELATIONS_MAX:
            raise self.text.error(
                f"a statement may read {RELATIONS_MAX} relations, views included", offset
            )
        self.relation_count += 1
        return self.relation_count


@dataclass(slots=True)
class Relation:
    """A relation of a FROM under the name by which columns may call it.

    `reads_members`: a flattened set column now means its members; in WHERE it still is a set.
    `hidden` columns are read with the relation's name before them alone. `stored`: what a table
    calls the columns that an alias named anew.
    """

    alias: str
    number: int
    columns: list[tuple[str, SqlType]]
    scan: Scan | None = None
    hidden: set[str] = field(default_factory=set)
    reads_members: bool = False
    stored: dict[str, str] = field(default_factory=dict)

    def find(self, name: str, offset: int) -> Column | None:
        """Return the column of that name, None if there is none."""
        for index, (known, kind) in enumerate(self.columns):
            # Names are in lower case but for the values that PIVOT turned into columns.
            if known == name or known.lower() == name:
                return self._column(index, known, kind, offset)
        return None

    def has(self, name: str) -> bool:
        """Return whether there is a column of that name."""
        return any(known == name or known.lower() == name for known, _ in self.columns)

    def peek(self, name: str) -> Column | None:
        """Return the column of that name without noting that it is read."""
        known = None if self.scan is None else dict(self.scan.used)
        found = self.find(name, 0)
        if self.scan is not None and known is not None:
            self.scan.used = known
        return found

    def _column(self, index: int, name: str, kind: SqlType, offset: int) -> Column:
        if self.scan is not None:
            name = self.stored.get(name, name)
            self.scan.used[name] = None
            if self.reads_members and name in self.scan.flattened:
                return Column(self.number, name + MEMBER_SUFFIX, kind.member, offset)
            return Column(self.number, name, kind, offset)
        return Column(self.number, f"c{index}", kind, offset)


@dataclass(slots=True)
class Scope:
    """The names of one SELECT. `aliases`: its outputs, which ORDER BY and others may name.

    `windows` are those that its WINDOW clause names, `variables` the parameters of the lambdas
    around what is being bound, `merged` the columns that FULL JOIN ... USING makes of two.
    """

    statement: Statement
    parent: "Scope | None" = None
    relations: list[Relation] = field(default_factory=list)
    ctes: dict[str, tuple[Cte, list[tuple[str, SqlType]]]] = field(default_factory=dict)
    aliases: dict[str, Expression] = field(default_factory=dict)
    windows: "dict[str, exp.Window]" = field(default_factory=dict)
    variables: dict[str, Expression] = field(default_factory=dict)
    merged: dict[str, Expression] = field(default_factory=dict)
    is_correlated: bool = False

    @property
    def text(self) -> StatementText:
        """The statement's text."""
        return self.statement.text

    def child(self) -> "Scope":
        """Return the scope of a subquery inside an expression."""
        return Scope(self.statement, self, ctes=dict(self.ctes))

    def sibling(self) -> "Scope":
        """Return the scope of a query in FROM or a common table expression."""
        return Scope(self.statement, self.parent, ctes=dict(self.ctes))

    def add(self, relation: Relation, offset: int) -> None:
        """Let columns name a relation.

        Raises:
            InvalidStatement: the name is taken.
        """
        if any(known.alias == relation.alias for known in self.relations):
            raise self.text.error(f"duplicate table or alias '{relation.alias}'", offset)
        self.relations.append(relation)

    def find_column(self, table: str | None, name: str, offset: int) -> Column | None:
        """Return the column that a name means here or further out, None if it means none.

        Raises:
            InvalidStatement: it means more than one, or the table is unknown.
        """
        scope: Scope | None = self
        passed: list[Scope] = []
        while scope is not None:
            found = scope.find_here(table, name, offset)
            if found is not None:
                for inner in passed:
                    inner.is_correlated = True
                return found
            passed.append(scope)
            scope = scope.parent
        if table is not None and not self.knows_table(table):
            raise self.text.error(f"table or view '{table}' not found", offset)
        return None

    def knows_table(self, alias: str) -> bool:
        """Return whether a relation here or further out has a name."""
        scope: Scope | None = self
        while scope is not None:
            if any(relation.alias == alias for relation in scope.relations):
                return True
            scope = scope.parent
        return False

    def find_here(self, table: str | None, name: str, offset: int) -> Column | None:
        """Return the column that a name means among this scope's own relations."""
        candidates = [r for r in self.relations if table is None or r.alias == table]
        having = [
            r for r in candidates if r.has(name) and (table is not None or name not in r.hidden)
        ]
        if len(having) > 1:
            raise self.text.error(f"column '{name}' is ambiguous; write table.{name}", offset)
        return having[0].find(name, offset) if having else None

    def visible(self) -> Iterable[Relation]:
        """Give the relations that `*` stands for."""
        return iter(self.relations)
