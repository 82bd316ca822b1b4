"""A repository keeps what is new, once, and forgets what nobody needs; a URL is as good as a path.

Backups follow each other while tables change a little; what they store is counted. A backup by a
later release, one that was cut short and one whose list was changed are tried.
"""

import hashlib
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from bitbrook.backup.create import create_backup
from bitbrook.backup.objects import open_objects
from bitbrook.backup.repository import Repository
from bitbrook.backup.restore import restore_backup
from bitbrook.backup.verify import prune_backups, verify_backup
from bitbrook.clock import Clock
from bitbrook.errors import Conflict, Damaged, NotFound
from bitbrook.schema.field_types import FieldSchema, FieldType
from command import run
from stored_directory import StoredDirectory, contents_of, settings_of

FIELDS = (FieldSchema("number", FieldType.INT),)
SHARD = 1 << 20


def write(stored: StoredDirectory, table: str, shard: int, number: int) -> None:
    ids = pa.array([shard * SHARD + at for at in range(0, 200_000, 7)], pa.uint64())
    stored.write(table, {"_id": ids, "number": pa.array([number + at for at in range(len(ids))])})


@pytest.mark.parametrize("kind", ["path", "url"])
def test_only_what_is_new_is_stored(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "backups"
    repository = Repository(open_objects(str(place) if kind == "path" else f"file://{place}"))
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False, fields=FIELDS)
    for shard in range(4):
        write(stored, table, shard, 1)
    stored.service.checkpoint()
    settings = settings_of(tmp_path / "data")
    first = create_backup(settings, repository)
    assert first.new_bytes == first.size_bytes > 100_000
    # Beside the directory's owner, and of nothing but the catalogue, which did not change either.
    assert create_backup(settings, repository).new_bytes == 0
    write(stored, table, 2, 5)
    in_log = create_backup(settings, repository)
    assert 0 < in_log.new_bytes < first.size_bytes
    stored.service.checkpoint()
    changed = create_backup(settings, repository)
    assert changed.new_bytes < first.size_bytes / 3
    stored.close()
    assert [list(verify_backup(repository, each)) for each in (first, in_log, changed)] == [[]] * 3
    assert len(repository.backup_ids()) == 4

    pruned = prune_backups(repository, keep=1)
    assert len(pruned.backup_ids) == 3
    assert repository.backup_ids() == [changed.id]
    assert repository.content_names() == {each.sha256 for _, each in changed.contents}
    restore_backup(repository, repository.backup(), settings_of(tmp_path / "restored"))
    assert contents_of(tmp_path / "restored") == contents_of(tmp_path / "data")


def test_what_cannot_be_a_backup_is_refused_by_name(tmp_path: Path) -> None:
    StoredDirectory(tmp_path / "data").close()
    repository = Repository(open_objects(str(tmp_path / "backups")))
    with pytest.raises(NotFound, match="holds no backups"):
        repository.backup()
    backup = create_backup(settings_of(tmp_path / "data"), repository)
    with pytest.raises(NotFound, match="no backup 'yesterday'"):
        repository.backup("yesterday")
    path = tmp_path / "backups" / "backups" / backup.id
    written = path.read_bytes()
    path.write_bytes(written[:-5])
    with pytest.raises(Damaged, match="does not match its checksum"):
        repository.backup()
    later = msgspec.json.encode(
        {**msgspec.json.decode(written.split(b"\n", 1)[1]), "format_version": 99}
    )
    path.write_bytes(hashlib.sha256(later).hexdigest().encode() + b"\n" + later)
    with pytest.raises(Damaged, match="has format 99 and this release knows 1"):
        repository.backup()
    said = run("backup", "list", tmp_path / "backups", status=1)
    assert "use the release that wrote it" in said


def test_the_newest_is_the_last_whatever_the_clock_says(tmp_path: Path) -> None:
    class SetBack(Clock):
        def now_s(self) -> float:
            return 1_000_000_000.0

    StoredDirectory(tmp_path / "data").close()
    repository = Repository(open_objects(str(tmp_path / "backups")))
    settings = settings_of(tmp_path / "data")
    made = [create_backup(settings, repository)]
    made += [create_backup(settings, repository, clock=SetBack()) for _ in range(3)]
    assert repository.backup_ids() == [backup.id for backup in made]
    assert repository.backup().id == made[-1].id


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    StoredDirectory(tmp_path / "data").close()
    place = str(tmp_path / "backups")
    with (
        open_objects(place).changing(),
        pytest.raises(Conflict, match="another backup is being written"),
    ):
        create_backup(settings_of(tmp_path / "data"), Repository(open_objects(place)))


def test_an_interrupted_backup_leaves_the_directory_as_it_was(tmp_path: Path) -> None:
    """The links of a process that died go with the next look, and block nothing meanwhile."""
    stored = StoredDirectory(tmp_path / "data")
    table = stored.create_table("t", is_keyed=False, fields=FIELDS)
    write(stored, table, 0, 1)
    stored.close()
    abandoned = tmp_path / "data" / "pins" / "abandoned" / f"{table}.0"
    abandoned.mkdir(parents=True)
    (abandoned / "shard-0-00000000").write_bytes(b"kept from going")
    assert "everything is what was written" in run("check", tmp_path / "data")
    assert list((tmp_path / "data" / "pins").iterdir()) == []
