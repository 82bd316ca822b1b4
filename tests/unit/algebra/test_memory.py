"""Memory is counted while a statement holds it, against its own bound and against all others'.

Takes from several budgets up to the last byte, beyond it, and again after one has ended, by itself
or by an error; and by eight threads at once.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.memory import SharedMemory
from bitbrook.errors import LimitExceeded, Overloaded


def test_a_statement_is_bounded() -> None:
    """What was taken counts; what was refused does not."""
    with Budget(memory_bytes_max=100) as budget:
        budget.take(60, "groups")
        with pytest.raises(LimitExceeded, match=r"take 101 bytes of memory \(values\) and 100 are"):
            budget.take(41, "values")
        budget.take(40, "values")
        assert budget.held_bytes == 100
    assert budget.held_bytes == 0


def test_groups_are_checked_before_they_are_there() -> None:
    """By their number and by their bytes."""
    budget = Budget(memory_bytes_max=1_000, groups_max=20)
    budget.check_groups(20, 50)
    assert budget.held_bytes == 0
    with pytest.raises(LimitExceeded, match="forms 21 groups and 20 are allowed"):
        budget.check_groups(21, 1)
    with pytest.raises(LimitExceeded, match=r"take 1,020 bytes of memory \(groups\)"):
        budget.check_groups(20, 51)


def test_all_statements_are_bounded_together() -> None:
    """One that ends, however it does, leaves its share to the others."""
    shared = SharedMemory(100)
    with Budget(share=shared) as first, Budget(share=shared) as second:
        first.take(70, "groups")
        with pytest.raises(Overloaded, match="take 31 bytes of memory and 30 of 100 are left"):
            second.take(31, "groups")
        assert (second.held_bytes, shared.held_bytes) == (0, 70)
        second.take(30, "groups")
    assert shared.held_bytes == 0

    def ends_by_an_error() -> None:
        with Budget(share=shared) as third:
            third.take(100, "groups")
            third.take(1, "groups")

    with pytest.raises(Overloaded):
        ends_by_an_error()
    assert shared.held_bytes == 0


def test_threads_take_and_give_back() -> None:
    """Nothing is lost or left over."""
    shared = SharedMemory(8 * 50)

    def spend(_: int) -> None:
        with Budget(share=shared) as budget:
            for _ in range(50):
                budget.take(1, "values")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(200)))
    assert shared.held_bytes == 0
