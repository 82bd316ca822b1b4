"""`docs/operations.md` tells the truth: its commands run, its faults are tested, its metrics exist.

Runs every `sh` block against the data directory of a real server and compares what is printed with
the block that follows, up to what `...` leaves open. Every row of the table of faults must name a
test that there is, and every test of faults must have its row; metrics are compared both ways.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from api_client import create_source, stream, wait_for_status
from bitbrook.telemetry import stages, watched
from bitbrook.telemetry.metrics import REGISTRY
from server_process import ServerProcess

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCHEMA = {
    "id_field": "id",
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        {"name": "amount", "path": ["amount"], "type": "int"},
    ],
}


def test_commands_print_what_is_shown(tmp_path: Path) -> None:
    blocks = [(language, text) for language, text in _BLOCK.findall(PAGE) if language != "yaml"]
    commands, shown = blocks[::2], blocks[1::2]
    assert len(commands) == len(shown) >= 7
    assert {language for language, _ in commands} == {"sh"}
    assert {language for language, _ in shown} == {"text"}
    with (
        ServerProcess(tmp_path / "data", "--checkpoint-age-s", "1000") as server,
        server.client(server.token()) as api,
    ):
        body = {"name": "shop", "deployment_options": {"shape": "8GB"}}
        deployment_id = api.post("/v1/deployments", json=body).json()["id"]
        wait_for_status(api, f"/v1/deployments/{deployment_id}", "RUNNING")
        api.post(f"/v1/tables/{deployment_id}", json={"name": "orders"})
        source_id = create_source(api, deployment_id, "orders", SCHEMA)
        stream(api, source_id, [{"id": 1, "amount": 5}, {"id": 2, "amount": 6}])
        stream(api, source_id, [{"id": 3, "amount": 7}])
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        for (_, command), (_, expected) in zip(commands, shown, strict=True):
            ran = subprocess.run(
                ["bash", "-eu"],
                input=command,
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert ran.returncode == 0, ran.stderr
            pattern = re.escape(expected).replace(re.escape("..."), ".*")
            assert re.fullmatch(pattern, ran.stdout), (command, ran.stdout)


def test_every_fault_has_its_row_and_its_test() -> None:
    section = PAGE.partition("## When something fails")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    named = [re.fullmatch(r"\| .+ \| `(test_\w+)` \|", row) for row in rows]
    assert all(named), rows
    tests = re.findall(
        r"^def (test_\w+)", (ROOT / "tests/faults/test_faults.py").read_text(), re.MULTILINE
    )
    assert [match.group(1) for match in named if match] == tests


def test_every_metric_is_told() -> None:
    assert stages.count_apply, "the stages are registered"
    told = set(re.findall(r"`?\b(bitbrook_\w+?)(?:_total)?\b(?=[`{ ,>])", PAGE))
    families = {family.name for family in REGISTRY.collect()}
    there = {name for name in families if name.startswith("bitbrook_")}
    there |= {figure.name for figure in watched.FIGURES}
    assert there <= told, there - told
    assert told <= there, told - there
