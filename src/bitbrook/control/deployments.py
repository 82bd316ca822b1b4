"""Deployments: databases of a shape, and how they come and go.

Creating one reserves the memory of its shape, which may fail; deleting one gives it back. A change
of the shape is in the catalogue once it is done: the next start undoes one that was broken off.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bitbrook.auth.policy import Caller, Right
from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.lifecycle import Lifecycle, Status
from bitbrook.control.registry import Registry
from bitbrook.errors import BitbrookError, Conflict, InvalidValue, QuotaExceeded
from bitbrook.schema.names import NameKind, check_name
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import DeploymentRow
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

USABLE = frozenset({Status.RUNNING, Status.UPDATING})
"""States in which a deployment is asked and written to: while its shape changes it goes on."""


class Shape(msgspec.Struct, frozen=True):
    """A size of deployment on offer. `purpose`: development or production."""

    name: str
    memory_bytes: int
    purpose: str


SHAPES = (
    Shape("8GB", 8 << 30, "development"),
    *(Shape(f"{size}GB", size << 30, "production") for size in (64, 128, 256, 512, 1024, 2048)),
)


class Deployment(msgspec.Struct, frozen=True):
    """A deployment. `created_by`: the e-mail address of the user."""

    id: str
    name: str
    shape: str
    status: Status
    created_at: datetime
    created_by: str
    failure_reason: str | None = None


class Deployments:
    """The deployments of all organisations, each seen by its own."""

    def __init__(
        self,
        registry: Registry,
        lifecycle: Lifecycle,
        compute: Compute,
        settings: Settings,
        *,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._lifecycle = lifecycle
        self._compute = compute
        self._deployments_max = settings.deployments_max
        self._memory_bytes_max = settings.memory_bytes_max
        self._clock = clock

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shapes on offer, smallest first."""
        return SHAPES

    def create(self, caller: Caller, name: str, shape: str) -> Deployment:
        """Return a new deployment, CREATING. Needs MANAGE.

        Raises:
            InvalidValue: the name cannot be, or there is no such shape.
            Conflict: the organisation has one of that name.
            QuotaExceeded: the organisation has as many as it may.
        """
        caller.require(Right.MANAGE)
        check_name(NameKind.DEPLOYMENT, name)
        row = DeploymentRow(
            id=make_id(),
            organisation_id=caller.organisation_id,
            name=name,
            shape=find_shape(shape).name,
            status=Status.CREATING.value,
            created_s=self._clock.now_s(),
            created_by=caller.email,
        )
        with self._registry.lock:
            others = self._registry.deployments(caller.organisation_id)
            if any(other.name == name for other in others):
                raise Conflict(
                    f"there is a deployment {name!r} already; choose another name", field="name"
                )
            if len(others) >= self._deployments_max:
                raise QuotaExceeded(
                    f"the organisation has {len(others)} deployments and {self._deployments_max} "
                    "are allowed; delete one or raise deployments_max"
                )
            self._registry.add_deployment(row)
            self.resume(row)
        return _deployment(row)

    def list(self, caller: Caller) -> Sequence[Deployment]:
        """Return the organisation's deployments, oldest first. Needs VIEW.

        A bound key sees the one it is bound to.
        """
        caller.require_somewhere(Right.VIEW)
        rows = self._registry.deployments(caller.organisation_id)
        return [self._shown(row) for row in rows if caller.reaches(deployment_id=row.id)]

    def get(self, caller: Caller, deployment_id: str) -> Deployment:
        """Return one deployment. Needs VIEW.

        Raises:
            NotFound: the organisation has none of that id.
        """
        row = self._registry.deployment(caller, deployment_id)
        caller.require(Right.VIEW, deployment_id=deployment_id)
        return self._shown(row)

    def change_shape(self, caller: Caller, deployment_id: str, shape: str) -> Deployment:
        """Return the deployment, UPDATING; soon it is RUNNING in its new shape. Needs MANAGE.

        If there is not the memory for it, it is RUNNING as before and tells why.

        Raises:
            InvalidValue: there is no such shape.
            Conflict: it is not RUNNING.
        """
        self._registry.deployment(caller, deployment_id)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        wanted = find_shape(shape)
        with self._registry.lock:
            row = self._registry.deployment(caller, deployment_id)
            if row.status != Status.RUNNING:
                raise Conflict(f"deployment {row.name!r} is {row.status}; it must be RUNNING")
            if wanted.name == row.shape:
                return self._shown(row)
            row = self._registry.change_deployment(deployment_id, Status.UPDATING)
            self._lifecycle.begin(
                lambda: self._reshape(deployment_id, wanted), on_failure=self._unchanged(row)
            )
        return self._shown(row)

    def delete(self, caller: Caller, deployment_id: str) -> Deployment:
        """Return the deployment, DELETING; soon it is gone. Needs MANAGE.

        Raises:
            Conflict: it still has tables or sources; `details` lists them.
        """
        self._registry.deployment(caller, deployment_id)
        caller.require(Right.MANAGE, deployment_id=deployment_id)
        with self._registry.lock:
            row = self._registry.deployment(caller, deployment_id)
            if row.status == Status.DELETING:
                return _deployment(row)
            self._check_empty(row)
            row = self._registry.change_deployment(deployment_id, Status.DELETING)
            self.resume(row)
        return _deployment(row)

    def reserve_all(self) -> None:
        """See to it that what deployments have reserved is there; what fails is told of each."""
        if not self._compute.is_shared:
            return
        for row in self._registry.deployments():
            if Status(row.status) in USABLE:
                try:
                    self._compute.reserve(row.id, find_shape(row.shape).memory_bytes)
                except BitbrookError as error:
                    LOGGER.warning(
                        "a deployment cannot be used", deployment=row.name, reason=error.message
                    )

    def resume_all(self) -> None:
        """Go on with the creations and deletions that the catalogue says were begun."""
        for row in self._registry.deployments():
            self.resume(row)

    def resume(self, row: DeploymentRow) -> None:
        """Go on with a creation or deletion that the catalogue says was begun."""

        def fail(reason: str) -> None:
            self._registry.change_deployment(row.id, Status.FAILED, reason)

        match Status(row.status):
            case Status.CREATING:
                self._lifecycle.begin(lambda: self._reserve(row), on_failure=fail)
            case Status.UPDATING:
                shape = find_shape(row.shape)
                self._lifecycle.begin(
                    lambda: self._reshape(row.id, shape), on_failure=self._unchanged(row)
                )
            case Status.DELETING:
                self._lifecycle.begin(lambda: self._remove(row.id), on_failure=fail)
            case _:
                pass

    def _reserve(self, row: DeploymentRow) -> None:
        """Reserve the memory of a deployment's shape, and let it run."""
        shape = find_shape(row.shape)
        with self._registry.lock:
            if not self._is_in(row.id, Status.CREATING):
                return
            self._check_memory(row.id, shape)
        self._compute.reserve(row.id, shape.memory_bytes)
        with self._registry.lock:
            if self._is_in(row.id, Status.CREATING):
                self._registry.change_deployment(row.id, Status.RUNNING)

    def _reshape(self, deployment_id: str, shape: Shape) -> None:
        """Reserve the memory of another shape in place of the present one."""
        with self._registry.lock:
            if not self._is_in(deployment_id, Status.UPDATING):
                return
            self._check_memory(deployment_id, shape)
        self._compute.reserve(deployment_id, shape.memory_bytes)
        self._registry.change_deployment(deployment_id, Status.RUNNING, shape=shape.name)

    def _is_in(self, deployment_id: str, status: Status) -> bool:
        """Whether a deployment is there and in a state: another server may have been faster."""
        rows = {row.id: row for row in self._registry.deployments()}
        return deployment_id in rows and rows[deployment_id].status == status

    def _unchanged(self, row: DeploymentRow) -> Callable[[str], None]:
        """Return what tells of a deployment that it runs in its present shape, and why."""

        def tell(reason: str) -> None:
            self._registry.change_deployment(row.id, Status.RUNNING, reason)

        return tell

    def _remove(self, deployment_id: str) -> None:
        """Give back what a deployment reserved, and forget it."""
        self._compute.release(deployment_id)
        self._registry.remove_deployment(deployment_id)

    def _check_memory(self, deployment_id: str, shape: Shape) -> None:
        """Return if the memory of a shape is left for a deployment."""
        reserved = sum(
            find_shape(other.shape).memory_bytes
            for other in self._registry.deployments()
            if Status(other.status) in USABLE and other.id != deployment_id
        )
        if self._memory_bytes_max and reserved + shape.memory_bytes > self._memory_bytes_max:
            raise QuotaExceeded(
                f"shape {shape.name} needs {shape.memory_bytes:,} bytes and "
                f"{self._memory_bytes_max - reserved:,} of {self._memory_bytes_max:,} are "
                "left; delete a deployment or raise memory_bytes_max"
            )

    def _shown(self, row: DeploymentRow) -> Deployment:
        """Return a deployment as it is: what its owners tell comes before what was begun."""
        fault = self._compute.fault(row.id) if row.status == Status.RUNNING else None
        if fault is None:
            return _deployment(row)
        return replace(_deployment(row), status=Status.FAILED, failure_reason=fault)

    def _check_empty(self, row: DeploymentRow) -> None:
        left = [
            *(
                f"source {entry.row.name!r} ({entry.row.id})"
                for entry in self._registry.sources(row.organisation_id)
                if entry.row.deployment_id == row.id and entry.row.status != Status.DELETING
            ),
            *(
                f"table {entry.row.name!r}"
                for entry in self._registry.tables(row.id)
                if entry.row.status != Status.DELETING
            ),
        ]
        if left:
            raise Conflict(
                f"deployment {row.name!r} still has {', '.join(left)}; delete them first",
                details=left,
            )


def find_shape(name: str) -> Shape:
    """Return the shape of that name; `8GB-Development` and the like are understood.

    Raises:
        InvalidValue: there is none.
    """
    for shape in SHAPES:
        if name.upper() in {shape.name, f"{shape.name}-{shape.purpose.upper()}"}:
            return shape
    known = ", ".join(shape.name for shape in SHAPES)
    raise InvalidValue(f"there is no shape {name!r}; the shapes are {known}", field="shape")


def check_running(row: DeploymentRow) -> None:
    """Return if a deployment can be used now, else raise `Conflict`."""
    if Status(row.status) not in USABLE:
        raise Conflict(f"deployment {row.name!r} is {row.status}; it must be RUNNING")


def _deployment(row: DeploymentRow) -> Deployment:
    return Deployment(
        row.id,
        row.name,
        row.shape,
        Status(row.status),
        datetime.fromtimestamp(row.created_s, UTC),
        row.created_by,
        row.failure_reason,
    )
