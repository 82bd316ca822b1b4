"""`bitbrook backup`: create, list, verify, restore and prune backups of a data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bitbrook.cli.directory_options import (
    CatalogueUrl,
    ConfigFile,
    LogUrl,
    StorageUrl,
    settings_for,
)
from bitbrook.cli.failing import fail
from bitbrook.errors import BitbrookError

if TYPE_CHECKING:
    from bitbrook.backup.repository import Repository

app = typer.Typer(
    name="backup", help="Back up a data directory, while it is served or not.", no_args_is_help=True
)

Place = Annotated[
    str, typer.Argument(metavar="REPOSITORY", help="directory or URL (s3://bucket/path) of backups")
]
BackupId = Annotated[str | None, typer.Option("--backup", help="its id; by default the newest")]
Data = Annotated[Path | None, typer.Option(help="the data directory; by default the server's")]


@app.command()
def create(
    repository: Place,
    *,
    data: Data = None,
    config: ConfigFile = None,
    catalogue: CatalogueUrl = None,
    log: LogUrl = None,
    storage: StorageUrl = None,
) -> None:
    """Back up a data directory as it is now; what earlier backups have is not stored again."""
    settings = settings_for(data, config, catalogue=catalogue, log=log, storage=storage)
    with _opened(repository) as opened:
        from bitbrook.backup.create import create_backup  # noqa: PLC0415

        backup = create_backup(settings, opened)
    print(
        f"created backup {backup.id} of {len(backup.tables)} tables: {backup.size_bytes:,} bytes, "
        f"{backup.new_bytes:,} of them new"
    )


@app.command("list")
def list_backups(
    repository: Place,
    *,
    backup: BackupId = None,
    positions: Annotated[
        bool, typer.Option("--positions", help="show which batches can be restored to")
    ] = False,
) -> None:
    """List backups, oldest first."""
    with _opened(repository) as opened:
        for backup_id in opened.backup_ids() if backup is None else [backup]:
            found = opened.backup(backup_id)
            print(
                f"{found.id}  {found.created_at}  {len(found.tables)} tables  "
                f"{found.size_bytes:,} bytes  {found.new_bytes:,} new  bitbrook {found.bitbrook}"
            )
            if positions:
                for table in found.tables:
                    for each in table.partitions:
                        print(
                            f"  {table.deployment}/{table.name}  {each.name}  "
                            f"batches {each.earliest} to {each.latest}"
                        )


@app.command()
def verify(
    repository: Place,
    *,
    backup: BackupId = None,
    every: Annotated[bool, typer.Option("--all", help="verify every backup")] = False,
) -> None:
    """Read everything of a backup and compare it with what was written.

    Exits with 0 if all is sound, else with 1.
    """
    is_sound = True
    with _opened(repository) as opened:
        from bitbrook.backup.verify import verify_backup  # noqa: PLC0415

        for backup_id in opened.backup_ids() if every else [backup]:
            found = opened.backup(backup_id)
            faults = list(verify_backup(opened, found))
            is_sound &= not faults
            print(f"{found.id}: {'DAMAGED' if faults else 'sound'}, {found.size_bytes:,} bytes")
            for fault in faults:
                print(f"  {fault}")
    if not is_sound:
        raise typer.Exit(1)


@app.command()
def restore(
    repository: Place,
    data: Annotated[Path, typer.Argument(help="the new data directory")],
    *,
    backup: BackupId = None,
    position: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARTITION=BATCH",
            help="last batch to restore of a partition; `list --positions` shows the choice",
        ),
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(help="part every table into so many partitions")
    ] = None,
    config: ConfigFile = None,
    catalogue: CatalogueUrl = None,
    log: LogUrl = None,
    storage: StorageUrl = None,
) -> None:
    """Make a new data directory from a backup."""
    settings = settings_for(data, config, catalogue=catalogue, log=log, storage=storage)
    positions = _positions(position or [])
    with _opened(repository) as opened:
        from bitbrook.backup.restore import restore_backup  # noqa: PLC0415

        found = opened.backup(backup)
        tables = restore_backup(
            opened, found, settings, positions=positions, partition_count=partitions
        )
    print(f"restored backup {found.id} to {settings.data}")
    for table in tables:
        print(
            f"  {table.deployment}/{table.name}: {table.record_count:,} records in "
            f"{table.partition_count} partition{'' if table.partition_count == 1 else 's'}"
        )


@app.command()
def prune(
    repository: Place,
    *,
    keep: Annotated[int, typer.Option(min=1, help="how many of the newest backups stay")],
) -> None:
    """Forget all backups but the newest, and what only they had."""
    with _opened(repository) as opened:
        from bitbrook.backup.verify import prune_backups  # noqa: PLC0415

        pruned = prune_backups(opened, keep=keep)
    print(f"forgot {len(pruned.backup_ids)} backups and {pruned.contents} contents")


@contextmanager
def _opened(place: str) -> Iterator["Repository"]:
    """Give the repository at a place; what goes wrong inside is told, with exit code 1."""
    # Imported here because the engine takes long, which `--help` need not wait for.
    from bitbrook.backup.objects import open_objects  # noqa: PLC0415
    from bitbrook.backup.repository import Repository  # noqa: PLC0415

    try:
        yield Repository(open_objects(place))
    except BitbrookError as error:
        fail(error.message)


def _positions(given: list[str]) -> dict[str, int]:
    positions = {}
    for text in given:
        name, _, number = text.partition("=")
        if not name or not number.isdigit():
            fail(f"--position {text!r} cannot be; give PARTITION=BATCH", exit_code=2)
        positions[name] = int(number)
    return positions
