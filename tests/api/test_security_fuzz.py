"""No request that its own description allows, or nearly allows, makes the server fail.

schemathesis reads the description that a running server gives and sends each route what fits it and
what does not, as an administrator; a status of 500 or more fails. Bounded in examples.
"""

import os
import re
import subprocess
from pathlib import Path
from sysconfig import get_path

from server_process import ServerProcess

EXAMPLES = "3"
TIMEOUT_S = 300
CASES_MIN = 1_000


def test_no_request_makes_the_server_fail(tmp_path: Path) -> None:
    # /v2 is the same routes once more; what streams without end is no request to wait for.
    excluded = r"^/v2/|/live$"
    with ServerProcess(tmp_path / "data", "--query-timeout-s", "5") as server:
        command = [
            str(Path(get_path("scripts")) / "schemathesis"),
            "run",
            f"{server.url}/openapi.json",
            "--header",
            f"Authorization: {server.token()}",
            "--checks",
            "not_a_server_error",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            EXAMPLES,
            "--exclude-path-regex",
            excluded,
            "--seed",
            "1",
            "--workers",
            "1",
            "--no-color",
        ]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": ""},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
        counted = re.search(r"([\d,]+) generated, ([\d,]+) passed", done.stdout)
        assert counted, done.stdout[-2_000:]
        assert counted[1] == counted[2]
        assert int(counted[1].replace(",", "")) >= CASES_MIN
        assert server.stop() == 0
        assert "Traceback" not in server.errors(), server.errors()[-8_000:]
