"""What a run prints line by line, kept as a dated page of `results/`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{SYSTEM_CLOCK.now():%Y-%m-%d}-{name}.md"
    path.write_text("\n".join(lines) + "\n")
