"""Where the nodes of a parsed statement stand, and what they are called."""

from sqlglot import exp


def offset_of(node: exp.Expression | None) -> int:
    """Return the offset of a node's first character that is known, 0 if none is.

    What is found is noted on the nodes passed, or a chain of a thousand operators would be walked a
    thousand times.
    """
    if node is None:
        return 0
    # A loop down the left side, not a recursion: that chain is a thousand levels deep.
    passed: list[exp.Expression] = []
    waiting = [node]
    start: int | None = None
    while waiting and start is None:
        part = waiting.pop()
        start = part.meta.get("start")
        if start is None:
            passed.append(part)
            waiting += list(part.iter_expressions())[::-1]
    if start is None:
        return 0
    for part in passed:
        part.meta["start"] = start
    return start


def name_of(identifier: exp.Expression) -> str:
    """Return a name, folded to lower case as the reference does."""
    return identifier.name.lower()


def chain_of(node: exp.Expression, kind: type[exp.Expression]) -> list[exp.Expression]:
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
