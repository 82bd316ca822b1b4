"""Endpoints, for threads: statements that are published under a name and called with parameters."""

import builtins
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from bitbrook.client import _endpoint_operations as operations
from bitbrook.client._endpoint_models import Endpoint, EndpointParameter
from bitbrook.client._link import Link
from bitbrook.client._models import DeploymentModel
from bitbrook.client._names import id_of
from bitbrook.client._result import Result


class Endpoints:
    """The organisation's endpoints. An endpoint is given as a struct or by its name."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def publish(
        self,
        name: str,
        statement: str,
        deployment: DeploymentModel | str | None = None,
        *,
        language: Literal["sql", "pql"] = "sql",
        parameters: Iterable[EndpointParameter | Mapping[str, Any]] = (),
        description: str = "",
        requests_per_s: int | None = None,
        tag: str | None = None,
    ) -> Endpoint:
        """Return an endpoint: new, or with another version if there is one of this name.

        `deployment`: needed if it is new. `tag`: a word that means this version from now on;
        `live` is what a call gets which names none. `description` and `requests_per_s`: of a new
        one; `change` changes them.
        """
        flow = operations.publish_endpoint(
            name,
            statement,
            deployment_id=None if deployment is None else id_of(deployment),
            language=language,
            parameters=parameters,
            description=description,
            requests_per_s=requests_per_s,
            tag=tag,
            retries=self._link.retries,
        )
        return self._link.run(flow)

    def list(self) -> builtins.list[Endpoint]:
        """Return all that the caller may see, by name."""
        return self._link.run(operations.list_endpoints(self._link.retries))

    def get(self, name: str) -> Endpoint:
        """Return one.

        Raises:
            NotFound: there is none.
        """
        return self._link.run(operations.get_endpoint(name, self._link.retries))

    def change(
        self,
        endpoint: Endpoint | str,
        *,
        description: str | None = None,
        requests_per_s: int | None = None,
    ) -> Endpoint:
        """Return one, changed in what is given."""
        given = {"description": description, "requests_per_s": requests_per_s}
        change = {name: value for name, value in given.items() if value is not None}
        flow = operations.change_endpoint(_name_of(endpoint), change, self._link.retries)
        return self._link.run(flow)

    def tag(self, endpoint: Endpoint | str, tag: str, version: int) -> Endpoint:
        """Return one a version of which a tag means from now on."""
        flow = operations.tag_endpoint(_name_of(endpoint), tag, version, self._link.retries)
        return self._link.run(flow)

    def untag(self, endpoint: Endpoint | str, tag: str) -> None:
        """Have a tag mean nothing any more."""
        flow = operations.untag_endpoint(_name_of(endpoint), tag, self._link.retries)
        self._link.run(flow)

    def delete(self, endpoint: Endpoint | str) -> None:
        """Delete one with all its versions."""
        flow = operations.delete_endpoint(_name_of(endpoint), self._link.retries)
        self._link.run(flow)

    def call(
        self,
        endpoint: Endpoint | str,
        parameters: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
        tag: str | None = None,
        format: Literal["json", "arrow"] = "json",  # noqa: A002 - the word people look for
    ) -> Result:
        """Return the rows that an endpoint of SQL answers. None of a parameter leaves it out.

        Raises:
            InvalidValue: a parameter is missing, unknown or cannot be.
            QuotaExceeded: it is called too often.
        """
        flow = operations.call_endpoint(
            _name_of(endpoint),
            parameters or {},
            version=version,
            tag=tag,
            form=format,
            retries=self._link.retries,
        )
        return self._link.run(flow)

    def call_pql(
        self,
        endpoint: Endpoint | str,
        parameters: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
        tag: str | None = None,
    ) -> builtins.list[Any]:
        """Return what an endpoint of PQL answers: one answer for each call of its statement."""
        flow = operations.call_pql_endpoint(
            _name_of(endpoint),
            parameters or {},
            version=version,
            tag=tag,
            retries=self._link.retries,
        )
        return self._link.run(flow)

    def openapi(self, endpoint: Endpoint | str | None = None) -> dict[str, Any]:
        """Return the OpenAPI document of one, or of all that the caller may call."""
        name = None if endpoint is None else _name_of(endpoint)
        return self._link.run(operations.describe_endpoints(name, self._link.retries))


def _name_of(endpoint: Endpoint | str) -> str:
    return endpoint if isinstance(endpoint, str) else endpoint.name
