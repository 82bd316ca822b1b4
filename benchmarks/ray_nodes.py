"""A Ray cluster of one or two nodes on this machine, in a process that is told what to do.

`RayNodes` starts it. The program prints a line of JSON once its first node runs, {"address":
"HOST:PORT"}, and another after each line of its input: `add` starts the second node, `owners` tells
the process of each owner. It ends its nodes, and no others, when its input ends.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.told_process import ToldProcess

NODE_MEMORY_BYTES = 1 << 40
"""As many owners as a measurement wants fit into a node; no memory is taken for it."""

FIRST, SECOND = "127.0.0.6", "127.0.0.7"
ENVIRONMENT = {"RAY_usage_stats_enabled": "0", "RAY_worker_register_timeout_seconds": "120"}


class RayNodes:
    """The process, spoken to. `address`: what `--compute` takes."""

    def __init__(self, log: Path) -> None:
        program = ["-m", "benchmarks.ray_nodes"]
        self._process = ToldProcess(program, log=log, environment=ENVIRONMENT)
        self.address = f"ray://{self._process.begun['address']}"

    def add(self) -> None:
        """Have a second node."""
        self._process.tell("add")

    def owners(self, deployment_id: str) -> dict[str, int]:
        """Return the processes of a deployment's owners that run, by name."""
        told: dict[str, int] = self._process.tell("owners")["owners"]
        return {name: pid for name, pid in told.items() if name.startswith(f"{deployment_id}.")}

    def close(self) -> None:
        """End the nodes and all that runs on them."""
        self._process.close()


def main() -> None:
    import ray
    from ray.cluster_utils import Cluster

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray has to say goes elsewhere

    def tell(told: dict[str, object]) -> None:
        answers.write(f"{json.dumps(told)}\n")
        answers.flush()

    node: dict[str, Any] = {
        "num_cpus": 1,
        "memory": NODE_MEMORY_BYTES,
        "object_store_memory": 100 << 20,
        "include_dashboard": False,
    }
    # Else owners wait for every other process of the machine.
    configuration = {"worker_niceness": 0}
    head = {**node, "node_ip_address": FIRST, "_system_config": configuration}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    ray.init(address=cluster.address, log_to_driver=False)
    tell({"address": cluster.address})
    for line in sys.stdin:
        told: dict[str, object] = {}
        if line.strip() == "add":
            cluster.add_node(**node, node_ip_address=SECOND)
        else:
            actors = ray._private.state.actors().values()  # noqa: SLF001 - none public tells of all
            alive = [actor for actor in actors if actor["State"] == "ALIVE"]
            told["owners"] = {actor["Name"]: actor["Pid"] for actor in alive}
        tell(told)
    ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
