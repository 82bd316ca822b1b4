"""The `bitbrook` command, typed in this process, for tests of its verbs."""

import os
from pathlib import Path

from typer.testing import CliRunner

from bitbrook.cli.main import app

_RUNNER = CliRunner()


def run(*words: str | Path, status: int = 0, **environment: str) -> str:
    """Return what the command prints, after it ended with that exit code."""
    unset = {name: None for name in os.environ if name.startswith("BITBROOK")}
    outcome = _RUNNER.invoke(
        app, [str(word) for word in words], env={**unset, "COLUMNS": "200", **environment}
    )
    said = outcome.output
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == status, f"{words} ended with {outcome.exit_code}:\n{said}"
    return said
