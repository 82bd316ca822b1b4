"""`bitbrook migrate`: what a server has stored, to other stores, such as those of many machines."""

from pathlib import Path
from typing import Annotated

import typer

from bitbrook.cli.directory_options import (
    CatalogueUrl,
    ConfigFile,
    LogUrl,
    StorageUrl,
    settings_for,
)
from bitbrook.cli.failing import fail
from bitbrook.errors import BitbrookError, InvalidValue
from bitbrook.settings import Settings, load_settings


def migrate(
    *,
    data: Annotated[Path | None, typer.Option(help="data directory to move from")] = None,
    config: ConfigFile = None,
    catalogue: CatalogueUrl = None,
    log: LogUrl = None,
    storage: StorageUrl = None,
    to_data: Annotated[
        Path | None,
        typer.Option(help="data directory to move to; by default the one to move from"),
    ] = None,
    to_catalogue: Annotated[
        str | None, typer.Option(help="database of the catalogue; by default in the directory")
    ] = None,
    to_log: Annotated[
        str | None,
        typer.Option(help="database of the log; by default the catalogue's if it is PostgreSQL's"),
    ] = None,
    to_storage: Annotated[
        str | None, typer.Option(help="where snapshots shall lie; by default in the directory")
    ] = None,
) -> None:
    """Copy all that a stopped server has stored to other stores, and prove that it is there.

    What to move from is told like the settings of the server (flags, environment, file), what to
    move to by the flags --to-... alone. Nothing is removed. An interrupted move can be begun again.
    """
    source = settings_for(data, config, catalogue=catalogue, log=log, storage=storage)
    flags = {
        "data": to_data or source.data,
        "catalogue": to_catalogue,
        "log": to_log,
        "storage": to_storage,
    }
    try:
        target = load_settings(None, {}, flags)
    except InvalidValue as error:
        fail("\n".join(error.details) or error.message, exit_code=2)
    # Imported here because the engine takes long, which `--help` need not wait for.
    from bitbrook.backup.migrate import migrate_stores  # noqa: PLC0415

    try:
        moved = migrate_stores(source, target, lambda line: print(line, flush=True))
    except InvalidValue as error:
        fail(error.message, exit_code=2)
    except BitbrookError as error:
        fail(error.message)
    print(
        f"moved {len(moved.tables)} tables: {moved.blocks:,} blocks, {moved.batches:,} batches, "
        f"{moved.catalogue_rows:,} rows of the catalogue"
    )
    print(f"start servers with {_flags(target)}; what was moved is still where it was, too")


def _flags(settings: Settings) -> str:
    """Return the flags that name these stores, passwords left out."""
    shown = settings.shown()
    named = ("data", "catalogue", "log", "storage")
    return " ".join(f"--{name} {shown[name]}" for name in named if shown[name] is not None)
