"""JSON as a page shows it: what fits stands on one line, numbers keep their digits."""

import json
from typing import Any

LINE_CHARACTERS = 92
ITEMS_MAX = 8
"""Entries of a list that are shown; the others are `...`."""

SECRET_CHARACTERS_MAX = 60
"""Longer texts without a space are tokens and keys, of which the beginning is enough."""


class _Digits(str):
    """A number with a point, digit for digit."""

    __slots__ = ()


def folded(text: str) -> str:
    """Return JSON, folded and with long lists and secrets cut short."""
    return written(_cut(json.loads(text, parse_float=_Digits)))


def written(node: Any, depth: int = 0) -> str:
    """Return a value as JSON in lines of bounded length, as far as that goes."""
    line = _line(node)
    if len(line) + 2 * depth <= LINE_CHARACTERS or not isinstance(node, dict | list) or not node:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(node, dict):
        parts = [f"{inner}{json.dumps(key)}: {written(node[key], depth + 1)}" for key in node]
        return "{\n" + ",\n".join(parts) + f"\n{outer}}}"
    parts = [f"{inner}{written(each, depth + 1)}" for each in node]
    return "[\n" + ",\n".join(parts) + f"\n{outer}]"


def _line(node: Any) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_line(node[key])}" for key in node) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(map(_line, node)) + "]"
    if isinstance(node, _Digits):
        return str(node)
    return json.dumps(node, ensure_ascii=False)


def _cut(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _cut(value) for key, value in node.items()}
    if isinstance(node, list):
        return [*map(_cut, node[:ITEMS_MAX]), *(["..."] if len(node) > ITEMS_MAX else [])]
    is_secret = (
        isinstance(node, str)
        and not isinstance(node, _Digits)
        and len(node) > SECRET_CHARACTERS_MAX
        and " " not in node
        and "://" not in node
    )
    return f"{node[:12]}..." if is_secret else node
