"""Queries with parameters: parsed once, then run again and again with values of their own.

The values go into a copy of the tree, as literal nodes where the marks stood, before anything is
bound; so they are checked like any literal, and nothing in them can be read as SQL. Only queries
are prepared: what a prepared statement does is answer.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeVar

from sqlglot import exp

from bitbrook.algebra.budget import Budget
from bitbrook.query.database import Database
from bitbrook.query.parameters import MARK, Moment, Parameters, ParameterValue
from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer
from bitbrook.query.sql.dialect.parse import parse_query
from bitbrook.query.sql.finish import Finisher
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.run import FINISHER
from bitbrook.query.sql.session import Session, fields_of

T = TypeVar("T")


class PreparedSql(NamedTuple):
    """A query that was parsed. `names`: of its parameters, in the order of their first mark."""

    text: StatementText
    tree: exp.Expression
    names: tuple[str, ...]


class PreparedAnswer(NamedTuple):
    """An answer. `is_fleeting`: the same question may be answered otherwise with no table changed.

    It names the present moment, or what the server tells about itself.
    """

    answer: SqlAnswer
    is_fleeting: bool


def prepare_sql(text: str) -> PreparedSql:
    """Return a query that is parsed.

    Raises:
        InvalidStatement: it is none: it writes, or cannot be understood.
    """
    statement = StatementText(text)
    tree = parse_query(statement)
    names = dict.fromkeys(_name_of(mark) for mark in _marks(tree))
    return PreparedSql(statement, tree, tuple(names))


def run_prepared(
    prepared: PreparedSql,
    values: Parameters,
    database: Database,
    budget: Budget,
    *,
    finisher: Finisher = FINISHER,
) -> PreparedAnswer:
    """Return the answer of a prepared query with these values. Raises what `run_sql` does."""
    session = Session(prepared.text, database, budget, finisher)

    def run() -> PreparedAnswer:
        answer = session.answer(session.bind(_with_values(prepared, values)))
        return PreparedAnswer(answer, session.statement.is_fleeting)

    return _bounded(run, prepared.text)


def describe_prepared(
    prepared: PreparedSql, values: Parameters, database: Database, budget: Budget
) -> list[AnswerField]:
    """Return the columns of the answer that a prepared query has with values like these.

    Raises:
        InvalidStatement: a name is unknown, or a type does not fit.
    """
    session = Session(prepared.text, database, budget, FINISHER)

    def describe() -> list[AnswerField]:
        return fields_of(session.bind(_with_values(prepared, values)).columns)

    return _bounded(describe, prepared.text)


def _bounded(run: Callable[[], T], text: StatementText) -> T:
    try:
        return run()
    except RecursionError:
        raise text.error("the statement is nested too deeply", 0) from None


def _marks(tree: exp.Expression) -> list[exp.Parameter]:
    found = [node for node in tree.find_all(exp.Parameter) if node.meta.get("mark") == MARK]
    return sorted(found, key=_offset_of)


def _name_of(mark: exp.Parameter) -> str:
    return str(mark.this.name) if isinstance(mark.this, exp.Expression) else str(mark.this)


def _offset_of(mark: exp.Parameter) -> int:
    return int(mark.meta.get("start") or 0)


def _with_values(prepared: PreparedSql, values: Parameters) -> exp.Expression:
    tree = prepared.tree.copy()
    for mark in _marks(tree):
        name = _name_of(mark)
        if name not in values:
            raise prepared.text.error(f"parameter '${name}' has no value", _offset_of(mark))
        _put(mark, values[name])
    return tree


def _put(mark: exp.Parameter, value: ParameterValue) -> None:
    """Put a value into the place of a mark; in the list of an IN, each of several."""
    around, offset = mark.parent, _offset_of(mark)
    if isinstance(around, exp.In) and isinstance(value, tuple) and mark.arg_key != "this":
        listed = [each for each in around.expressions if each is not mark]
        listed += [_literal(each, offset) for each in value]
        if listed:
            around.set("field", None)
            around.set("expressions", listed)
        else:
            # In nothing is nothing, null neither.
            around.replace(_placed(exp.false(), offset))
        return
    if isinstance(around, exp.In) and mark.arg_key == "field":
        around.set("field", None)
        around.set("expressions", [_literal(value, offset)])
        return
    mark.replace(_literal(value, offset))


def _literal(value: ParameterValue, offset: int) -> exp.Expression:
    match value:
        case None:
            return _placed(exp.null(), offset)
        case bool():
            return _placed(exp.Boolean(this=value), offset)
        case int() | Decimal():
            return _number(value, offset)
        case str():
            return _placed(exp.Literal.string(value), offset)
        case Moment():
            literal = _placed(exp.Literal.string(value.text), offset)
            literal.meta["is_time"] = True
            return literal
        case tuple():
            members = [_literal(each, offset) for each in value]
            return _placed(exp.Array(expressions=members), offset)


def _number(value: int | Decimal, offset: int) -> exp.Expression:
    written = f"{abs(value):f}" if isinstance(value, Decimal) else str(abs(value))
    literal = _placed(exp.Literal.number(written), offset)
    return _placed(exp.Neg(this=literal), offset) if value < 0 else literal


def _placed(node: exp.Expression, offset: int) -> exp.Expression:
    node.meta["start"] = offset
    return node
