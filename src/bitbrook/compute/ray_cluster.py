"""Owners as Ray actors: placed in bundles of memory, found by name, called, started again.

The one module that calls Ray. Ray places an owner, supervises it and starts it again elsewhere when
its node dies; what is true it never decides: an owner that runs twice for a while is sorted out by
the log. Actors and placement groups outlive whoever made them, since servers come and go.
"""

import logging
import threading
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.actor import ActorHandle
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util import (
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.cluster import Bundle, Node, Unreachable
from bitbrook.compute.owner import Owner
from bitbrook.compute.replica import Replica
from bitbrook.compute.spreading import spread
from bitbrook.errors import InvalidValue, PartitionUnavailable, QuotaExceeded
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

ANYWHERE = "ray"
"""The cluster that the machine is part of, or one of its own if it is part of none."""

PREFIX = "ray://"
CONCURRENCY = {"read": 16, "write": 64, "control": 8}
"""Calls of each kind that an owner carries out at a time; the others wait for them."""

KINDS = {
    "ask": "read",
    "statistics": "read",
    "sequences": "read",
    "data_version": "read",
    "write": "write",
}


class RayCluster:
    """A Ray cluster, and an installation's owners in it."""

    def __init__(self, address: str, owner_settings: OwnerSettings) -> None:
        """Join a cluster: `ray`, or `ray://HOST:PORT` of its head.

        Raises:
            InvalidValue: there is none at that address that this machine is part of.
        """
        self._owner_settings = owner_settings
        # Owners of another installation may be in the same cluster.
        installation = zlib.crc32(owner_settings.log_database.encode())
        self._namespace = f"bitbrook-{installation:08x}"
        self._handles: dict[str, ActorHandle[Any]] = {}
        self._lock = threading.Lock()
        self._has_joined = not ray.is_initialized()
        if self._has_joined:
            _join(address, self._namespace)

    def nodes(self) -> list[Node]:
        """Return the nodes that are there."""
        free = available_resources_per_node()  # type: ignore[no-untyped-call]
        return [
            Node(
                node["NodeID"],
                int(node["Resources"].get("memory", 0)),
                int(free.get(node["NodeID"], {}).get("memory", 0)),
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ]

    def bundles(self) -> list[Bundle]:
        """Return what is reserved for owners and replicas of this installation."""
        found = []
        for told in placement_group_table().values():
            installation, _, bundle = told["name"].partition("/")
            if installation != self._namespace or told["state"] == "REMOVED":
                continue
            group, _, slot = bundle.rpartition("/")
            node = told["bundles_to_node_id"][0] if told["state"] == "CREATED" else ""
            found.append(Bundle(group, int(slot), node, int(told["bundles"][0]["memory"])))
        return found

    def nodes_of(self, group: str) -> dict[int, str]:
        """Return on which node each bundle of a group is, by slot."""
        return {bundle.slot: bundle.node for bundle in self.bundles() if bundle.group == group}

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
        bundles = self.bundles()
        present = [bundle for bundle in bundles if bundle.group == group]
        slots = sorted({*range(count)} - {bundle.slot for bundle in present})
        avoided = {
            slot: {each.node for each in bundles if each.slot == slot and each.group in apart_from}
            for slot in slots
        }
        chosen = spread(avoided, size_bytes, self.nodes(), present)
        self._reserve(group, chosen, size_bytes, timeout_s)

    def reserve_at(
        self, group: str, slot: int, node: str, size_bytes: int, *, timeout_s: float
    ) -> None:
        """Reserve one bundle, on this node if it has room, else on another; "" is any.

        Raises:
            QuotaExceeded: as of `reserve`.
        """
        self._reserve(group, {slot: node}, size_bytes, timeout_s)

    def give_back(self, group: str, slot: int | None = None) -> None:
        """Give back what was reserved, of all slots or of one, and end what runs there."""
        for each in self.nodes_of(group) if slot is None else [slot]:
            reserved = self._find_bundle(group, each)
            if reserved is not None:
                remove_placement_group(reserved)

    def start(self, name: str, group: str, slot: int, *, is_replica: bool = False) -> None:
        """Start an owner, or a replica, in a bundle; nothing happens if it is there already."""
        reserved = self._find_bundle(group, slot)
        if reserved is None:
            raise PartitionUnavailable(f"nothing is reserved for owner {name}")
        remote: Any = ray.remote  # its annotations do not know of concurrency groups
        actor = remote(concurrency_groups=CONCURRENCY)(Replica if is_replica else Owner).options(
            name=name,
            namespace=self._namespace,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=0,
            scheduling_strategy=PlacementGroupSchedulingStrategy(
                placement_group=reserved,
                placement_group_bundle_index=0,
            ),
        )
        handle = actor.remote(name, self._owner_settings)
        with self._lock:
            self._handles[name] = handle

    def kill(self, name: str) -> None:
        """End an owner for good."""
        try:
            ray.kill(self._handle(name), no_restart=True)
        except (Unreachable, RayError) as error:
            LOGGER.info("an owner was gone already", owner=name, reason=str(error))
        self.forget(name)

    def begin(self, name: str, method: str, *arguments: Any) -> Any:
        """Call a method of an owner; return what `outcome` takes.

        Raises:
            Unreachable: it is not there at this moment.
        """
        called = getattr(self._handle(name), method)
        group = KINDS.get(method, "control")
        return called.options(concurrency_group=group).remote(*arguments)

    def wait(
        self, begun: Collection[Any], timeout_s: float, *, count: int | None = None
    ) -> list[Any]:
        """Return those of the calls that are done; as soon as all are (or so many)."""
        calls = list(begun)
        done, _ = ray.wait(calls, num_returns=count or len(calls), timeout=max(timeout_s, 0.0))
        return list(done)

    def outcome(self, name: str, done: Any) -> Any:
        """Return what a call that is done gave.

        Raises:
            Unreachable: the owner died meanwhile, or could not be reached.
        """
        try:
            return ray.get(done)
        except RayActorError as error:
            self.forget(name)
            raise Unreachable(f"owner {name} is being restarted ({type(error).__name__})") from None
        except RayTaskError:
            raise
        except RayError as error:
            raise Unreachable(f"owner {name} cannot be reached ({type(error).__name__})") from None

    def forget(self, name: str) -> None:
        """Look for an owner anew the next time."""
        with self._lock:
            self._handles.pop(name, None)

    def close(self) -> None:
        """Leave the cluster; owners go on."""
        if self._has_joined:
            ray.shutdown()

    def _handle(self, name: str) -> ActorHandle[Any]:
        handle = self._handles.get(name)
        if handle is None:
            try:
                handle = ray.get_actor(name, namespace=self._namespace)
            except (ValueError, RayError) as error:
                raise Unreachable(f"owner {name} is not running ({error})") from None
            with self._lock:
                self._handles[name] = handle
        return handle

    def _reserve(
        self, group: str, nodes: Mapping[int, str], size_bytes: int, timeout_s: float
    ) -> None:
        """Reserve bundles for slots, each best at a node. Each is a group of Ray's for itself.

        So one can be given back alone, and one whose node dies is placed again alone.
        """
        new = [self._bundle(group, slot, node, size_bytes) for slot, node in nodes.items()]
        made = [each for each in new if each is not None]
        deadline_s = SYSTEM_CLOCK.monotonic_s() + timeout_s
        if all(each.wait(max(deadline_s - SYSTEM_CLOCK.monotonic_s(), 1.0)) for each in made):
            return
        for each in made:
            remove_placement_group(each)
        raise QuotaExceeded(
            f"{len(nodes)} times {size_bytes:,} bytes of memory are not to be had of the cluster "
            "now; add nodes, delete a deployment, or choose a smaller shape"
        )

    def _bundle(self, group: str, slot: int, node: str, size_bytes: int) -> Any:
        """Return a new bundle, None if it is there already."""
        if self._find_bundle(group, slot) is not None:
            return None
        try:
            return placement_group(
                [{"memory": size_bytes}],
                strategy="STRICT_PACK",  # as it has to be where a node is named
                name=self._name(group, slot),
                lifetime="detached",
                _soft_target_node_id=node or None,
            )
        except RayError:
            # Another server may have been as fast.
            if self._find_bundle(group, slot) is None:
                raise
            return None

    def _name(self, group: str, slot: int) -> str:
        return f"{self._namespace}/{group}/{slot}"

    def _find_bundle(self, group: str, slot: int) -> Any:
        try:
            return get_placement_group(self._name(group, slot))
        except ValueError:
            return None


def _join(address: str, namespace: str) -> None:
    """Become a driver of the cluster at an address."""
    # It warns of what is meant so: that owners go with their bundles.
    logging.getLogger("ray").setLevel(logging.ERROR)
    options: dict[str, Any] = {
        "namespace": namespace,
        "log_to_driver": False,
        "configure_logging": False,
    }
    try:
        if address != ANYWHERE:
            ray.init(address=address.removeprefix(PREFIX), **options)
            return
        try:
            ray.init(address="auto", **options)
        except ConnectionError:
            # By default Ray lets its workers wait for every other process of the machine.
            settings = {"worker_niceness": 0}
            ray.init("local", include_dashboard=False, _system_config=settings, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InvalidValue(
            f"compute {address!r} cannot be joined ({error}); start Ray on this machine with "
            "`ray start --address=HOST:PORT`, and name the same address",
            field="compute",
        ) from error
