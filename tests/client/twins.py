"""The SDK's modules for threads, made from those for asyncio: one is written, the other follows.

`make twins` writes them; `test_twins.py` holds that they are what would be written. What differs
in more than waiting (the links, the writers, the clients) is written by hand, twice.
"""

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "bitbrook" / "client"
RUFF = Path(sys.executable).with_name("ruff")
NAMES = ("deployments", "endpoints", "people", "queries", "sources", "tables")

_RULES = (
    (r"\bawait ", ""),
    (r"\basync def ", "def "),
    (r"\ban `Async", "a `"),
    (r"_async_", "_"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"for asyncio", "for threads"),
)


def threaded(name: str) -> str:
    """Return the module for threads, as it is made of the one for asyncio."""
    text = (PACKAGE / f"_async_{name}.py").read_text()
    for pattern, put in _RULES:
        text = re.sub(pattern, put, text)
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format"]):
        place = ["--stdin-filename", str(PACKAGE / f"_{name}.py"), "-"]
        ran = subprocess.run(
            [RUFF, *command, *place], input=text, capture_output=True, text=True, check=True
        )
        text = ran.stdout
    return text


def main() -> None:
    for name in NAMES:
        (PACKAGE / f"_{name}.py").write_text(threaded(name))


if __name__ == "__main__":
    main()
