"""A record's value as a struct that has exactly what a source reads from it.

Made once a source: the paths become nested structs whose leaves msgspec fills, and what no path
names is skipped without becoming an object. Numbers, times and booleans stay the bytes they were
written in (`Raw`), text becomes str. A shape may be strict, with text and lists as such, or
lenient, with every leaf as it was written; the second never fails on account of a leaf.
"""

import enum
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from bitbrook.sources.tokens import NULL


class LeafKind(enum.Enum):
    """What a leaf is decoded into; None (of tokens, `NULL`) if it is null or absent."""

    TOKEN = enum.auto()  # Raw
    TEXT = enum.auto()  # str
    TOKENS = enum.auto()  # list[Raw]
    TEXTS = enum.auto()  # list[str]
    NUMBERS = enum.auto()  # list[float]


_LEAF_TYPES: dict[LeafKind, tuple[Any, Any]] = {
    LeafKind.TOKEN: (Raw, NULL),
    LeafKind.TEXT: (str | None, None),
    LeafKind.TOKENS: (list[Raw] | None, None),
    LeafKind.TEXTS: (list[str] | None, None),
    LeafKind.NUMBERS: (list[float] | None, None),
}

Path = tuple[str, ...]


class Leaf(NamedTuple):
    """What a field of a source reads: the value under these object keys, decoded so."""

    field: str
    path: Path
    kind: LeafKind


Getter = Callable[[Any], Any]


def leaf_type(kind: LeafKind) -> Any:
    """Return the type of a leaf, for msgspec."""
    return _LEAF_TYPES[kind][0]


class ValueShape:
    """The struct type for values that hold these leaves, and their columns.

    `type`: the struct type. `kinds`: what each leaf is decoded into, in the order given: what was
    asked for, but TOKEN where a shape is lenient or where two leaves differ about one path.
    """

    def __init__(self, leaves: Sequence[Leaf], *, is_lenient: bool = False) -> None:
        kinds: dict[Path, LeafKind] = {}
        for leaf in leaves:
            is_disputed = kinds.setdefault(leaf.path, leaf.kind) is not leaf.kind
            if is_disputed or is_lenient:
                kinds[leaf.path] = LeafKind.TOKEN
        self._paths = [leaf.path for leaf in leaves]
        self.kinds = tuple(kinds[path] for path in self._paths)
        # Objects in the order of their depth: from which to get each, how, and what if it is not.
        self._objects: list[tuple[int, Getter, msgspec.Struct]] = []
        self._getters: dict[Path, tuple[int, Getter]] = {}
        self.type = self._make_type(kinds)

    def columns(self, values: list[Any]) -> list[list[Any]]:
        """Return a list of values for each leaf, in the order given."""
        objects = [values]
        for parent, get, absent in self._objects:
            objects.append([child or absent for child in map(get, objects[parent])])
        read = {
            path: list(map(get, objects[parent])) for path, (parent, get) in self._getters.items()
        }
        return [read[path] for path in self._paths]

    def _make_type(self, kinds: dict[Path, LeafKind]) -> type[msgspec.Struct]:
        """Return the struct type of whole values, and fill in how to get at the leaves."""
        types: dict[Path, type[msgspec.Struct]] = {}
        inner = {path[:length] for path in kinds for length in range(len(path))}
        for path in sorted(inner, key=len, reverse=True):
            types[path] = _make_struct(
                {
                    **{leaf[-1]: _LEAF_TYPES[kinds[leaf]] for leaf in kinds if leaf[:-1] == path},
                    **{
                        child[-1]: (types[child] | None, None)
                        for child in inner
                        if child and child[:-1] == path
                    },
                }
            )
        numbers: dict[Path, int] = {(): 0}
        for path in sorted(inner - {()}, key=len):
            numbers[path] = len(numbers)
            get = _getter(types[path[:-1]], path[-1])
            self._objects.append((numbers[path[:-1]], get, types[path]()))
        for path in kinds:
            self._getters[path] = (numbers[path[:-1]], _getter(types[path[:-1]], path[-1]))
        return types[()]


def _make_struct(members: dict[str, tuple[Any, Any]]) -> type[msgspec.Struct]:
    """Return a struct type by JSON key: type and default. Keys may be no names to Python."""
    attributes = {f"member_{number}": key for number, key in enumerate(members)}
    return msgspec.defstruct(
        "Value",
        [(attribute, *members[key]) for attribute, key in attributes.items()],
        rename=attributes,
        omit_defaults=True,  # of a value's excerpt, which shows what was sent
        gc=False,
    )


def _getter(struct: type[msgspec.Struct], key: str) -> Getter:
    encoded = struct.__struct_encode_fields__
    return operator.attrgetter(struct.__struct_fields__[encoded.index(key)])
