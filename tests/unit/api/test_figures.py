"""What the application holds is told as it is: calls that run and wait, bytes of bodies.

Tried with a pool that is filled to its brim and emptied, a body that grows, and a watch that ends.
"""

import threading

from bitbrook.api.bodies import BodyMemory
from bitbrook.api.figures import watch_application
from bitbrook.api.workers import Workers
from bitbrook.telemetry.watched import Watch


def told(watch: Watch) -> dict[str, float]:
    return {sample.name: sample.value for family in watch.collect() for sample in family.samples}


def test_calls_run_and_wait_and_bodies_are_held() -> None:
    memory, workers = BodyMemory(1_000), Workers("test", threads=2, waiting_max=5)
    watch = watch_application(memory, {"test": workers})
    gate = threading.Event()
    try:
        begun = [workers.start(gate.wait, 10) for _ in range(5)]
        with memory.holding() as held:
            held.count(300)
            assert told(watch) == {
                "bitbrook_bodies_bytes": 300,
                "bitbrook_bodies_bytes_max": 1_000,
                "bitbrook_workers_running": 2,
                "bitbrook_workers_running_max": 2,
                "bitbrook_workers_waiting": 3,
                "bitbrook_workers_waiting_max": 5,
            }
        gate.set()
        assert all(each.result() for each in begun)
        workers.close()
        now = told(watch)
        assert now["bitbrook_bodies_bytes"] == 0
        assert now["bitbrook_workers_running"] == now["bitbrook_workers_waiting"] == 0
    finally:
        gate.set()
        watch.close()
