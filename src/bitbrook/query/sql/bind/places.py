"""Where the nodes of a parsed statement stand, and what they are called."""

from sqlglot import exp


def offset_of(node: exp.Expression | None) -> int:
    """Return the offset of a node's first character that is known, 0 if none is."""
    found = _find_offset(node)
    return 0 if found is None else found


def _find_offset(node: exp.Expression | None) -> int | None:
    # A loop down the left side: a chain of a thousand ANDs is a thousand levels deep.
    while node is not None:
        start: int | None = node.meta.get("start")
        if start is not None:
            return start
        children = list(node.iter_expressions())
        if not children:
            return None
        for child in children[1:]:
            if "start" not in children[0].meta and not list(children[0].iter_expressions()):
                return _find_offset(child)
        node = children[0]
    return None


def name_of(identifier: exp.Expression) -> str:
    """Return a name, folded to lower case as the reference does."""
    return identifier.name.lower()


def chain_of(node: exp.Expression, kind: type[exp.Binary]) -> list[exp.Expression]:
    """Return the operands of a chain such as `a AND b AND c`, from left to right."""
    operands: list[exp.Expression] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, kind):
            waiting += [part.expression, part.this]
        elif isinstance(part, exp.Paren) and isinstance(part.this, kind):
            waiting.append(part.this)
        else:
            operands.append(part)
    return operands
