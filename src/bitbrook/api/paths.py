"""Paths and words of the two versions of the API.

Every path stands under /v1 and /v2. What /v1 calls a deployment, /v2 calls a database; a path that
says `deployments` is answered in the words of /v1 under either.
"""

import enum
from typing import Any, TypeAlias

from litestar import Request

from bitbrook.settings import Settings

AnyRequest: TypeAlias = Request[Any, Any, Any]


class Words(enum.Enum):
    """Which names an answer uses."""

    EARLIER = "v1"
    LATER = "v2"

    @property
    def deployment_id(self) -> str:
        """The key of a deployment's id."""
        return "deployment_id" if self is Words.EARLIER else "database_id"

    @property
    def deployment_options(self) -> str:
        """The key of a deployment's options."""
        return "deployment_options" if self is Words.EARLIER else "database_options"

    @property
    def deployments(self) -> str:
        """The key of a list of deployments."""
        return "deployments" if self is Words.EARLIER else "databases"


def versioned(path: str) -> list[str]:
    """Return a path under both versions; in /v2 also by its later name."""
    paths = [f"/v1{path}", f"/v2{path}"]
    if "deployment" in path.partition("{")[0]:
        paths.append("/v2" + path.replace("/deployment", "/database", 1))
    return paths


def words_of(path: str) -> Words:
    """Return the words in which a request to this path is answered."""
    is_later = path.startswith("/v2/") and not path.startswith("/v2/deployments")
    return Words.LATER if is_later else Words.EARLIER


def base_url(request: AnyRequest, settings: Settings) -> str:
    """Return where the caller reaches the server, without a slash at the end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    return str(request.base_url).rstrip("/")
