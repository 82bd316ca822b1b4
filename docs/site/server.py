"""A server for as long as the site is built: its description and its answers go into pages."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ADDRESS = "http://127.0.0.1:8000"
"""Where the pages say the server is, wherever it was."""

EMAIL, PASSWORD = "you@example.org", "correct horse"


@contextmanager
def serving() -> Iterator[str]:
    """Give the address of a server on a data directory of its own."""
    with tempfile.TemporaryDirectory(prefix="bitbrook-docs-") as place:
        flags = ["--port", "0", "--data", str(Path(place) / "data"), "--log-level", "error"]
        process = subprocess.Popen(
            [sys.executable, "-m", "bitbrook.cli.main", "serve", *flags],
            env={
                **{name: text for name, text in os.environ.items() if "BITBROOK" not in name},
                "BITBROOK_ADMIN_EMAIL": EMAIL,
                "BITBROOK_ADMIN_PASSWORD": PASSWORD,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None, "it was asked for"
            # The address is the third word of its first line.
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()
            process.communicate()
