"""The SDK's types are what its users' checkers see, and what is wrong is found wrong.

Runs mypy, strictly, over a module of uses: what it infers is asserted there, and an ignore that is
not needed, because a wrong use went unnoticed, is an error.
"""

import subprocess
import sys
from pathlib import Path


def test_the_uses_are_typed() -> None:
    uses = Path(__file__).with_name("api.py")
    root = uses.parents[2]
    mypy = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", str(uses)]
    ran = subprocess.run(mypy, cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout
