"""`docs/queries.md` tells the truth: its commands, typed as they stand, give what stands there.

Runs every `sh` block in one shell after another against a real server, and compares settings and
forms in its tables with those there are.
"""

import json
import re
import subprocess
from pathlib import Path

from tests.docs.test_readme import ADDRESS, EMAIL, PASSWORD, matches

from bitbrook.api.formats import Format
from bitbrook.control.statements import HISTORY_MAX, TEXT_CHARACTERS_MAX
from bitbrook.settings import DESCRIPTIONS, Settings
from server_process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
MARK = "=== end of a block ==="


def test_commands_give_the_answers_shown(tmp_path: Path) -> None:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    commands = [text for language, text in found if language == "sh"]
    # The first block answers nothing; each of the others shows its answer.
    answers = [(language, text) for language, text in found if language != "sh"]
    assert len(answers) == len(commands) - 1 > 5
    flags = ("--admin-email", EMAIL, "--admin-password", PASSWORD)
    with ServerProcess(tmp_path / "data", *flags) as server:
        # A deployment takes a moment to run; a reader types no faster.
        script = "".join(f"{text}\necho; echo '{MARK}'; sleep 0.4\n" for text in commands)
        ran = subprocess.run(
            ["bash", "-eu"],
            input=script.replace(ADDRESS, server.url),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    outputs = [output.strip() for output in ran.stdout.split(MARK)][1:-1]
    for (language, shown), printed, command in zip(answers, outputs, commands[1:], strict=True):
        if language == "json":
            assert matches(json.loads(shown), json.loads(printed)), (command, printed)
        else:
            assert printed == shown.strip(), command


def test_limits_and_forms_are_those_there_are() -> None:
    page = PAGE.read_text()
    for form in Format:
        assert f"`{form}`" in page
    for name in ("query_timeout_s", "answer_bytes_max", "deployment_statements_max"):
        assert f"`{name}`" in page
        assert name in DESCRIPTIONS
    defaults = Settings()
    assert f"by default {defaults.query_timeout_s:g} s" in page
    assert f"by default {defaults.answer_bytes_max >> 20} MiB" in page
    assert f"by default {defaults.deployment_statements_max}" in page
    assert f"The last {HISTORY_MAX:,} statements" in page
    assert f"cut to {TEXT_CHARACTERS_MAX:,} characters" in page
