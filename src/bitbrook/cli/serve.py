"""`bitbrook serve`: the server, until a signal stops it."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from bitbrook.cli.failing import fail
from bitbrook.cli.options import with_settings
from bitbrook.errors import BitbrookError, InvalidValue
from bitbrook.settings import load_settings
from bitbrook.telemetry.logs import configure_logging

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="BITBROOK_CONFIG", help="TOML file of settings", metavar="FILE"
    ),
]


@with_settings
def serve(config: ConfigFile = None, **flags: Any) -> None:
    """Start the server; SIGTERM or Ctrl-C stops it cleanly."""
    try:
        settings = load_settings(config, os.environ, flags)
    except InvalidValue as error:
        fail("\n".join(error.details) or error.message, exit_code=2)
    configure_logging(settings.log_level, settings.log_format)
    # Imported here because it takes seconds, which `--help` and `version` need not wait for.
    from bitbrook.cli.run_server import run_server  # noqa: PLC0415

    try:
        run_server(settings)
    except BitbrookError as error:
        fail(error.message)
    except OSError as error:
        fail(f"{error.filename or settings.data}: {error.strerror or error}")
