"""`bitbrook keys`: the keys that tokens are signed with.

The change is made in the catalogue, beside a server that may be running; that one is told to look.
"""

import fcntl
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from bitbrook.cli.directory_options import CatalogueUrl, ConfigFile, settings_for
from bitbrook.cli.failing import fail
from bitbrook.errors import BitbrookError
from bitbrook.settings import Settings

app = typer.Typer(name="keys", help="The keys that tokens are signed with.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that tokens are signed with."""


@app.command()
def rotate(
    directory: Annotated[
        Path | None, typer.Argument(help="the data directory; by default the server's")
    ] = None,
    *,
    config: ConfigFile = None,
    catalogue: CatalogueUrl = None,
    revoke: Annotated[
        bool,
        typer.Option(
            "--revoke",
            help="refuse every token signed so far; sessions go on by their refresh tokens",
        ),
    ] = False,
) -> None:
    """Sign with a new key from now on; the old one checks its tokens until they expire."""
    settings = settings_for(directory, config, catalogue=catalogue)
    if settings.catalogue is None and not settings.data.is_dir():
        fail(f"{settings.data}: there is no such directory; name a data directory", exit_code=2)
    # Imported here because it takes long, which `--help` need not wait for.
    from bitbrook.clock import SYSTEM_CLOCK  # noqa: PLC0415
    from bitbrook.control.signing_keys import rotate_keys  # noqa: PLC0415
    from bitbrook.stores.catalogue import Catalogue  # noqa: PLC0415

    try:
        opened = Catalogue.open(settings.catalogue_database)
        try:
            key = rotate_keys(
                opened,
                SYSTEM_CLOCK.now_s(),
                token_ttl_s=settings.token_ttl_s,
                revokes=revoke,
            )
        finally:
            opened.close()
    except BitbrookError as error:
        fail(error.message)
    before = "no other is good" if revoke else "the one before is good until its tokens expire"
    print(f"tokens are signed with key {key.id} now; {before}")
    process = _server_process(settings)
    if process is None:
        print("no server runs on this directory; its next start takes the key")
    else:
        os.kill(process, signal.SIGHUP)
        print(f"the server (process {process}) was told to take it")


def _server_process(settings: Settings) -> int | None:
    """Return the process that holds the lock of a data directory, if one does."""
    try:
        with (settings.data / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read(32))
    except (OSError, ValueError):
        pass
    return None
