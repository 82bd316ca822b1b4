"""The `bitbrook` command and its verbs."""

from importlib.metadata import version as package_version

import typer

from bitbrook.cli.backup import app as backup
from bitbrook.cli.check import check
from bitbrook.cli.endpoint import app as endpoint
from bitbrook.cli.kafka import kafka
from bitbrook.cli.keys import app as keys
from bitbrook.cli.load import load
from bitbrook.cli.migrate import migrate
from bitbrook.cli.quickstart import quickstart
from bitbrook.cli.serve import serve
from bitbrook.cli.top import top

app = typer.Typer(
    name="bitbrook",
    help="Streaming analytics: POST JSON records, query them milliseconds later.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def version() -> None:
    """Print the version."""
    print(f"bitbrook {package_version('bitbrook')}")


app.command()(serve)
app.command()(quickstart)
app.command()(load)
app.command()(kafka)
app.command()(check)
app.command()(migrate)
app.command()(top)
app.add_typer(backup)
app.add_typer(endpoint)
app.add_typer(keys)
app.command()(version)

if __name__ == "__main__":
    app()
