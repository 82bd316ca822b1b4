"""Parts of a shard that lie in its block until they are first touched.

Whoever touches one, a reader under the shared lock or a writer, has it read, checked and attached;
of several at once one does and the others wait. A part that nobody touched may be pointed to where
its bytes lie now, as a checkpoint does before the former block goes. Knows nothing of what parts
are made of.
"""

import threading
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Generic, TypeVar

from bitbrook.stores.snapshots import Piece

T = TypeVar("T")


class Stored(Generic[T]):
    """A part in its block, and how it is made from its bytes."""

    __slots__ = ("_make", "piece")

    def __init__(self, piece: Piece, make: Callable[[memoryview], T]) -> None:
        self.piece = piece
        self._make = make

    @property
    def size_bytes(self) -> int:
        """Bytes that it has in its block."""
        return self.piece.size_bytes

    def attach(self) -> T:
        """Return the part itself.

        Raises:
            Damaged: the block is not what was written.
        """
        return self._make(self.piece.read())


class Parts(MutableMapping[str, T]):
    """Parts by name, each attached when it is first asked for. Iteration gives names alone."""

    __slots__ = ("_attaching", "_parts")

    def __init__(self) -> None:
        self._parts: dict[str, T | Stored[T]] = {}
        self._attaching = threading.Lock()

    def __getitem__(self, name: str) -> T:
        part = self._parts[name]
        return self._attached(name) if isinstance(part, Stored) else part

    def get(self, name: str, default: Any = None) -> Any:
        """Return a part, attached, or the default if there is none of the name."""
        part = self._parts.get(name, default)
        return self._attached(name) if isinstance(part, Stored) else part

    def __setitem__(self, name: str, part: T) -> None:
        self._parts[name] = part

    def __delitem__(self, name: str) -> None:
        del self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __len__(self) -> int:
        return len(self._parts)

    def as_they_are(self) -> dict[str, T | Stored[T]]:
        """Return all parts by name, those in their blocks as such."""
        with self._attaching:
            return dict(self._parts)

    def store(self, name: str, part: Stored[T]) -> T | Stored[T] | None:
        """Let a part lie in its block; return what was here of it."""
        with self._attaching:
            before = self._parts.get(name)
            self._parts[name] = part
            return before

    def move(self, name: str, piece: Piece) -> None:
        """Say where a part's bytes lie now; nothing happens if it was attached or has gone."""
        with self._attaching:
            part = self._parts.get(name)
            if isinstance(part, Stored):
                part.piece = piece

    def _attached(self, name: str) -> T:
        with self._attaching:
            part = self._parts[name]
            if isinstance(part, Stored):
                part = self._parts[name] = part.attach()
            return part
