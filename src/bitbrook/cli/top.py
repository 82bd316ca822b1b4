"""`bitbrook top`: what a server is doing, live, from its metrics."""

import os
from typing import Annotated

import typer

from bitbrook.cli.failing import fail
from bitbrook.cli.http_calls import DEFAULT_URL


def top(
    *,
    url: Annotated[str, typer.Option(help="the server", envvar="BITBROOK_URL")] = DEFAULT_URL,
    every: Annotated[float, typer.Option(min=0.2, help="seconds from look to look")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="look twice, print, and stop")] = False,
) -> None:
    """Watch what a server is doing; Ctrl-C ends it.

    Deployments, tables and sources are among what is shown if BITBROOK_METRICS_TOKEN is the
    server's.
    """
    # Imported here because the reader takes a while, which `--help` need not wait for.
    from bitbrook.cli.top_view import LookFailed, watch  # noqa: PLC0415

    try:
        watch(url, os.environ.get("BITBROOK_METRICS_TOKEN"), every_s=every, is_once=once)
    except LookFailed as error:
        fail(str(error))
    except KeyboardInterrupt:
        return
