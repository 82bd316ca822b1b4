"""Shards are gone through once each, by several threads, and an end by error leaves none running.

States note what they were given; they fail, block and are cancelled at chosen shards.
"""

import threading
from contextlib import ExitStack

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.engine.evaluate import sweep as module
from bitbrook.engine.evaluate.sweep import sweep
from bitbrook.engine.shard import Shard
from bitbrook.errors import Cancelled

SHARDS = [Shard(number) for number in range(50)]


class Noting:
    """Notes the shards it was given; fails at one of them."""

    def __init__(self, failing: int | None = None) -> None:
        self.numbers: list[int] = []
        self.failing = failing

    def add(self, shard: Shard) -> None:
        if shard.number == self.failing:
            raise RuntimeError(f"shard {shard.number}")
        self.numbers.append(shard.number)


@pytest.mark.parametrize("is_heavy", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_shard_once(count: int, is_heavy: bool) -> None:
    """Whoever takes it; light work stays on the calling thread."""
    states = sweep(SHARDS[:count], Noting, Budget(), is_heavy=is_heavy)
    assert sorted(n for state in states for n in state.numbers) == list(range(count))
    assert 1 <= len(states) <= (module.THREADS if is_heavy else 1)


def test_an_error_comes_out_and_nobody_goes_on() -> None:
    """On whichever thread it happened."""
    started: list[Noting] = []

    def start() -> Noting:
        started.append(Noting(failing=20))
        return started[-1]

    with pytest.raises(RuntimeError, match="shard 20"):
        sweep(SHARDS, start, Budget(), is_heavy=True)
    seen = [list(state.numbers) for state in started]
    assert seen == [state.numbers for state in started]


def test_a_cancelled_sweep_stops() -> None:
    """At the next shard."""
    budget = Budget()

    class Cancelling(Noting):
        def add(self, shard: Shard) -> None:
            super().add(shard)
            budget.cancelled.set()

    states: list[Cancelling] = []

    def start() -> Cancelling:
        states.append(Cancelling())
        return states[-1]

    with pytest.raises(Cancelled):
        sweep(SHARDS, start, budget, is_heavy=True)
    assert sum(len(state.numbers) for state in states) <= module.THREADS


def test_a_busy_pool_keeps_nobody_waiting() -> None:
    """The calling thread goes through all shards alone."""
    release = threading.Event()
    blocked = [module._pool.submit(release.wait, 30) for _ in range(module.THREADS)]
    try:
        (state,) = sweep(SHARDS, Noting, Budget(), is_heavy=True)
        assert state.numbers == list(range(50))
    finally:
        release.set()
    assert all(future.result() for future in blocked)


def test_busy_processors_are_not_shared_out() -> None:
    """With a question for each of them under way, one more stays on its own thread."""
    with ExitStack() as others:
        for _ in range(module.THREADS):
            others.enter_context(module._sweeping)
        states = sweep(SHARDS, Noting, Budget(), is_heavy=True)
        assert [state.numbers for state in states] == [[shard.number for shard in SHARDS]]
    assert module._sweeping.count == 0
