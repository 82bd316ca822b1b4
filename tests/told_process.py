"""A program that is told what to do: a command a line on its input, for each a line of JSON.

It writes one line more when it has begun, and ends when its input does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TIMEOUT_S = 120.0


class ToldProcess:
    """Such a program, in Python. `begun`: what it told when it had begun."""

    def __init__(
        self, program: Sequence[str], *, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Start it; return when it has begun. `log`: where to its errors go."""
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **environment},
            )
        self._log = log
        self.begun = self._answer()

    def tell(self, command: str) -> dict[str, Any]:
        """Have something done; return what it tells of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it has ended; see {self._log}"
        told: dict[str, Any] = json.loads(line)
        return told
