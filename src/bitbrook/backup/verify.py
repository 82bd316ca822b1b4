"""Whether backups are what was written, and room made by forgetting old ones."""

from collections.abc import Iterator

import msgspec

from bitbrook.backup.repository import Backup, Repository, StoredPartition
from bitbrook.engine.manifest import decode_manifest
from bitbrook.errors import Damaged


class Pruned(msgspec.Struct, frozen=True):
    """What was forgotten: backups by id, and how many contents went with them."""

    backup_ids: list[str]
    contents: int


def verify_backup(repository: Repository, backup: Backup) -> Iterator[str]:
    """Give what is wrong with a backup, all of whose contents are read; nothing if it is sound."""
    checked: set[str] = set()
    for what, content in backup.contents:
        if content.sha256 in checked:
            continue
        checked.add(content.sha256)
        try:
            for _ in repository.read_content(content, what):
                pass
        except Damaged as error:
            yield error.message
    for partition in backup.partitions:
        yield from _partition_faults(partition)


def prune_backups(repository: Repository, *, keep: int) -> Pruned:
    """Forget all backups but the newest `keep`, and what no other backup has.

    Raises:
        Damaged: a backup that is kept cannot be read; nothing was removed.
        Conflict: a backup is being written to the repository.
    """
    with repository.objects.changing():
        known = repository.backup_ids()
        gone, kept = known[:-keep], known[-keep:]
        needed = {
            content.sha256
            for backup_id in kept
            for _, content in repository.backup(backup_id).contents
        }
        for backup_id in gone:
            repository.remove_backup(backup_id)
        unneeded = repository.content_names() - needed
        for sha256 in sorted(unneeded):
            repository.remove_content(sha256)
    return Pruned(gone, len(unneeded))


def _partition_faults(partition: StoredPartition) -> Iterator[str]:
    """Tell where the parts of a partition do not fit together."""
    last = 0
    if partition.manifest is not None:
        try:
            manifest = decode_manifest(partition.manifest.encode(), partition.name)
        except Damaged as error:
            yield error.message
            return
        last = manifest.sequence
        if manifest.blocks != [each.block for each in partition.blocks]:
            yield f"partition {partition.name} has other blocks than its manifest names"
    for portion in partition.log:
        if portion.first != last + 1:
            yield f"partition {partition.name} lacks batches {last + 1} to {portion.first - 1}"
        last = portion.last
    if last != partition.latest:
        yield f"partition {partition.name} ends with batch {last}, not {partition.latest}"
