"""Where a server's partitions are, by its settings.

What a server on one machine does not need is not imported there: Ray takes a second and 100 MB.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.compute import Compute
from bitbrook.compute.local import LocalCompute
from bitbrook.compute.remote import RemoteCompute, RemoteSettings
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.errors import InvalidValue
from bitbrook.settings import Settings
from bitbrook.stores.log import Log
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.snapshots import SnapshotStore

LOCAL = "local"
STALLED_LEASES = 5
"""Lease times without a renewal after which a process is given up."""


def open_compute(
    settings: Settings,
    log: Log,
    snapshots: SnapshotStore,
    log_database: Engine,
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> Compute:
    """Return the partitions of a server.

    Raises:
        InvalidValue: the cluster cannot be joined, or the extra for it is missing.
    """
    policy = UpkeepPolicy(
        log_bytes=settings.checkpoint_log_bytes, checkpoint_age_s=settings.checkpoint_age_s
    )
    if settings.compute == LOCAL:
        return LocalCompute(log, snapshots, upkeep_policy=policy, clock=clock)
    try:
        # Here alone, so that a server without it starts without it.
        from bitbrook.compute.ray_cluster import RayCluster  # noqa: PLC0415
    except ImportError as error:
        raise InvalidValue(
            f"compute {settings.compute!r} needs Ray ({error}); install bitbrook[scale]",
            field="compute",
        ) from error
    owner = OwnerSettings(
        log_database=_absolute_database(settings.log_database),
        storage=_absolute_place(settings.storage_place),
        cache_directory=str(settings.cache_directory.absolute()),
        cache_bytes_max=settings.storage_cache_bytes,
        lease_s=settings.owner_lease_s,
        upkeep_policy=policy,
        log_level=settings.log_level,
    )
    return RemoteCompute(
        RemoteSettings(
            settings.owner_memory_bytes,
            settings.partitions,
            stalled_s=STALLED_LEASES * settings.owner_lease_s,
            rebalance_after_s=settings.rebalance_after_s,
            read_replicas=settings.read_replicas,
        ),
        RayCluster(settings.compute, owner),
        log=log,
        snapshots=snapshots,
        ownership=Ownership(log_database),
    )


def _absolute_place(place: str) -> str:
    """Return a place that means the same in other processes."""
    return place if "://" in place else str(Path(place).absolute())


def _absolute_database(url: str) -> str:
    """Return a database URL that means the same in other processes."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        parsed = parsed.set(database=str(Path(parsed.database).absolute()))
    return parsed.render_as_string(hide_password=False)
