"""A value's leaves become columns, with None or null wherever a path leads nowhere.

Tried with paths of different depth, two leaves on one path, and strict and lenient shapes.
"""

from typing import Any

import msgspec
import pytest

from bitbrook.sources.values import Leaf, LeafKind, ValueShape

LEAVES = [
    Leaf("a", ("a",), LeafKind.TOKEN),
    Leaf("b", ("o", "b"), LeafKind.TEXT),
    Leaf("c", ("o", "p", "c"), LeafKind.TOKENS),
    Leaf("d", ("o", "p", "d"), LeafKind.TEXTS),
]


def plain(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return [plain(member) for member in leaf]
    return bytes(leaf) if isinstance(leaf, msgspec.Raw) else leaf


def columns(shape: ValueShape, *values: bytes) -> list[list[Any]]:
    decoded = [msgspec.json.decode(value, type=shape.type) for value in values]
    return [plain(column) for column in shape.columns(decoded)]


def test_strict_leaves_are_what_was_asked_for() -> None:
    shape = ValueShape(LEAVES)
    assert shape.kinds == tuple(leaf.kind for leaf in LEAVES)
    assert columns(
        shape,
        b'{"a": 1.50, "o": {"b": "x", "p": {"c": [1, "2"], "d": ["y"]}}}',
        b'{"a": null, "o": {"b": null, "p": {"c": null, "d": null}}}',
        b'{"o": {"p": null}}',
        b'{"o": null}',
        b"{}",
    ) == [
        [b"1.50", b"null", b"null", b"null", b"null"],
        ["x", None, None, None, None],
        [[b"1", b'"2"'], None, None, None, None],
        [["y"], None, None, None, None],
    ]


@pytest.mark.parametrize(
    "value", [b'{"o": {"b": 5}}', b'{"o": {"p": {"c": 1}}}', b'{"o": 5}', b"[]"]
)
def test_strict_leaves_refuse_other_kinds(value: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        columns(ValueShape(LEAVES), value)


def test_lenient_leaves_are_as_they_were_written() -> None:
    shape = ValueShape(LEAVES, is_lenient=True)
    assert set(shape.kinds) == {LeafKind.TOKEN}
    assert columns(shape, b'{"o": {"b": 5, "p": {"c": {}, "d": "z"}}}', b"{}") == [
        [b"null", b"null"],
        [b"5", b"null"],
        [b"{}", b"null"],
        [b'"z"', b"null"],
    ]


def test_two_leaves_may_read_one_path() -> None:
    same = [Leaf("x", ("k",), LeafKind.TEXT), Leaf("y", ("k",), LeafKind.TEXT)]
    assert columns(ValueShape(same), b'{"k": "v"}') == [["v"], ["v"]]
    differing = ValueShape([same[0], Leaf("y", ("k",), LeafKind.TOKEN)])
    assert differing.kinds == (LeafKind.TOKEN, LeafKind.TOKEN)
    assert columns(differing, b'{"k": "v"}') == [[b'"v"'], [b'"v"']]
