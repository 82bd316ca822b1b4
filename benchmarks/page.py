"""What a run found, kept as a dated page of `results/`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bitbrook.clock import SYSTEM_CLOCK

RESULTS = Path(__file__).parent / "results"


@contextmanager
def page(name: str) -> Iterator[Callable[[str], None]]:
    """Give a function that prints a line; what was printed is kept if the run comes to its end."""
    lines: list[str] = []

    def line(text: str = "") -> None:
        print(text, flush=True)
        lines.append(text)

    yield line
    _path(name, ".md").write_text("\n".join(lines) + "\n")


def keep(name: str, report: msgspec.Struct, tables: str) -> None:
    """Keep a whole report, as it is and as tables."""
    _path(name, ".json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    _path(name, ".md").write_text(tables)


def _path(name: str, suffix: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{SYSTEM_CLOCK.now():%Y-%m-%d}-{name}{suffix}"
