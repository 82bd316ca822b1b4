"""What the API shows of endpoints, as frozen structs."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class EndpointParameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter. `type`: string, int, decimal, bool, timestamp, or list(...) of one of these.

    One with a `default` may be left out; so may one that is not `required`, which then is null.
    """

    name: str
    type: str = "string"
    description: str = ""
    required: bool | UnsetType = UNSET
    default: Any = UNSET
    min: Any = UNSET
    max: Any = UNSET
    enum: list[Any] | UnsetType = UNSET


class EndpointVersion(msgspec.Struct, frozen=True):
    """A version of an endpoint, which never changes."""

    version: int
    language: str
    statement: str
    parameters: tuple[EndpointParameter, ...]
    created_at: datetime
    created_by: str


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint. `tags`: which version each means. `requests_per_s`: of one caller, 0 no limit.

    `called_version`: the one that a call gets which names none.
    """

    id: str
    name: str
    deployment_id: str
    description: str
    requests_per_s: int
    called_version: int
    tags: dict[str, int]
    versions: tuple[EndpointVersion, ...]
    created_at: datetime
    created_by: str

    @property
    def called(self) -> EndpointVersion:
        """The version that a call gets which names none."""
        return next(each for each in self.versions if each.version == self.called_version)
