"""The pages of the documentation as tests see them: blocks, what is run, what must come out.

A block may carry a mark behind its language. `serve` starts the server of all pages, `definition`
is a source's field that is streamed into, `theirs` is another product's, `elsewhere` needs what a
test has not (a broker, an index of packages, hours). Everything else that is a command is run.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from server_process import ServerProcess

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ADDRESS = "http://127.0.0.1:8000"
EMAIL, PASSWORD = "you@example.org", "correct horse"
FLAGS = ("--admin-email", EMAIL, "--admin-password", PASSWORD)
MARK = "=== end of a block ==="
PAGES = (*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
PAGES = (*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "benchmarks" / "README.md")

_FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHANGES = re.compile(r"-X (POST|DELETE) \S+/(deployments|sinks|tables)\b(?!\S*/query)|keys rotate")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    mark: str
    text: str


class Step(NamedTuple):
    """A command, and the block that shows what it prints; without one it prints nothing."""

    command: str
    language: str
    shown: str


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    return [Block(*found) for found in _FENCE.findall(page.read_text())]


def steps(page: Path) -> list[Step]:
    """Every command of a page that a shell runs."""
    found = [block for block in blocks(page) if block.mark != "theirs"]
    return [
        Step(block.text, *_answer(found, place))
        for place, block in enumerate(found)
        if block.language == "sh" and not block.mark
    ]


def _answer(found: list[Block], place: int) -> tuple[str, str]:
    following = found[place + 1] if place + 1 < len(found) else Block("", "", "")
    is_answer = following.language in {"json", "text"} and not following.mark
    return (following.language, following.text) if is_answer else ("", "")


def run_page(
    page: Path, server: ServerProcess, directory: Path, deployment_id: str, **variables: str
) -> None:
    """Run a page's commands in one shell, and compare what they print with what is shown."""
    (directory / "data").symlink_to(server.data)
    shell = {
        "URL": server.url,
        "TOKEN": server.token(EMAIL, PASSWORD),
        "DEPLOYMENT": deployment_id,
        "BITBROOK_URL": server.url,
        "BITBROOK_EMAIL": EMAIL,
        "BITBROOK_PASSWORD": PASSWORD,
        **variables,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    page_steps = steps(page)
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input="".join(map(_script, page_steps)).replace(ADDRESS, server.url),
        env={name: text for name, text in os.environ.items() if "BITBROOK" not in name} | shell,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    outputs = ran.stdout.replace(server.url, ADDRESS).split(MARK)[:-1]
    assert len(outputs) == len(page_steps)
    for step, output in zip(page_steps, outputs, strict=True):
        assert is_as_shown(step, output.strip()), (step.command, output)


def _script(step: Step) -> str:
    # What has just been created or deleted takes a moment; a reader types no faster.
    pause = "sleep 0.4\n" if _CHANGES.search(step.command) else ""
    return f"{step.command}\necho; echo '{MARK}'\n{pause}"


def is_as_shown(step: Step, printed: str) -> bool:
    """Whether a command printed what is shown below it, up to what `...` leaves open."""
    if step.language == "json":
        return bool(printed) and matches(exactly(step.shown), exactly(printed))
    if step.language == "text":
        pattern = re.escape(step.shown.strip()).replace(re.escape("..."), ".*")
        return re.fullmatch(pattern, printed) is not None
    return printed == ""


def matches(shown: Any, printed: Any) -> bool:
    """Whether what was printed is what is shown, up to what "..." leaves open."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        return list(shown) == list(printed) and all(map(matches, shown.values(), printed.values()))
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(matches, shown, printed))
    if shown == "...":
        return True
    if isinstance(shown, str) and isinstance(printed, str):
        pattern = re.escape(shown).replace(re.escape("..."), ".*")
        return re.fullmatch(pattern, printed, re.DOTALL) is not None
    return bool(shown == printed)


def exactly(text: str) -> Any:
    """JSON with its numbers as they are written."""
    return json.loads(text, parse_float=str)
