"""Lists, structs and lambdas, bound: what is in them, what is taken out, what is done with each.

A bracket of constants is a set, as the reference has it; where a function takes a list, or where
what stands in it is no constant, it is a list with its order and repeats.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bitbrook.query.sql.bind.calls import scalar
from bitbrook.query.sql.bind.places import name_of, offset_of
from bitbrook.query.sql.bind.scope import Scope
from bitbrook.query.sql.functions.definitions import LISTED, cast, quoted
from bitbrook.query.sql.functions.lists import LAMBDAS
from bitbrook.query.sql.functions.table import ALIASES, SCALARS
from bitbrook.query.sql.tree import (
    LAMBDA,
    UNNEST,
    Aggregate,
    Call,
    Constant,
    Expression,
    Subquery,
    Window,
    is_unnesting,
    walk,
)
from bitbrook.query.sql.types import INT, VOID, Kind, SqlType, common_type, list_of, struct_of

if TYPE_CHECKING:
    from sqlglot.expressions import Expression as Node
else:
    Node = exp.Expression

PARAMETERS_MAX = 20
"""Parameters of the lambdas around each other."""


class NestedBinder:
    """Binds what has parts; `bind` binds the parts."""

    def __init__(self, bind: Callable[[Node], Expression], scope: Scope) -> None:
        self._bind = bind
        self._scope = scope
        self._text = scope.text

    def argument(self, name: str, index: int, node: Node) -> Expression:
        """Return an argument of a function, a bracket as a list where that is wanted."""
        function = SCALARS.get(ALIASES.get(name, name))
        if not isinstance(node, exp.Array) or function is None:
            return self._bind(node)
        parameters = function.parameters
        parameter = parameters[min(index, len(parameters) - 1)] if parameters else None
        is_list = parameter is not None and (parameter.name == LISTED.name or name == "LEN")
        return self.list_of(node) if is_list else self._bind(node)

    def list_of(self, node: exp.Array) -> Expression:
        """Return a bracket as a list."""
        if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Comprehension):
            return self.comprehension(node.expressions[0])
        members = [
            self.list_of(member) if isinstance(member, exp.Array) else self._bind(member)
            for member in node.expressions
        ]
        return self.listed(members, offset_of(node))

    def listed(self, members: list[Expression], offset: int) -> Expression:
        """Return a list of expressions."""
        if members:
            return scalar("LIST_VALUE", members, offset, self._text)
        return Call("LIST_VALUE", (), list_of(VOID), lambda _, __: "CAST([] AS VARCHAR[])", offset)

    def struct(self, node: Node) -> Expression:
        """Return `{'a': x, ...}` or struct_pack(a := x, ...)."""
        names: list[str] = []
        values: list[Expression] = []
        for part in node.expressions:
            if not isinstance(part, exp.PropertyEQ):
                message = f"'{node.sql()[:40]}' is not an expression that can be used here"
                raise self._text.error(message, offset_of(node))
            name = name_of(part.this)
            if name in names:
                raise self._text.error(f"field '{name}' stands twice", offset_of(part))
            names.append(name)
            values.append(self._bind(part.expression))
        if not names:
            raise self._text.error("a struct needs a field", offset_of(node))
        kind = struct_of(zip(names, (value.type for value in values), strict=True))

        def render(arguments: list[str], call: Call) -> str:
            fields = ", ".join(
                f"{quoted(name)}: {sql if field == VOID else cast(sql, field)}"
                for (name, field), sql in zip(call.type.fields, arguments, strict=True)
            )
            return f"{{{fields}}}"

        # The names of its fields in the name keep structs with different fields different.
        return Call(f"STRUCT {names}", tuple(values), kind, render, offset_of(node))

    def field(self, value: Expression, name: str, offset: int) -> Expression:
        """Return a field of a struct.

        Raises:
            InvalidStatement: it is no struct, or has no such field.
        """
        if value.type.kind is not Kind.STRUCT:
            message = f"a '{value.type}' has no fields, so no '{name}'"
            raise self._text.error(message, offset)
        known = dict(value.type.fields)
        if name not in known:
            raise self._text.error(f"field '{name}' not found in '{value.type}'", offset)
        return Call(
            f"FIELD {name}",
            (value,),
            known[name],
            lambda arguments, _: f"struct_extract({arguments[0]}, {quoted(name)})",
            offset,
        )

    def dot(self, node: exp.Dot) -> Expression:
        """Return `(s).a`."""
        if not isinstance(node.expression, exp.Identifier):
            raise self._text.error("the name of a field expected", offset_of(node.expression))
        return self.field(self._bind(node.this), name_of(node.expression), offset_of(node))

    def bracket(self, node: exp.Bracket) -> Expression:
        """Return `l[1]`, `l[1:2]`, counted from 1 or back from -1, or `s['a']`."""
        offset = offset_of(node)
        inner = self.list_of(node.this) if isinstance(node.this, exp.Array) else None
        value = inner or self._bind(node.this)
        if len(node.expressions) != 1:
            raise self._text.error("one index in brackets", offset)
        index = node.expressions[0]
        if isinstance(index, exp.Slice):
            bounds = [
                Constant.of(default, INT, offset) if part is None else self._bind(part)
                for part, default in ((index.this, 1), (index.expression, -1))
            ]
            return scalar("LIST_SLICE", [value, *bounds], offset, self._text)
        if isinstance(index, exp.Literal) and index.is_string:
            return self.field(value, str(index.this).lower(), offset)
        return scalar("LIST_EXTRACT", [value, self._bind(index)], offset, self._text)

    def unnest(self, node: exp.Anonymous) -> Expression:
        """Return a row of each thing in a list."""
        offset = offset_of(node)
        if len(node.expressions) != 1:
            raise self._text.error("unnest() takes one list", offset)
        return self.unnested(node.expressions[0], offset)

    def unnested(self, node: Node, offset: int) -> Expression:
        """Return a row of each thing in what a node writes."""
        value = self.list_of(node) if isinstance(node, exp.Array) else self._bind(node)
        if not value.type.is_listed:
            raise self._text.error(
                f"an expression of type '{value.type}' cannot be passed to a parameter of type "
                "'list'",
                value.offset,
            )
        if any(is_unnesting(part) for part in walk(value)):
            raise self._text.error("unnest() of unnest() goes into FROM", offset)
        return Call(UNNEST, (value,), value.type.item, lambda a, _: f"unnest({a[0]})", offset)

    def comprehension(self, node: exp.Comprehension) -> Expression:
        """Return `[x + 1 for x in l if x > 0]`."""
        iterated = node.args["iterator"]
        value = self.list_of(iterated) if isinstance(iterated, exp.Array) else self._bind(iterated)
        name, offset = name_of(node.expression), offset_of(node)
        condition = node.args.get("condition")
        if condition is not None:
            kept = self._lambda([name], condition, [value], offset)
            value = scalar("LIST_FILTER", [value, kept], offset, self._text)
        changed = self._lambda([name], node.this, [value], offset)
        return scalar("LIST_TRANSFORM", [value, changed], offset, self._text)

    def lambda_call(self, name: str, node: exp.Anonymous) -> Expression:
        """Return a call of a function that takes a list and a lambda."""
        offset = offset_of(node)
        nodes = list(node.expressions)
        if len(nodes) < 2 or not isinstance(nodes[1], exp.Lambda):
            message = f"'{name.lower()}' takes a list and a lambda, as in x -> x + 1"
            raise self._text.error(message, offset)
        value = self.argument(name, 0, nodes[0])
        if not value.type.is_listed:
            raise self._text.error(
                f"an expression of type '{value.type}' cannot be passed to a parameter of type "
                "'list'",
                value.offset,
            )
        rest = [self._bind(other) for other in nodes[2:]]
        names = [name_of(parameter) for parameter in nodes[1].expressions]
        body = self._lambda(names, nodes[1].this, [value, *rest], offset, LAMBDAS[name])
        return scalar(name, [value, body, *rest], offset, self._text)

    def _lambda(
        self,
        names: list[str],
        body: Node,
        given: list[Expression],
        offset: int,
        counts: tuple[int, int] = (1, 2),
    ) -> Expression:
        """Return a lambda over what is in the first of `given`; its type is that of its body."""
        least, most = counts
        if not least <= len(names) <= most or len(set(names)) < len(names):
            raise self._text.error(f"a lambda of {least} or {most} names expected", offset)
        item = given[0].type.item
        kinds: list[SqlType] = [item, INT]
        if least == 2:
            # What is gathered so far has the type of what it begins with.
            start = given[1].type if len(given) > 1 else item
            kinds = [common_type(start, item) or start, item, INT]
        outer = self._scope.variables
        if len(outer) + len(names) > PARAMETERS_MAX:
            raise self._text.error("lambdas are nested too deeply", offset)
        made = [f"v{len(outer) + index}" for index in range(len(names))]
        self._scope.variables = {
            **outer,
            **{
                name: _variable(shown, kind, offset)
                for name, shown, kind in zip(names, made, kinds, strict=False)
            },
        }
        try:
            bound = self._bind(body)
        finally:
            self._scope.variables = outer
        for part in walk(bound):
            if isinstance(part, Aggregate | Window | Subquery) or is_unnesting(part):
                message = "a lambda takes no aggregate, window or subquery"
                raise self._text.error(message, part.offset)
        if least == 2 and common_type(bound.type, kinds[0]) != kinds[0]:
            message = f"an expression of type '{bound.type}' cannot be gathered as '{kinds[0]}'"
            raise self._text.error(message, bound.offset)
        kind = kinds[0] if least == 2 else bound.type

        def render(arguments: list[str], call: Call) -> str:
            sql = arguments[0] if call.type == VOID else cast(arguments[0], call.type)
            return f"lambda {', '.join(made)}: {sql}"

        return Call(f"{LAMBDA}{', '.join(made)}", (bound,), kind, render, offset)


def _variable(shown: str, kind: SqlType, offset: int) -> Call:
    def render(_: list[str], __: Any) -> str:
        return shown

    return Call(f"{LAMBDA}{shown}", (), kind, render, offset)
