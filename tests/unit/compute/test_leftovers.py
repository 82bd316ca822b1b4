"""Freed memory is given back once after batches have ceased to come, and never while they come.

Looked at as the upkeep does, again and again, while batches come in every second look or not.
"""

from bitbrook.compute.local import _Leftovers
from bitbrook.engine.upkeep import UpkeepPolicy


def test_given_back_when_batches_rest() -> None:
    """Nothing is due before the first batch, between batches, or twice after the last one."""
    leftovers, policy = _Leftovers(), UpkeepPolicy()
    due = []
    for batches in (0, 0, 5, 5, 5, 6, 7, 7, 7, 7):
        leftovers.batches = batches
        due.append(leftovers.needs_checkpoint(policy))
        if due[-1]:
            leftovers.checkpoint()
    assert due == [False, False, False, True, False, False, False, True, False, False]
