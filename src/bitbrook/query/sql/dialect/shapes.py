"""Trees of queries asked before, by their shape: the text without its literals.

Clients ask the same question about other values again and again. Tokenizing and parsing is most of
the cost of a small one; a query of a known shape takes the tree of the last one of that shape, with
its own literals and places put in. A tree belongs to one thread, which uses it for one statement at
a time.
"""

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlglot import exp

SHAPES_KEPT = 256
CHARACTERS_MAX = 4_000

_LITERAL = re.compile(
    r"'(?:[^']|'')*'|(?<![A-Za-z0-9_.@$\-])[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.\-])", re.ASCII
)
_UNUSUAL = re.compile(r"--|/\*|[\"`\0]|'\s*'|[^\x00-\x7f]")
"""Comments, quoted names, strings side by side: their literals are not where they seem."""


@dataclass(slots=True)
class _Known:
    """A tree and what to put into it.

    `literals` are the nodes of the literals, in order; `placed` every node whose place is known,
    its offset, and how many literals end before it; `ends` where each literal ended.
    """

    tree: exp.Expr
    literals: list[exp.Expr]
    placed: list[tuple[exp.Expr, int, int]]
    ends: list[int]


class _Local(threading.local):
    def __init__(self) -> None:
        self.known: OrderedDict[str, _Known] = OrderedDict()


_LOCAL = _Local()


def find_tree(text: str) -> exp.Expr | None:
    """Return the tree of a query, made from one of the same shape; None if there was none."""
    shape, found = _shape_of(text)
    known = _LOCAL.known.get(shape) if shape else None
    if known is None:
        return None
    _LOCAL.known.move_to_end(shape)
    shifts = [0]
    for node, match, end in zip(known.literals, found, known.ends, strict=True):
        written = match[0]
        node.set("this", written[1:-1].replace("''", "'") if written[0] == "'" else written)
        shifts.append(match.end() - end)
    for node, offset, before in known.placed:
        node.meta["start"] = offset + shifts[before]
    return known.tree


def keep_tree(text: str, tree: exp.Expr) -> None:
    """Keep a query's tree for others of its shape, if the tree has every literal of the text."""
    shape, found = _shape_of(text)
    if not shape:
        return
    placed = [(node, int(node.meta["start"])) for node in tree.walk() if "start" in node.meta]
    by_start = {offset: node for node, offset in placed if type(node) is exp.Literal}
    literals: list[exp.Expr] = []
    for match in found:
        node = by_start.get(match.start())
        if node is None or bool(node.args.get("is_string")) != (match[0][0] == "'"):
            return
        literals.append(node)
    ends = [match.end() for match in found]
    counted = [(node, offset, sum(end <= offset for end in ends)) for node, offset in placed]
    _LOCAL.known[shape] = _Known(tree, literals, counted, ends)
    if len(_LOCAL.known) > SHAPES_KEPT:
        _LOCAL.known.popitem(last=False)


def _shape_of(text: str) -> tuple[str, list[re.Match[str]]]:
    """Return a text with marks in the place of literals, and these; '' if it is an unusual one."""
    if len(text) > CHARACTERS_MAX or _UNUSUAL.search(text):
        return "", []
    found = list(_LITERAL.finditer(text))
    pieces = []
    start = 0
    for match in found:
        pieces += [text[start : match.start()], "\0s" if match[0][0] == "'" else "\0n"]
        start = match.end()
    return "".join([*pieces, text[start:]]), found
