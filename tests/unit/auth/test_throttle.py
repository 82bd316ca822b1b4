"""Guessing passwords gets slower and slower, for the guessed address only.

Tried with a clock that is turned by hand, many addresses, and attempts of several threads.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bitbrook.auth.throttle import ADDRESSES_MAX, FREE_ATTEMPTS, SignInThrottle
from bitbrook.clock import Clock
from bitbrook.errors import QuotaExceeded


class TurnedClock(Clock):
    at_s = 5.0

    def monotonic_s(self) -> float:
        return self.at_s


def attempts(throttle: SignInThrottle, email: str, count: int) -> int:
    """How many of so many attempts were let through."""
    passed = 0
    for _ in range(count):
        try:
            throttle.begin(email)
        except QuotaExceeded:
            continue
        passed += 1
    return passed


def test_waits_double_up_to_a_bound() -> None:
    clock = TurnedClock()
    throttle = SignInThrottle(clock)
    assert attempts(throttle, "ada", 50) == FREE_ATTEMPTS
    assert attempts(throttle, "bob", 5) == 5
    for wait_s in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300):
        clock.at_s += wait_s - 0.5
        with pytest.raises(QuotaExceeded, match="try again in 1 s"):
            throttle.begin("ada")
        clock.at_s += 0.5
        assert attempts(throttle, "ada", 2) == 1


def test_success_and_time_forget() -> None:
    clock = TurnedClock()
    throttle = SignInThrottle(clock)
    attempts(throttle, "ada", 50)
    throttle.succeed("ada")
    assert attempts(throttle, "ada", 50) == FREE_ATTEMPTS
    clock.at_s += 3_600
    assert attempts(throttle, "ada", 50) == FREE_ATTEMPTS


def test_many_at_once_gain_nothing() -> None:
    throttle = SignInThrottle(TurnedClock())
    with ThreadPoolExecutor(8) as threads:
        passed = sum(threads.map(lambda _: attempts(throttle, "ada", 20), range(8)))
    assert passed == FREE_ATTEMPTS


def test_memory_is_bounded() -> None:
    throttle = SignInThrottle(TurnedClock())
    for number in range(ADDRESSES_MAX + 100):
        throttle.begin(str(number))
    assert len(throttle._failures) == ADDRESSES_MAX
