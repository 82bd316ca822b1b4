"""`bitbrook serve`: the server, until a signal stops it."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from bitbrook.api.app import build_app
from bitbrook.api.server import bind, serve_until_stopped
from bitbrook.cli.options import with_settings
from bitbrook.console.serve import PAGES
from bitbrook.control.service import Service
from bitbrook.errors import BitbrookError, InvalidValue
from bitbrook.settings import Settings, load_settings
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
        _fail("\n".join(error.details) or error.message, exit_code=2)
    configure_logging(settings.log_level, settings.log_format)
    try:
        _serve(settings)
    except BitbrookError as error:
        _fail(error.message, exit_code=1)
    except OSError as error:
        _fail(f"{error.filename or settings.data}: {error.strerror or error}", exit_code=1)


def _serve(settings: Settings) -> None:
    with Service.open(settings) as service, bind(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        shown_host = f"[{host}]" if ":" in host else host

        def when_ready() -> None:
            print(f"bitbrook serves http://{shown_host}:{port} on {settings.data.resolve()}")
            if service.first_password is not None:
                print(
                    f"Sign in as {settings.admin_email} with password {service.first_password} "
                    "(shown this once; keep it)"
                )
            print(f"Browse the API at http://{shown_host}:{port}/docs; Ctrl-C stops", flush=True)

        serve_until_stopped(
            build_app(service, PAGES),
            listener,
            drain_timeout_s=settings.drain_timeout_s,
            when_ready=when_ready,
        )
    print("bitbrook has stopped", flush=True)


def _fail(message: str, *, exit_code: int) -> NoReturn:
    print(f"bitbrook: {message}", file=sys.stderr, flush=True)
    raise typer.Exit(exit_code)
