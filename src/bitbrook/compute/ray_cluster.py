"""Owners as Ray actors: placed in bundles of memory, found by name, called, started again.

The one module that calls Ray. Ray places an owner, supervises it and starts it again elsewhere when
its node dies; what is true it never decides: an owner that runs twice for a while is sorted out by
the log. Actors and placement groups outlive whoever made them, since servers come and go.
"""

import logging
import threading
import zlib
from collections.abc import Collection
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util import get_placement_group, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from bitbrook.compute.cluster import Unreachable
from bitbrook.compute.owner import Owner, OwnerSettings
from bitbrook.errors import InvalidValue, PartitionUnavailable, QuotaExceeded
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

ANYWHERE = "ray"
"""The cluster that the machine is part of, or one of its own if it is part of none."""

PREFIX = "ray://"
CONCURRENCY = {"read": 16, "write": 64, "control": 8}
"""Calls of each kind that an owner carries out at a time; the others wait for them."""

KINDS = {"ask": "read", "statistics": "read", "sequences": "read", "write": "write"}


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

    def reserve(self, group: str, count: int, size_bytes: int, *, timeout_s: float) -> None:
        """Reserve so many bundles of memory, spread over nodes; nothing happens if they are there.

        Raises:
            QuotaExceeded: the cluster has not that much; nothing is reserved.
        """
        if self._find_group(group) is not None:
            return
        reserved = placement_group(
            [{"memory": size_bytes}] * count,
            strategy="SPREAD",
            name=group,
            lifetime="detached",
        )
        if not reserved.wait(timeout_s):
            remove_placement_group(reserved)
            raise QuotaExceeded(
                f"{count} times {size_bytes:,} bytes of memory are not to be had of the cluster "
                "now; add nodes, delete a deployment, or choose a smaller shape"
            )

    def give_back(self, group: str) -> None:
        """Give back what was reserved, and end what runs there."""
        reserved = self._find_group(group)
        if reserved is not None:
            remove_placement_group(reserved)

    def start(self, name: str, group: str, slot: int) -> None:
        """Start an owner in a bundle; nothing happens if it is there already."""
        reserved = self._find_group(group)
        if reserved is None:
            raise PartitionUnavailable(f"nothing is reserved for owner {name}")
        remote: Any = ray.remote  # its annotations do not know of concurrency groups
        actor = remote(concurrency_groups=CONCURRENCY)(Owner).options(
            name=name,
            namespace=self._namespace,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=0,
            scheduling_strategy=PlacementGroupSchedulingStrategy(
                placement_group=reserved,
                placement_group_bundle_index=slot,
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

    def wait(self, begun: Collection[Any], timeout_s: float) -> list[Any]:
        """Return those of the calls that are done; as soon as all are, or the time is over."""
        done, _ = ray.wait(list(begun), num_returns=len(begun), timeout=max(timeout_s, 0.0))
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

    def _find_group(self, group: str) -> Any:
        try:
            return get_placement_group(group)
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
