"""README tells the truth: its commands, typed as they stand, give the answers that stand there.

Runs every `sh` block in one shell after another against a real server and compares what it prints
with the `json` or `text` block that follows; `"..."` stands for anything. Settings in the table are
compared with those there are.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from bitbrook.settings import describe_settings
from server_process import ServerProcess

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8000"
EMAIL, PASSWORD = "you@example.org", "correct horse"


def blocks() -> list[tuple[str, str]]:
    """The language and the text of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def matches(shown: Any, printed: Any) -> bool:
    """Whether what was printed is what is shown, up to what "..." leaves open."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        return list(shown) == list(printed) and all(map(matches, shown.values(), printed.values()))
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(matches, shown, printed))
    if shown == "...":
        return True
    if isinstance(shown, str) and isinstance(printed, str):
        return re.fullmatch(re.escape(shown).replace(re.escape("..."), ".*"), printed) is not None
    return bool(shown == printed)


def test_commands_give_the_answers_shown(tmp_path: Path) -> None:
    flags = ("--admin-email", EMAIL, "--admin-password", PASSWORD)
    with ServerProcess(tmp_path / "data", *flags) as server:
        # One shell for all blocks, because later ones use what earlier ones set.
        steps: list[tuple[str, str, str]] = []
        found = blocks()
        for index, (language, text) in enumerate(found):
            if language == "sh":
                following = found[index + 1] if index + 1 < len(found) else ("", "")
                steps.append((text, *following))
        assert len(steps) > 10
        mark = "=== end of a block ==="
        # What has just been created or deleted takes a moment; a reader types no faster.
        script = "".join(f"{text}\necho; echo '{mark}'; sleep 0.4\n" for text, _, _ in steps)
        ran = subprocess.run(
            ["bash", "-eu"],
            input=script.replace(ADDRESS, server.url),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        outputs = [part.strip() for part in ran.stdout.split(mark)][:-1]
        assert len(outputs) == len(steps)
        for (text, language, shown), output in zip(steps, outputs, strict=True):
            printed = output.replace(server.url, ADDRESS)
            if language == "json":
                assert matches(json.loads(shown), json.loads(printed)), (text, printed)
            elif language == "text":
                assert printed == shown.strip(), text
            else:
                assert printed == "", text


def test_every_setting_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", README.read_text(), re.MULTILINE)
    expected = [
        (each.name, "" if each.default is None else f"`{each.default}`", each.description)
        for each in describe_settings()
    ]
    assert rows == expected
