"""What is asked of a cluster: to run owners by name, and to carry calls to them.

`ray_cluster.RayCluster` is the one that is deployed. Who owns what a cluster need not know: it may
lose an owner, run it twice or run it late, and the log sorts out which of them counts.
"""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from bitbrook.compute.requests import Refusal
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)


class Unreachable(Exception):
    """An owner is not there at this moment; the text says why.

    `is_silent`: it is there, as far as the cluster knows, and says nothing.
    """

    def __init__(self, reason: str, *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.is_silent = is_silent


class Cluster(Protocol):
    """Owners, in processes of their own."""

    def reserve(self, group: str, count: int, size_bytes: int, *, timeout_s: float) -> None:
        """Reserve so many bundles of memory, spread over nodes; nothing happens if they are there.

        Raises:
            QuotaExceeded: the cluster has not that much; nothing is reserved.
        """
        ...

    def give_back(self, group: str) -> None:
        """Give back what was reserved, and end what runs there."""
        ...

    def start(self, name: str, group: str, slot: int) -> None:
        """Start an owner in a bundle; nothing happens if it is there already."""
        ...

    def kill(self, name: str) -> None:
        """End an owner for good."""
        ...

    def begin(self, name: str, method: str, *arguments: Any) -> Any:
        """Call a method of an owner; return what `wait` and `outcome` take.

        Raises:
            Unreachable: it is not there at this moment.
        """
        ...

    def wait(self, begun: Collection[Any], timeout_s: float) -> list[Any]:
        """Return those of the calls that are done; as soon as all are, or the time is over."""
        ...

    def outcome(self, name: str, done: Any) -> Any:
        """Return what a call that is done gave.

        Raises:
            Unreachable: the owner died meanwhile, or could not be reached.
        """
        ...

    def close(self) -> None:
        """Leave the cluster; owners go on."""
        ...


def call(cluster: Cluster, name: str, method: str, *arguments: Any, timeout_s: float) -> Any:
    """Return what a method of an owner gives.

    Raises:
        Unreachable: it did not answer in time.
    """
    begun = cluster.begin(name, method, *arguments)
    if not cluster.wait([begun], timeout_s):
        raise Unreachable(f"owner {name} did not answer within {timeout_s:g} s", is_silent=True)
    return cluster.outcome(name, begun)


def call_all(
    cluster: Cluster, names: Sequence[str], method: str, *arguments: Any, timeout_s: float
) -> dict[str, Any]:
    """Return what each of these owners gives, of those that answer in time and do not refuse."""
    begun: dict[Any, str] = {}
    for name in names:
        try:
            begun[cluster.begin(name, method, *arguments)] = name
        except Unreachable as error:
            LOGGER.info("an owner was not told", owner=name, reason=str(error))
    answers = {}
    for done in cluster.wait(begun, timeout_s) if begun else ():
        name = begun[done]
        try:
            answer = cluster.outcome(name, done)
        except Unreachable as error:
            LOGGER.info("an owner was not told", owner=name, reason=str(error))
            continue
        if isinstance(answer, Refusal):
            LOGGER.info("an owner refused", owner=name, reason=str(answer.error))
        else:
            answers[name] = answer
    return answers
