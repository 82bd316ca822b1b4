"""Whether owners go on: what Ray cannot see is seen by their leases.

Ray starts an owner again when its process or its node died. A process that is there and does
nothing (stopped, starved, cut off) it leaves alone; its lease ends, and after a while it is given
up and another takes its place. Whoever looks may do so: of several, one succeeds. What cannot be
mended at once is told to whoever asks for the state of a deployment.
"""

import threading
from collections.abc import Callable

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.compute.cluster import Cluster, Unreachable, call
from bitbrook.compute.placing import OwnerName, Placing
from bitbrook.errors import BitbrookError
from bitbrook.stores.ownership import Ownership, OwnerState
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

LOOK_EVERY_S = 1.0
PING_TIMEOUT_S = 2.0
CUT_OFF_FACTOR = 3
"""An owner that answers but does not renew its lease is waited for longer: so is the database."""

LOST_FACTOR = 2
"""One that Ray should start again is started here if it does not: Ray may have lost its list."""


class Watch:
    """Looks after the owners of all deployments. Ended by `close`."""

    def __init__(
        self,
        ownership: Ownership,
        cluster: Cluster,
        placing: Placing,
        *,
        stalled_s: float,
        on_look: Callable[[list[OwnerState]], None],
    ) -> None:
        """Begin. `stalled_s`: for how long a lease must be over. `on_look`: is told all owners."""
        self._ownership = ownership
        self._cluster = cluster
        self._placing = placing
        self._stalled_s = stalled_s
        self._on_look = on_look
        self._unbegun_s: dict[str, float] = {}
        self._faults: dict[str, str] = {}
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def fault(self, deployment: str) -> str | None:
        """Return why a deployment cannot be used at present, None if it can."""
        return self._faults.get(deployment)

    def clear(self, deployment: str) -> None:
        """Take note that a deployment can be used now, until the next look."""
        self._faults = {name: each for name, each in self._faults.items() if name != deployment}

    def close(self) -> None:
        """Look no more."""
        self._is_closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closing.wait(LOOK_EVERY_S):
            try:
                self._look()
            except BitbrookError as error:
                LOGGER.warning("owners cannot be looked after", reason=error.message)
            except Exception:
                # The edge of this thread: whatever happened may be over at the next look.
                LOGGER.exception("owners cannot be looked after")

    def _look(self) -> None:
        faults: dict[str, str] = {}
        owners = self._ownership.owners()
        self._on_look(owners)
        now_s = SYSTEM_CLOCK.monotonic_s()
        unbegun = {owner.name for owner in owners if not owner.process}
        self._unbegun_s = {name: self._unbegun_s.get(name, now_s) for name in unbegun}
        for owner in owners:
            fault = None
            if not owner.process:
                is_late = now_s - self._unbegun_s[owner.name] >= self._stalled_s
                # One to which nothing is assigned is to have what another one still has.
                if is_late and self._ownership.assigned(owner.name):
                    fault = "it has not begun"
            elif owner.over_for_s >= self._stalled_s:
                fault = self._fault_of(owner)
            if fault is not None:
                faults[OwnerName.of(owner.name).deployment] = f"owner {owner.name}: {fault}"
        self._faults = faults

    def _fault_of(self, owner: OwnerState) -> str | None:
        """Return why an owner whose lease is over does not go on; None if it has a successor."""
        try:
            call(self._cluster, owner.name, "ping", timeout_s=PING_TIMEOUT_S)
        except Unreachable as error:
            if not error.is_silent:
                if owner.over_for_s >= self._stalled_s * LOST_FACTOR:
                    self._start_again(owner.name)
                return str(error)
            patience_s = self._stalled_s
        else:
            patience_s = self._stalled_s * CUT_OFF_FACTOR
        if owner.over_for_s < patience_s:
            return "its lease is over"
        self._placing.replace(owner.name, over_for_s=patience_s)
        return None

    def _start_again(self, name: str) -> None:
        try:
            self._placing.start_again(name)
        except BitbrookError as error:
            # The others have to be looked after too.
            LOGGER.warning("an owner cannot be started", owner=name, reason=error.message)
