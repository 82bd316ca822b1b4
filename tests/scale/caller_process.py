"""Calls owners from the node that it runs on, in place of a server there.

It reads pickles: the cluster's address with the settings of owners, then an owner's name, a method,
its argument and how long to wait, again and again. It writes the pickled answer to each; None if
none came in time.
"""

import os
import pickle
import sys

from bitbrook.compute.cluster import Unreachable, call
from bitbrook.compute.ray_cluster import RayCluster

ANSWERS = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what Ray has to say goes elsewhere


def main() -> None:
    """Call until the input ends."""
    calls = sys.stdin.buffer
    cluster = RayCluster(*pickle.load(calls))
    pickle.dump("ready", ANSWERS)
    ANSWERS.flush()
    while True:
        try:
            name, method, argument, timeout_s = pickle.load(calls)
        except EOFError:
            break
        try:
            answer = call(cluster, name, method, argument, timeout_s=timeout_s)
        except Unreachable:
            answer = None
        pickle.dump(answer, ANSWERS)
        ANSWERS.flush()
    cluster.close()


if __name__ == "__main__":
    main()
