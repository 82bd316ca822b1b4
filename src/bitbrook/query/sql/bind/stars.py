"""What is selected, bound: expressions with their names, and the columns that `*` stands for.

`*` may leave columns out (EXCLUDE), put expressions in their places (REPLACE) and give them other
names (RENAME); COLUMNS('...') stands for those whose names a regular expression matches.
"""

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from bitbrook.query.sql.bind.expressions import ExpressionBinder
from bitbrook.query.sql.bind.places import name_of, offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.tree import Expression, Output

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

PATTERN_CHARACTERS_MAX = 200
_SIMPLE_PATTERN = re.compile(r"[\w.*?^$|]*")
"""Patterns that take a time in proportion to the name: there is nothing to repeat in a repeat."""

_STAR_PARTS = frozenset({"except_", "replace", "rename"})


def bind_selected(node: exp.Select, scope: Scope, binder: ExpressionBinder) -> list[Output]:
    """Return the outputs of a SELECT.

    Raises:
        InvalidStatement: there are none, or `*` stands for nothing.
    """
    outputs: list[Output] = []
    for selected in node.expressions:
        star = _star_of(selected)
        if star is not None:
            table = name_of(selected.args["table"]) if isinstance(selected, exp.Column) else ""
            outputs += _starred(star, table, scope, binder)
        elif isinstance(selected, exp.Anonymous) and selected.name.upper() == "COLUMNS":
            outputs += matching_columns(selected, scope, binder)
        elif isinstance(selected, exp.Alias):
            expression = binder.bind(selected.this)
            outputs.append(Output(name_of(selected.args["alias"]), expression))
        else:
            expression = binder.bind(selected)
            is_named = isinstance(selected, exp.Column | exp.Dot)
            outputs.append(Output(_last_name(selected) if is_named else "", expression))
    if not outputs:
        raise scope.text.error("SELECT needs something to select", offset_of(node))
    return outputs


def _last_name(node: Node) -> str:
    return (node.expression if isinstance(node, exp.Dot) else node).name.lower()


def _star_of(node: Node) -> exp.Star | None:
    """Return the star of `*` or `t.*`, None of anything else."""
    if isinstance(node, exp.Star):
        return node
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
        return node.this
    return None


def _starred(star: exp.Star, table: str, scope: Scope, binder: ExpressionBinder) -> list[Output]:
    offset = offset_of(star)
    unknown = [part for part, value in star.args.items() if value and part not in _STAR_PARTS]
    if unknown:
        raise scope.text.unsupported("'*' takes EXCLUDE, REPLACE and RENAME", offset)
    relations = [r for r in scope.visible() if table in {"", r.alias}]
    if not relations:
        message = f"table or view '{table}' not found" if table else "'*' needs a FROM"
        raise scope.text.error(message, offset)
    excluded = {each.name.lower(): each for each in star.args.get("except_") or ()}
    replaced = {name_of(each.args["alias"]): each for each in star.args.get("replace") or ()}
    renamed = {each.this.name.lower(): each for each in star.args.get("rename") or ()}
    named = [name for relation in relations for name, _ in relation.columns]
    for name, node in [*excluded.items(), *replaced.items(), *renamed.items()]:
        if name not in named:
            raise scope.text.error(f"column '{name}' not found", offset_of(node))
    outputs = []
    for relation in relations:
        for name, _ in relation.columns:
            if name in excluded or (name in relation.hidden and not table):
                continue
            if name in replaced:
                outputs.append(Output(name, binder.bind(replaced[name].this)))
                continue
            column: Expression | None = relation.find(name, offset)
            if not table:
                column = scope.merged.get(name, column)
            assert column is not None, "a column of the relation"
            shown = name_of(renamed[name].args["alias"]) if name in renamed else name
            outputs.append(Output(shown, column))
    if not outputs:
        raise scope.text.error("SELECT needs something to select", offset)
    return outputs


def matching_columns(node: exp.Anonymous, scope: Scope, binder: ExpressionBinder) -> list[Output]:
    """Return the columns whose names the pattern of COLUMNS('...') matches."""
    offset = offset_of(node)
    pattern = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(pattern, exp.Star):
        return _starred(pattern, "", scope, binder)
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise scope.text.error("COLUMNS takes one pattern in quotes", offset)
    written = str(pattern.this)
    if len(written) > PATTERN_CHARACTERS_MAX or not _SIMPLE_PATTERN.fullmatch(written):
        message = "a pattern of COLUMNS is made of letters, digits and . * ? ^ $ |"
        raise scope.text.error(message, offset_of(pattern))
    try:
        matches = re.compile(written, re.IGNORECASE).search
    except re.error:
        raise scope.text.error(f"'{written}' is not a pattern", offset_of(pattern)) from None
    outputs: list[Output] = []
    for relation in scope.visible():
        for name, _ in relation.columns:
            column = relation.find(name, offset) if matches(name) else None
            if column is not None and name not in relation.hidden:
                outputs.append(Output(name, column))
    if not outputs:
        raise scope.text.error(f"no column matches '{written}'", offset_of(pattern))
    return outputs
