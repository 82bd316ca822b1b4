"""Owners are spread as well as there is room for, and proposals to move come to an end.

Deployments of random sizes lie on nodes of random sizes in any way; proposals are followed one
after another, of any deployment, until there are none. No arrangement may come twice, no node hold
more than it can, and at the end nothing that could be spread better may be left.
"""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bitbrook.compute.cluster import Bundle, Node
from bitbrook.compute.spreading import improvement, spread

ROOM_MAX = 12
rooms = st.lists(st.integers(0, ROOM_MAX), min_size=1, max_size=4)


def nodes_of(room: Sequence[int], bundles: Sequence[Bundle]) -> list[Node]:
    used = Counter[str]()
    for bundle in bundles:
        used[bundle.node] += bundle.size_bytes
    return [Node(f"n{at}", size, size - used[f"n{at}"]) for at, size in enumerate(room)]


@st.composite
def arrangements(draw: st.DrawFn) -> tuple[list[int], list[Bundle]]:
    """Nodes' sizes, and bundles that fit: each deployment has bundles of one size."""
    room = draw(rooms)
    bundles: list[Bundle] = []
    for deployment in "abc":
        size = draw(st.integers(1, 3))
        for slot, at in enumerate(draw(st.lists(st.integers(0, len(room) - 1), max_size=4))):
            if nodes_of(room, bundles)[at].free_bytes >= size:
                bundles.append(Bundle(deployment, slot, f"n{at}", size))
    return room, bundles


@given(arrangements(), st.randoms(use_true_random=False))
def test_moves_come_to_an_end_and_leave_nothing_to_do(
    arrangement: tuple[list[int], list[Bundle]], chance: object
) -> None:
    room, bundles = arrangement
    targets = {node.name for node in nodes_of(room, [])}
    seen = [sorted(bundles)]
    while True:
        groups = sorted({bundle.group for bundle in bundles})
        chance.shuffle(groups)  # type: ignore[attr-defined]
        for group in groups:
            mine = [bundle for bundle in bundles if bundle.group == group]
            proposal = improvement(mine, nodes_of(room, bundles), targets, bundles)
            if proposal is not None:
                bundles = [each for each in bundles if each != proposal.bundle]
                bundles.append(proposal.bundle._replace(node=proposal.node))
                break
        else:
            break
        assert all(node.free_bytes >= 0 for node in nodes_of(room, bundles))
        assert sorted(bundles) not in seen
        seen.append(sorted(bundles))
    for group in {bundle.group for bundle in bundles}:
        mine = [bundle for bundle in bundles if bundle.group == group]
        held = Counter(bundle.node for bundle in mine)
        for node in nodes_of(room, bundles):
            has_room = node.free_bytes >= mine[0].size_bytes
            assert not has_room or max(held.values()) - held[node.name] <= 1


def test_a_node_that_may_not_be_moved_to_yet_is_not() -> None:
    bundles = [Bundle("a", slot, "n0", 1) for slot in range(2)]
    nodes = nodes_of([10, 10, 10], bundles)
    assert improvement(bundles, nodes, [], bundles) is None
    assert improvement(bundles, nodes, ["n2"], bundles) == (bundles[0], "n2")


def test_small_deployments_fill_nodes_alike() -> None:
    """One owner of each could stay where it is, but for the node that has all of them."""
    bundles = [Bundle(name, 0, "n0", 1) for name in "abcd"]
    moves = 0
    while True:
        nodes = nodes_of([10, 10], bundles)
        found = [improvement([each], nodes, ["n0", "n1"], bundles) for each in bundles]
        proposals = [proposal for proposal in found if proposal is not None]
        if not proposals:
            break
        bundles.remove(proposals[0].bundle)
        bundles.append(proposals[0].bundle._replace(node=proposals[0].node))
        moves += 1
    assert Counter(bundle.node for bundle in bundles) == {"n0": 2, "n1": 2}
    assert moves == 2


@given(rooms, st.integers(0, 8))
def test_new_bundles_go_where_fewest_are(room: list[int], count: int) -> None:
    chosen = spread(dict.fromkeys(range(count), ()), 1, nodes_of(room, []), [])
    held = Counter(chosen.values())
    assert held[""] == max(0, count - sum(room))
    for at, size in enumerate(room):
        assert held[f"n{at}"] <= size
        # Another one has more of them only if here is no room.
        most = max((held[f"n{other}"] for other in range(len(room))), default=0)
        assert held[f"n{at}"] == size or most - held[f"n{at}"] <= 1


def test_a_copy_goes_elsewhere_while_there_is_an_elsewhere() -> None:
    nodes = nodes_of([1, 2], [])
    assert spread({0: ["n1"], 1: ["n0"], 2: ["n0"], 3: []}, 1, nodes, []) == {
        0: "n0",
        1: "n1",
        2: "n1",
        3: "",
    }
