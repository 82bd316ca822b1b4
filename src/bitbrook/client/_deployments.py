"""Deployments, for threads.

A collection (`client.deployments`) works by ids; what it returns is a handle: a frozen struct of
what the server said at that moment, with the operations on that one thing. A handle never changes;
`reload` returns what is there now. Tables and sources are made in the same way. Of these modules
one is made from the other, by `make twins`.
"""

import builtins
from collections.abc import Sequence
from typing import Any, Literal

from bitbrook.client import _operations as operations
from bitbrook.client._link import Link
from bitbrook.client._models import DeploymentModel, Shape
from bitbrook.client._names import WAIT_S, Tokens, Upload, id_of
from bitbrook.client._result import Result
from bitbrook.client._steps import Flow
from bitbrook.client._tables import DeploymentTables, Tables


class Deployment(DeploymentModel, frozen=True, dict=True):
    """A deployment, as it was when it was asked for, and what can be done with it."""

    @property
    def tables(self) -> "DeploymentTables":
        """Its tables."""
        return DeploymentTables(Tables(_link_of(self)), self.id)

    def sql(
        self,
        statement: str,
        parameters: Sequence[object] = (),
        *,
        format: Literal["json", "arrow"] = "json",  # noqa: A002 - the word people look for
        upload: Upload | None = None,
        min_seq: Tokens = "",
    ) -> Result:
        """Return the result of a SQL statement, its `?` marks replaced by parameters.

        `format`: how the answer travels; arrow is the faster one for frames. `upload`: a file for
        `BULK INSERT ... FROM 'file' WITH INPUT 'UPLOAD'`, or several by the names after FROM.
        `min_seq`: tokens of writes that it has to see.

        Raises:
            InvalidStatement: the statement failed; the message says where and why.
            ValueError: marks and parameters do not match, or a parameter has no literal.
        """
        return Deployments(_link_of(self)).sql(
            self, statement, parameters, format=format, upload=upload, min_seq=min_seq
        )

    def pql(self, statement: str, *, min_seq: Tokens = "") -> list[Any]:
        """Return one answer for each call of a PQL statement; `min_seq` as of `sql`."""
        return Deployments(_link_of(self)).pql(self, statement, min_seq=min_seq)

    def wait_until_running(self, timeout_s: float = WAIT_S) -> "Deployment":
        """Return it once it runs."""
        return Deployments(_link_of(self)).wait_until_running(self, timeout_s)

    def wait_until_gone(self, timeout_s: float = WAIT_S) -> None:
        """Return once it is deleted."""
        Deployments(_link_of(self)).wait_until_gone(self, timeout_s)

    def reload(self) -> "Deployment":
        """Return it as it is now."""
        return Deployments(_link_of(self)).get(self.id)

    def delete(self) -> None:
        """Have it deleted; it must have no tables."""
        Deployments(_link_of(self)).delete(self)


class Deployments:
    """The organisation's deployments. A deployment is given as a handle or by its id."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def shapes(self) -> builtins.list[Shape]:
        """Return the shapes on offer, smallest first."""
        return self._link.run(operations.list_shapes(self._link.retries))

    def create(self, name: str, shape: str = "8GB") -> Deployment:
        """Return a new deployment; it is CREATING, `wait_until_running` waits for it."""
        flow = operations.create_deployment(name, shape, Deployment, self._link.retries)
        return self._bound(self._link.run(flow))

    def list(self) -> builtins.list[Deployment]:
        """Return all of them."""
        flow = operations.list_deployments(Deployment, self._link.retries)
        return [self._bound(each) for each in self._link.run(flow)]

    def get(self, deployment_id: str) -> Deployment:
        """Return one by its id.

        Raises:
            NotFound: there is none.
        """
        return self._bound(self._link.run(self._look(deployment_id)))

    def find(self, name: str) -> Deployment | None:
        """Return the one of that name, None if there is none."""
        listed = self.list()
        return next((each for each in listed if each.name == name), None)

    def delete(self, deployment: DeploymentModel | str) -> None:
        """Have one deleted; it must have no tables."""
        self._link.run(operations.delete_deployment(id_of(deployment), self._link.retries))

    def wait_until_running(
        self, deployment: DeploymentModel | str, timeout_s: float = WAIT_S
    ) -> Deployment:
        """Return one once it runs.

        Raises:
            CreationFailed: it never will.
            WaitTimedOut: it does not yet.
        """
        id_ = id_of(deployment)
        flow = operations.wait_until_running(lambda: self._look(id_), timeout_s)
        return self._bound(self._link.run(flow))

    def wait_until_gone(self, deployment: DeploymentModel | str, timeout_s: float = WAIT_S) -> None:
        """Return once one is deleted."""
        id_ = id_of(deployment)
        self._link.run(operations.wait_until_gone(lambda: self._look(id_), timeout_s))

    def sql(
        self,
        deployment: DeploymentModel | str,
        statement: str,
        parameters: Sequence[object] = (),
        *,
        format: Literal["json", "arrow"] = "json",  # noqa: A002 - the word people look for
        upload: Upload | None = None,
        min_seq: Tokens = "",
    ) -> Result:
        """Return the result of a SQL statement, its `?` marks replaced by parameters."""
        flow = operations.run_sql(
            id_of(deployment),
            statement,
            parameters,
            format,
            upload=upload,
            min_seq=min_seq,
            retries=self._link.retries,
        )
        return self._link.run(flow)

    def pql(
        self, deployment: DeploymentModel | str, statement: str, *, min_seq: Tokens = ""
    ) -> builtins.list[Any]:
        """Return one answer for each call of a PQL statement."""
        flow = operations.run_pql(id_of(deployment), statement, self._link.retries, min_seq=min_seq)
        return self._link.run(flow)

    def _look(self, id_: str) -> Flow[Deployment]:
        return operations.get_deployment(id_, Deployment, self._link.retries)

    def _bound(self, deployment: Deployment) -> Deployment:
        deployment.__dict__["link"] = self._link
        return deployment


def _link_of(handle: Deployment) -> Link:
    link: Link = handle.__dict__["link"]
    return link
