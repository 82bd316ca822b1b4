"""A server on one machine does not pay for what it does not use.

A process opens a service, writes and asks; afterwards nothing of Ray, nor of object storages, is
among its modules.
"""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from bitbrook.control.service import Service
from bitbrook.settings import Settings

settings = Settings(data=Path(sys.argv[1]), admin_password="correct horse")
with Service.open(settings) as service:
    caller = service.identity.authenticate(
        service.identity.sign_in(settings.admin_email, "correct horse").id
    )
    deployment = service.deployments.create(caller, "one", "8GB")
    service.lifecycle.settle()
    service.tables.create(caller, deployment.id, "things")
    assert service.deployments.get(caller, deployment.id).status == "RUNNING"
print(sorted({name.partition(".")[0] for name in sys.modules} & {"ray", "obstore", "psycopg"}))
"""


def test_nothing_of_the_scale_extra_is_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
