"""The shape of a statement: its text with the literals left out.

Statements of one shape do the same work on other values, so what was learnt of one tells of the
next. A shape is a hint and never decides what a statement means: quotes are taken as both languages
use them, and a literal that is overlooked only makes one shape more.
"""

import re

_LITERAL = re.compile(r"""'[^']*'|"[^"]*"|(?<![\w.])[0-9]+(?:\.[0-9]+)?""")


def shape_of(text: str) -> str:
    """Return the shape of a statement in either language."""
    return _LITERAL.sub("?", text)
