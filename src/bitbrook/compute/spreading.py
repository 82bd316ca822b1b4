"""Which node an owner belongs on: those of a deployment spread, and nodes filled alike.

Whatever is proposed makes the spread better and is never undone by the next proposal: a move either
takes an owner from a node that has at least two more of its deployment, or leaves their numbers as
they were and the fuller node no emptier than the other. So moves end, whoever makes them.

Knows nothing of what runs on nodes, nor when it may move.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bitbrook.compute.cluster import Bundle, Node


class Proposal(NamedTuple):
    """A bundle that would do better on another node."""

    bundle: Bundle
    node: str


def spread(
    avoided: Mapping[int, Collection[str]],
    size_bytes: int,
    nodes: Collection[Node],
    present: Collection[Bundle],
) -> dict[int, str]:
    """Return a node for each new bundle of a group, by slot; "" where none has room.

    `avoided`: by slot, the nodes that come last. `present`: the bundles that the group has. Of the
    others the node with fewest bundles of the group comes first, then the one with most memory
    free.
    """
    held = Counter(bundle.node for bundle in present)
    free = {node.name: node.free_bytes for node in nodes}
    chosen = {}
    for slot, avoids in avoided.items():
        roomy = [name for name in free if free[name] >= size_bytes]
        chosen[slot] = min(
            roomy,
            key=lambda name: (name in avoids, held[name], -free[name], name),
            default="",
        )
        if chosen[slot]:
            held[chosen[slot]] += 1
            free[chosen[slot]] -= size_bytes
    return chosen


def improvement(
    mine: Sequence[Bundle],
    nodes: Collection[Node],
    targets: Collection[str],
    everybody: Collection[Bundle],
) -> Proposal | None:
    """Return what spreads a deployment's bundles better, None if nothing does.

    `targets`: the nodes that may be moved to. `everybody`: the bundles of all deployments.
    """
    held = Counter(bundle.node for bundle in mine)
    used = Counter[str]()
    for bundle in everybody:
        used[bundle.node] += bundle.size_bytes

    def load(node: Node, change_bytes: int = 0) -> float:
        return (used[node.name] + change_bytes) / node.size_bytes

    known = [node for node in nodes if node.size_bytes > 0]
    for source in sorted(known, key=lambda node: (-held[node.name], -load(node), node.name)):
        here = [bundle for bundle in mine if bundle.node == source.name]
        if not here:
            break
        bundle = min(here)
        size_bytes = bundle.size_bytes
        for target in sorted(known, key=lambda node: (held[node.name], load(node), node.name)):
            if target.name not in targets or target.free_bytes < size_bytes:
                continue
            gain = held[source.name] - held[target.name]
            is_lighter = load(target, size_bytes) <= load(source, -size_bytes)
            if gain > 1 or (gain == 1 and is_lighter):
                return Proposal(bundle, target.name)
    return None
