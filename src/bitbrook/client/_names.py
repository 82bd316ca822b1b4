"""How a thing is named in a call: by a handle, or by its id or name; how long to wait for it."""

from collections.abc import Mapping, Sequence
from os import PathLike

from bitbrook.client._models import DeploymentModel, SourceModel, TableModel

WAIT_S = 60.0
"""How long to wait for a state, unless the caller says otherwise."""


UPLOAD_NAME = "file"
"""What a statement calls the one file that is sent with it."""

Upload = str | PathLike[str] | Mapping[str, str | PathLike[str]]
"""A file to send with a statement, or several by the names that it calls them by."""

Tokens = str | Sequence[str]
"""The tokens of writes that a statement has to see: one, or several."""


def id_of(thing: DeploymentModel | SourceModel | str) -> str:
    """Return the id of a deployment or source."""
    return thing if isinstance(thing, str) else thing.id


def name_of(table: TableModel | str) -> str:
    """Return the name of a table."""
    return table if isinstance(table, str) else table.name
