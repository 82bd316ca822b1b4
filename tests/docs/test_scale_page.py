"""`docs/scale.md` tells the truth: its commands move a deployment and back, its tests are there.

The `sh` blocks run on the data directory of a server that was stopped, against a PostgreSQL server
and a process that speaks S3. Tests that the page names must exist, and so must every setting.
"""

import os
import re
import shlex
from pathlib import Path

import pyarrow as pa
import pytest
from tests.docs.pages import DOCS, ROOT, is_as_shown, steps

from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.settings import DESCRIPTIONS
from command import run
from s3_process import BUCKET, S3Process
from stored_directory import StoredDirectory

PAGE = DOCS / "scale.md"


def test_commands_print_what_is_shown(
    tmp_path: Path, database_url: str, s3: S3Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = StoredDirectory(tmp_path / "data")
    deployment = stored.service.deployments.create(stored.caller, "shop", "8GB")
    stored.service.lifecycle.settle()
    fields = (FieldSchema("amount", FieldType.INT),)
    table = stored.service.tables.create(stored.caller, deployment.id, "orders", fields=fields)
    columns = {"_id": pa.array([1, 2, 3], pa.uint64()), "amount": pa.array([5, 6, 7], pa.int64())}
    stored.write(table.schema.id, columns)
    stored.service.checkpoint()
    stored.write(table.schema.id, columns)
    stored.abandon()
    monkeypatch.chdir(tmp_path)
    places = {"CATALOGUE": database_url, "STORAGE": f"s3://{BUCKET}/page", "PWD": str(tmp_path)}
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    found = steps(PAGE)
    assert len(found) >= 4
    for step in found:
        # Without a shell, whose every command would take seconds to start.
        commands = [shlex.split(os.path.expandvars(line)) for line in step.command.splitlines()]
        assert {command[0] for command in commands} == {"bitbrook"}
        printed = "".join(run(*words) for _, *words in commands)
        assert is_as_shown(step, printed.strip()), (step.command, printed)


def test_every_row_of_failures_names_its_tests() -> None:
    page = PAGE.read_text()
    section = page.partition("## When something fails")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named or row.endswith("| the same |"), row
        for name in named:
            assert f"def {name}(" in tests, name


def test_settings_are_those_there_are() -> None:
    page = PAGE.read_text()
    for name in re.findall(r"BITBROOK_([A-Z_]+)=", page):
        assert name.lower() in DESCRIPTIONS
    for name in ("storage_cache_bytes", "owner_memory_bytes", "owner_lease_s", "partitions"):
        assert f"`{name}`" in page
        assert name in DESCRIPTIONS
