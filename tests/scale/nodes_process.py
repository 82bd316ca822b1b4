"""A Ray cluster of two nodes on this machine, as a process that is told what to do on its input.

Told an address, it runs the head there, and no second node.

It prints a line of JSON once the nodes run, {"address": "HOST:PORT"}, and another after each
command: `raylet` tells the process of the second node, `remove` takes note that it has ended, `add`
starts another one in its place; `owners` tells the processes of all owners, `addresses` the nodes
that are alive. It ends the nodes when its input ends. The nodes notice each other's death within
seconds.
"""

import json
import os
import sys

import ray
from ray.cluster_utils import Cluster

CONFIGURATION = {
    # Else owners wait for every other process of the machine.
    "worker_niceness": 0,
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1_000,
    "health_check_failure_threshold": 3,
}
NODE = {
    "num_cpus": 1,
    # Not that of the machine: nothing is so large here.
    "memory": 256 << 30,
    "object_store_memory": 100 << 20,
    "include_dashboard": False,
}
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what Ray has to say goes elsewhere
# Not 127.0.0.1, which Ray takes for the address of the machine to others.
HEAD, SECOND = "127.0.0.2", "127.0.0.3"


def owners() -> dict[str, tuple[int, str]]:
    """Return the process and the node of every owner that runs, by its name."""
    return {
        actor["Name"]: (actor["Pid"], actor["Address"]["IPAddress"])
        for actor in ray._private.state.actors().values()
        if actor["State"] == "ALIVE"
    }


def tell(told: dict[str, object]) -> None:
    """Answer with a line."""
    ANSWERS.write(f"{json.dumps(told)}\n")
    ANSWERS.flush()


def main() -> None:
    """Run the nodes, and do as told."""
    head = sys.argv[1] if sys.argv[1:] else HEAD
    cluster = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "node_ip_address": head, "_system_config": CONFIGURATION},
    )
    second = cluster.add_node(**NODE, node_ip_address=SECOND) if head == HEAD else None
    ray.init(address=cluster.address, log_to_driver=False)
    tell({"address": cluster.address})
    for line in sys.stdin:
        told: dict[str, object] = {}
        match line.strip():
            case "add":
                second = cluster.add_node(**NODE, node_ip_address=SECOND)
            case "addresses":
                told["addresses"] = [
                    node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]
                ]
            case "raylet":
                [raylet] = second.all_processes["raylet"]
                told["pid"] = raylet.process.pid
            case "remove":
                cluster.remove_node(second, allow_graceful=False)
            case "owners":
                told["owners"] = owners()
        tell(told)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
