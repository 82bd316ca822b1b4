"""A data directory is one process's, and what it cannot read it refuses by name.

Tried with a second process and a second service in this one, a process killed in the middle of
creations, overwritten and missing files, a directory that cannot be made, and a failing start that
must leave nothing locked.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bitbrook.control.service import Service
from bitbrook.errors import AlreadyRunning, Damaged, Stopping
from bitbrook.settings import Settings

PROGRAM = """
import sys
from pathlib import Path
from bitbrook.control.service import Service
from bitbrook.settings import Settings

service = Service.open(Settings(data=Path(sys.argv[1]), admin_password="correct horse"))
caller = service.identity.authenticate(
    service.identity.sign_in("admin@localhost", "correct horse").id
)
running = service.deployments.create(caller, "running", "8GB")
service.lifecycle.settle()
service.tables.create(caller, running.id, "things")
service.tables.create(caller, running.id, "going")
service.lifecycle.hold()
service.deployments.create(caller, "coming", "8GB")
service.tables.delete(caller, running.id, "going")
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_second_service_is_told_who_has_the_directory(home: Any) -> None:
    with pytest.raises(AlreadyRunning) as refusal:
        Service.open(home.settings)
    assert str(home.settings.data) in refusal.value.message
    home.restart()


def test_a_killed_process_leaves_nothing_locked_and_nothing_half_done(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "ready\n":
                break
        with pytest.raises(AlreadyRunning, match=f"process {process.pid}"):
            Service.open(Settings(data=data))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with Service.open(Settings(data=data)) as service:
        assert service.first_password is None
        tokens = service.identity.sign_in("admin@localhost", "correct horse")
        caller = service.identity.authenticate(tokens.id)
        service.lifecycle.settle()
        deployments = {each.name: each for each in service.deployments.list(caller)}
        assert {each.status for each in deployments.values()} == {"RUNNING"}
        assert set(deployments) == {"running", "coming"}
        tables = service.tables.list(caller, deployments["running"].id)
        assert [table.schema.name for table in tables] == ["things"]


def test_the_first_start_makes_a_password_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "some" / "where", admin_email="Ada@Example.org")
    with Service.open(settings) as service:
        assert service.is_ready
        assert service.first_password is not None
        tokens = service.identity.sign_in("ada@example.org", service.first_password)
    with Service.open(settings) as service:
        assert service.first_password is None
        assert service.identity.authenticate(tokens.id).email == "ada@example.org"


@pytest.mark.parametrize("name", ["catalogue.db", "log.db"])
def test_overwritten_databases_are_named_and_not_locked(home: Any, name: str) -> None:
    home.stop()
    file = home.settings.data / name
    content = file.read_bytes()
    file.write_bytes(b"\x5a" * len(content))
    for _ in range(2):
        with pytest.raises(Damaged, match=name):
            Service.open(home.settings)
    file.write_bytes(content)
    home.start()


def test_a_missing_block_closes_its_table_alone(home: Any, admin: Any) -> None:
    source = home.source(admin)
    whole = home.table(admin, "whole")
    body = b'{"records":[{"value":{"id":1,"species":"a","amount":2}}]}'
    home.service.sources.begin_ingest(admin, source.id, body).durable.result(10)
    home.stop()
    [block, *_] = (home.settings.data / "snapshots").glob("*/shard-*")
    block.rename(block.with_suffix(".gone"))
    service = home.start()
    with pytest.raises(Damaged, match="shard-"):
        service.sources.begin_ingest(home.caller(), source.id, body)
    assert service.tables.get(home.caller(), source.deployment_id, "whole") == whole
    home.stop()
    block.with_suffix(".gone").rename(block)
    home.start().sources.begin_ingest(home.caller(), source.id, body).durable.result(10)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Damaged, match="--data"):
        Service.open(Settings(data=tmp_path / "file" / "data"))


def test_closing_cancels_statements(home: Any) -> None:
    with home.service.queries.budget() as budget:
        assert home.service.queries.running_count == 1
        assert budget.timeout_s == home.settings.query_timeout_s
        assert not budget.cancelled.is_set()
        home.stop()
        assert budget.cancelled.is_set()
    assert home.service.queries.running_count == 0
    with pytest.raises(Stopping), home.service.queries.budget():
        pass
