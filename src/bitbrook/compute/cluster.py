"""What is asked of a cluster: to run owners by name, and to carry calls to them.

`ray_cluster.RayCluster` is the one that is deployed. Who owns what a cluster need not know: it may
lose an owner, run it twice or run it late, and the log sorts out which of them counts.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

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


class Node(NamedTuple):
    """A machine of the cluster. `size_bytes`: of its memory; `free_bytes`: not reserved of it."""

    name: str
    size_bytes: int
    free_bytes: int


class Bundle(NamedTuple):
    """Memory that is reserved for an owner. `node`: "" while no node has it."""

    group: str
    slot: int
    node: str
    size_bytes: int


class Cluster(Protocol):
    """Owners, in processes of their own."""

    def nodes(self) -> list[Node]:
        """Return the nodes that are there."""
        ...

    def bundles(self) -> list[Bundle]:
        """Return what is reserved for owners and replicas of this installation."""
        ...

    def nodes_of(self, group: str) -> dict[int, str]:
        """Return on which node each bundle of a group is, by slot."""
        ...

    def reserve(
        self,
        group: str,
        count: int,
        size_bytes: int,
        *,
        timeout_s: float,
        apart_from: Collection[str] = (),
    ) -> None:
        """Reserve so many bundles of memory, spread over nodes; those that are there stay.

        `apart_from`: groups; each bundle is on another node than those of its slot in these, where
        there is one with room.

        Raises:
            QuotaExceeded: the cluster has not that much; no more is reserved than before.
        """
        ...

    def reserve_at(
        self, group: str, slot: int, node: str, size_bytes: int, *, timeout_s: float
    ) -> None:
        """Reserve one bundle, on this node if it has room, else on another; "" is any.

        Raises:
            QuotaExceeded: as of `reserve`.
        """
        ...

    def give_back(self, group: str, slot: int | None = None) -> None:
        """Give back what was reserved, of all slots or of one, and end what runs there."""
        ...

    def start(self, name: str, group: str, slot: int, *, is_replica: bool = False) -> None:
        """Start an owner, or a replica, in a bundle; nothing happens if it is there already."""
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

    def wait(
        self, begun: Collection[Any], timeout_s: float, *, count: int | None = None
    ) -> list[Any]:
        """Return those of the calls that are done; as soon as all are (or so many)."""
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
