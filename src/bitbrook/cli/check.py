"""`bitbrook check`: is a data directory what was written?"""

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
from bitbrook.errors import BitbrookError


def check(
    directory: Annotated[
        Path | None, typer.Argument(help="the data directory; by default the server's")
    ] = None,
    *,
    config: ConfigFile = None,
    catalogue: CatalogueUrl = None,
    log: LogUrl = None,
    storage: StorageUrl = None,
) -> None:
    """Read everything in a data directory and say what is not what was written.

    Changes nothing and may run beside the server. Exits with 0 if all is sound, with 1 if something
    is damaged, with 2 if it could not look.
    """
    settings = settings_for(directory, config, catalogue=catalogue, log=log, storage=storage)
    if settings.stores_in_data and not settings.data.is_dir():
        fail(f"{settings.data}: there is no such directory; name a data directory", exit_code=2)
    # Imported here because the engine takes long, which `--help` need not wait for.
    from bitbrook.backup.check import check_directory  # noqa: PLC0415

    try:
        report = check_directory(settings)
    except BitbrookError as error:
        fail(error.message, exit_code=2)
    beside = " (beside the server that uses it)" if report.is_served else ""
    print(f"{settings.data}{beside}")
    for table in report.tables:
        print(
            f"  sound: table {table.name!r}, {table.blocks:,} blocks with {table.block_bytes:,} "
            f"bytes, {table.batches:,} batches in the log"
        )
    for finding in report.findings:
        kind = "DAMAGED" if finding.is_fault else "remark"
        print(f"  {kind}: {finding.place}: {finding.what}\n      {finding.mend}")
    if not report.is_sound:
        raise typer.Exit(1)
    print("everything is what was written")
