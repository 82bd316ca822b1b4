"""What the SDK does, written once for threads and for asyncio.

Every piece of work is a *flow*: a generator that yields steps (send this, wait so long, show me the
credentials) and is handed what came of them. `_link` carries steps out, blocking or awaiting; a
flow itself never touches a socket, a clock or a lock, and does not know which of the two runs it.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the API, before credentials.

    `is_idempotent`: whether the server may carry it out twice without harm. `files`: by the name
    of their part; with them the body is a form, `form` its other parts, and no `content`.
    `saves_to`: the file that gets the answer, if that is a success.
    """

    method: str
    path: str
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_idempotent: bool = False
    is_authorised: bool = True
    saves_to: Path | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


class Authorisation:
    """Headers that say who calls. One that was refused is told by its identity."""

    __slots__ = ("can_renew", "headers")

    def __init__(self, headers: Mapping[str, str], *, can_renew: bool = False) -> None:
        self.headers = headers
        self.can_renew = can_renew


@dataclass(frozen=True, slots=True)
class Send:
    """Send a call; gives its `httpx.Response`, read to the end, or throws httpx's error."""

    call: Call
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait; gives nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Authorise:
    """Show the credentials; gives an `Authorisation` other than the one that was `refused`."""

    refused: Authorisation | None = None


Step: TypeAlias = Send | Pause | Authorise
Flow: TypeAlias = Generator[Step, Any, T]
