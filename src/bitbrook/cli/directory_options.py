"""Which stores a verb is about: the settings of a server, a few of them as flags."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bitbrook.cli.failing import fail
from bitbrook.errors import InvalidValue
from bitbrook.settings import Settings, load_settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="BITBROOK_CONFIG", help="TOML file of the server's settings"),
]
CatalogueUrl = Annotated[
    str | None,
    typer.Option("--catalogue", help="database of the catalogue, if it is not in the directory"),
]
LogUrl = Annotated[
    str | None, typer.Option("--log", help="database of the log, if it is not in the directory")
]
StorageUrl = Annotated[
    str | None,
    typer.Option("--storage", help="where the snapshots lie, if they are not in the directory"),
]


def settings_for(
    data: Path | None,
    config: Path | None,
    *,
    catalogue: str | None = None,
    log: str | None = None,
    storage: str | None = None,
) -> Settings:
    """Return the settings that these flags, the environment and the file make; else exit with 2."""
    flags = {"data": data, "catalogue": catalogue, "log": log, "storage": storage}
    try:
        return load_settings(config, os.environ, flags)
    except InvalidValue as error:
        fail("\n".join(error.details) or error.message, exit_code=2)
