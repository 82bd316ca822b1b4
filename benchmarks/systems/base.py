"""What a measured system can do. Each lives in a process of its own, so that memory is its own."""

from pathlib import Path
from typing import Any, Protocol

Files = dict[str, list[Path]]
Answer = list[tuple[Any, ...]]


class System(Protocol):
    """One system with its data loaded."""

    name: str

    def load(self, files: Files) -> None:
        """Load the tables that there are files of; afterwards questions are answered."""
        ...

    def settle(self) -> None:
        """Do what the system does to a table that is no longer written to."""
        ...

    def answer(self, workload: str, literals: dict[str, Any]) -> Answer:
        """Return the rows that answer a workload, comparable over systems."""
        ...

    def stored_bytes(self) -> int:
        """Return the bytes on disk of everything loaded."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


def directory_bytes(directory: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
