"""What is restored is what was backed up, to the batch that was asked for, parted as asked for.

Tables of every type of field, with integer and text ids, are written, changed and partly deleted;
then everything they answer is compared before and after. Positions are tried one by one over the
whole range that a backup claims, and those beyond it must be refused. Restores that cannot end well
must leave nothing behind.
"""

import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from bitbrook.backup.create import create_backup
from bitbrook.backup.objects import open_objects
from bitbrook.backup.repository import Backup, Repository
from bitbrook.backup.restore import restore_backup
from bitbrook.control.live_source import Terms
from bitbrook.errors import Conflict, Damaged, InvalidValue
from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.sources.schema import SourceSchema
from bitbrook.stores.log import Note
from command import run
from stored_directory import (
    FIELDS,
    StoredDirectory,
    contents_of,
    records_of,
    settings_of,
)

NUMBER = (FieldSchema("number", FieldType.INT),)


def written(directory: Path) -> None:
    """Two tables with everything in them, of which the log has the last batches."""
    stored = StoredDirectory(directory)
    for name, is_keyed in (("by_number", False), ("by_key", True)):
        table = stored.create_table(name, is_keyed=is_keyed)
        for number in range(6):
            if number == 3:
                stored.service.checkpoint()
            stored.write(table, records_of(number, 700, is_keyed=is_keyed))
        ids = records_of(2, 700, is_keyed=is_keyed)["_id"]
        stored.delete(table, ids.slice(0, 300))
    stored.abandon()


def backed_up(directory: Path, place: Path) -> tuple[Repository, Backup]:
    repository = Repository(open_objects(str(place)))
    return repository, create_backup(settings_of(directory), repository)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original") / "data"
    written(directory)
    return directory


@pytest.fixture(scope="module")
def expected(original: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    copy = tmp_path_factory.mktemp("copy") / "data"
    shutil.copytree(original, copy)
    return contents_of(copy)


@pytest.mark.parametrize("partition_count", [None, 1, 3])
def test_everything_comes_back(
    original: Path, expected: object, tmp_path: Path, partition_count: int | None
) -> None:
    repository, backup = backed_up(original, tmp_path / "backups")
    settings = settings_of(tmp_path / "restored")
    tables = restore_backup(repository, backup, settings, partition_count=partition_count)
    assert {table.partition_count for table in tables} == {partition_count or 1}
    assert contents_of(settings.data) == expected
    assert "everything is what was written" in run("check", settings.data)


def test_partitions_can_be_joined_again(original: Path, expected: object, tmp_path: Path) -> None:
    repository, backup = backed_up(original, tmp_path / "backups")
    parted = settings_of(tmp_path / "parted")
    restore_backup(repository, backup, parted, partition_count=5)
    _, again = backed_up(parted.data, tmp_path / "backups")
    joined = settings_of(tmp_path / "joined")
    restore_backup(repository, again, joined, partition_count=2)
    assert contents_of(joined.data) == expected


def test_views_that_outlived_finer_ones_are_kept(tmp_path: Path) -> None:
    """Of a field with a time to live, the year is there when its hours have gone."""
    fields = (
        FieldSchema("seen", FieldType.TIME, is_keyed=True, quantum="YMDH", ttl_s=3_600),
        *NUMBER,
    )
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False, fields=fields)
    this_year_s = int(stored.service.tables._clock.now_s()) // 86_400 * 86_400 - 40 * 86_400
    stored.write(
        table,
        {
            "_id": pa.array([1, 2, 3], pa.uint64()),
            "seen": pa.array([["a"], ["a"], ["b"]]),
            "seen@time": pa.array([this_year_s, this_year_s + 7_200, this_year_s], pa.int64()),
            "number": pa.array([1, 2, 3]),
        },
    )
    engine_table = stored.service._compute._tables[table]
    engine_table.expire_views(stored.service.tables._clock.now_s())

    def views(opened: StoredDirectory) -> dict[str, dict[str, int]]:
        held: dict[str, dict[str, int]] = {}
        for partition in opened.service._compute._tables[table]._partitions:
            rows_of = partition.dictionaries[1].rows_at
            for shard in partition.shards.values():
                for name, rows in shard.fields[1].views.items():
                    codes, counts = rows.counts()
                    for row, count in zip(rows_of(codes).tolist(), counts.tolist(), strict=True):
                        held.setdefault(name, {})
                        held[name][row] = held[name].get(row, 0) + count
        return held

    before = views(stored)
    assert before, "the year's view is alive"
    assert all(len(name) < 10 for name in before), "the hours' views have gone"
    stored.close()
    repository, backup = backed_up(tmp_path / "data", tmp_path / "backups")
    restore_backup(repository, backup, settings_of(tmp_path / "parted"), partition_count=2)
    parted = StoredDirectory(tmp_path / "parted")
    assert views(parted) == before
    parted.close()


