"""Notes are forgotten when they have expired by the clock of whoever opened the partitions.

The clock stands years away from the machine's, where a note is good, and is then turned past it.
"""

import time
from pathlib import Path

from bitbrook.clock import Clock
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.stores.log import Log, Note
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

POLLS = 10
WAIT_S = 30.0


class Turned(Clock):
    """Stands still until it is moved, and counts how often it was looked at."""

    at_s = 1_700_000_000.0
    looks = 0

    def now_s(self) -> float:
        return self.at_s

    def monotonic_s(self) -> float:
        self.looks += 1
        return self.at_s


def test_the_upkeep_goes_by_the_clock_it_is_given(tmp_path: Path) -> None:
    clock, engine = Turned(), open_engine(f"sqlite:///{tmp_path}/log.db")
    log = Log(engine)
    policy = UpkeepPolicy(poll_s=0.01)
    with LocalCompute(
        log, LocalSnapshots(tmp_path / "snapshots"), upkeep_policy=policy, clock=clock
    ) as local:
        local.keep_notes([Note("s", "k", b"", clock.at_s + 100.0)])
        deadline = time.monotonic() + WAIT_S
        while clock.looks < POLLS:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [note.key for note in log.notes("s", now_s=0.0)] == ["k"]
        clock.at_s += 100.0
        while log.notes("s", now_s=0.0):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    engine.dispose()
