"""A Ray cluster of two nodes on this machine, as a process that is told what to do on its input.

It prints a line of JSON once the nodes run, {"address": "HOST:PORT"}, and another after each
command: `kill` ends the second node as a power failure would, `add` starts another one in its
place, `owners` tells the processes of all owners. It ends the nodes when its input ends. The nodes
notice each other's death within seconds.
"""

import json
import sys

import ray
from ray.cluster_utils import Cluster

HEALTH = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1_000,
    "health_check_failure_threshold": 3,
}
NODE = {
    "num_cpus": 1,
    "memory": 64 << 30,
    "object_store_memory": 100 << 20,
    "include_dashboard": False,
}
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
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def main() -> None:
    """Run the nodes, and do as told."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "node_ip_address": HEAD, "_system_config": HEALTH},
    )
    second = cluster.add_node(**NODE, node_ip_address=SECOND)
    ray.init(address=cluster.address, log_to_driver=False)
    tell({"address": cluster.address})
    for line in sys.stdin:
        told: dict[str, object] = {}
        match line.strip():
            case "kill":
                second.kill_raylet(check_alive=False, wait=True)
                cluster.remove_node(second, allow_graceful=False)
            case "add":
                second = cluster.add_node(**NODE, node_ip_address=SECOND)
            case "owners":
                told["owners"] = owners()
        tell(told)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