def test_every_position_of_the_range_can_be_had(tmp_path: Path) -> None:
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False, fields=NUMBER)
    other = stored.create_table("other", is_keyed=False, fields=NUMBER)
    for number in range(1, 13):
        if number == 5:
            stored.service.checkpoint()
        records = {"_id": pa.array([number, 99], pa.uint64()), "number": pa.array([number] * 2)}
        stored.write(table, records)
        stored.write(other, records)
    stored.abandon()
    repository, backup = backed_up(tmp_path / "data", tmp_path / "backups")
    partition = f"{table}.0"
    assert [(each.earliest, each.latest) for each in backup.partitions] == [(4, 12)] * 2
    for position in range(4, 13):
        settings = settings_of(tmp_path / f"at{position}")
        restore_backup(repository, backup, settings, positions={partition: position})
        found = contents_of(settings.data)
        assert found["t"]["records"].keys() == {*range(1, position + 1), 99}
        assert found["t"]["records"][99]["number"] == position
        assert found["other"]["count"] == 13
    for position in (0, 3, 13):
        with pytest.raises(InvalidValue, match="as of batch 4 to 12"):
            restore_backup(
                repository, backup, settings_of(tmp_path / "no"), positions={partition: position}
            )
    with pytest.raises(InvalidValue, match=r"no partition 'x\.0'"):
        restore_backup(repository, backup, settings_of(tmp_path / "no"), positions={"x.0": 4})
    assert not (tmp_path / "no").exists()


def test_keys_of_requests_go_with_their_batches(tmp_path: Path) -> None:
    """An earlier position forgets them, so that a request that comes again is applied again."""
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False, fields=NUMBER)
    (deployment,) = stored.service.deployments.list(stored.caller)
    schema = {
        "id_field": "id",
        "definition": [
            {"name": "id", "path": ["id"], "type": "id"},
            {"name": "number", "path": ["number"], "type": "int"},
        ],
    }
    source = stored.service.sources.create(
        stored.caller, "s", deployment.id, "t", msgspec.convert(schema, SourceSchema)
    )
    stored.service.lifecycle.settle()
    for number in (1, 2):
        body = b'{"records": [{"value": {"id": %d, "number": %d}}]}' % (number, number)
        stored.service.sources.begin_ingest(
            stored.caller,
            source.id,
            body,
            Terms(idempotency_key=f"key {number}"),
        ).durable.result()
    source_id = source.id
    stored.abandon()
    repository, backup = backed_up(tmp_path / "data", tmp_path / "backups")

    def keys_after(place: str, position: int) -> list[str]:
        settings = settings_of(tmp_path / place)
        restore_backup(repository, backup, settings, positions={f"{table}.0": position})
        restored = StoredDirectory(settings.data)
        notes: list[Note] = restored.service._compute.notes(source_id, now_s=0)
        restored.close()
        return [note.key for note in notes]

    assert keys_after("whole", 2) == ["key 1", "key 2"]
    assert keys_after("earlier", 1) == []


def test_a_place_with_something_in_it_is_left_alone(original: Path, tmp_path: Path) -> None:
    repository, backup = backed_up(original, tmp_path / "backups")
    there = tmp_path / "there"
    there.mkdir()
    (there / "file").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        restore_backup(repository, backup, settings_of(there))
    assert (there / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups", "there"]


def test_a_damaged_content_leaves_nothing(original: Path, tmp_path: Path) -> None:
    repository, backup = backed_up(original, tmp_path / "backups")
    largest = max((each for _, each in backup.contents), key=lambda each: each.size_bytes)
    path = tmp_path / "backups" / "contents" / largest.sha256[:2] / largest.sha256
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    with pytest.raises(Damaged, match="is not what was written"):
        restore_backup(repository, backup, settings_of(tmp_path / "restored"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups"]
    said = run("backup", "verify", tmp_path / "backups", status=1)
    assert "DAMAGED" in said
    assert largest.sha256 in said


def test_fields_cover_every_type() -> None:
    assert {field.type for field in FIELDS} == set(FieldType)
