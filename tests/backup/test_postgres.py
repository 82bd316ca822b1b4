"""A backup goes from SQLite to PostgreSQL and back: what it holds belongs to neither.

A directory is backed up, restored with its catalogue and its log in a PostgreSQL server, served
from there, changed, backed up from there, and restored into files again; each time everything is
compared. Databases that are not empty are left alone. Skipped where there is no PostgreSQL.
"""

from pathlib import Path

import pyarrow as pa
import pytest

from bitbrook.errors import Conflict
from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.stores.catalogue_dump import dump_catalogue, load_catalogue
from command import run
from stored_directory import StoredDirectory, contents_of, settings_of

FIELDS = (FieldSchema("number", FieldType.INT), FieldSchema("name", FieldType.SET, is_keyed=True))


def write(stored: StoredDirectory, table: str, first: int) -> None:
    ids = list(range(first, first + 100))
    stored.write(
        table,
        {
            "_id": pa.array(ids, pa.uint64()),
            "number": pa.array(ids, pa.int64()),
            "name": pa.array([[f"name {i % 7}"] for i in ids]),
        },
    )


def test_there_and_back(tmp_path: Path, database_url: str) -> None:
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False, fields=FIELDS)
    write(stored, table, 0)
    stored.service.checkpoint()
    write(stored, table, 50)
    stored.abandon()
    run("backup", "create", tmp_path / "backups", "--data", tmp_path / "data")
    url = database_url
    urls = ("--catalogue", url, "--log", url)
    elsewhere = {"catalogue": url, "log": url}
    run("backup", "restore", tmp_path / "backups", tmp_path / "there", *urls)
    assert not (tmp_path / "there" / "log.db").exists()
    assert "everything is what was written" in run("check", tmp_path / "there", *urls)
    served = StoredDirectory(tmp_path / "there", **elsewhere)
    write(served, table, 140)
    served.abandon()
    expected = contents_of(tmp_path / "there", **elsewhere)
    assert expected["t"]["count"] == 240
    run("backup", "create", tmp_path / "backups", "--data", tmp_path / "there", *urls)
    run("backup", "restore", tmp_path / "backups", tmp_path / "back")
    assert contents_of(tmp_path / "back") == expected
    said = run("backup", "restore", tmp_path / "backups", tmp_path / "no", *urls, status=1)
    assert "already" in said
    assert not (tmp_path / "no").exists()
    with pytest.raises(Conflict):
        load_catalogue(dump_catalogue(settings_of(tmp_path / "back").catalogue_database), url)
