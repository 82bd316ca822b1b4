"""How a verb ends that could not do its work: one line on stderr and an exit code."""

import sys
from typing import NoReturn

import typer


def fail(message: str, *, exit_code: int = 1) -> NoReturn:
    """Tell why a verb could not do its work, and exit."""
    print(f"bitbrook: {message}", file=sys.stderr, flush=True)
    raise typer.Exit(exit_code)
