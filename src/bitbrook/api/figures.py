"""What the application itself holds: bodies, and work that runs or waits for a thread."""

from collections.abc import Iterator, Mapping

from bitbrook.api.bodies import BodyMemory
from bitbrook.api.workers import Workers
from bitbrook.telemetry.watched import Value, Watch


def watch_application(memory: BodyMemory, pools: Mapping[str, Workers]) -> Watch:
    """Answer who looks at the metrics, until what is returned is closed. `pools`: by name."""

    def values() -> Iterator[Value]:
        yield Value("bitbrook_bodies_bytes", memory.held_bytes)
        yield Value("bitbrook_bodies_bytes_max", memory.bytes_max)
        for name, workers in pools.items():
            # A pool leaves no thread idle while a call waits.
            pending = workers.pending
            running = min(pending, workers.threads)
            yield Value("bitbrook_workers_running", running, (name,))
            yield Value("bitbrook_workers_running_max", workers.threads, (name,))
            yield Value("bitbrook_workers_waiting", pending - running, (name,))
            yield Value("bitbrook_workers_waiting_max", workers.waiting_max, (name,))

    return Watch(values, is_named=False)
