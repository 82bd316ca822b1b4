"""A replica is asked after what answers of a kind usually take, at once after it was first.

Durations are told, none is measured: many quick answers and a slow one, kinds that differ, owners
that were overtaken and are first again.
"""

import pytest

from bitbrook.compute.hedging import (
    ANSWERS_MIN,
    DELAY_MIN_S,
    DELAY_UNKNOWN_S,
    KINDS_MAX,
    Hedging,
    Seen,
)
from bitbrook.compute.replicas import names_of_replicas, slot_of


def test_the_delay_is_what_most_answers_take() -> None:
    hedging = Hedging(1)
    assert hedging.delay_s("o", "count") == DELAY_UNKNOWN_S
    for _ in range(ANSWERS_MIN - 1):
        hedging.note_answer("o", "count", 0.02)
    assert hedging.delay_s("o", "count") == DELAY_UNKNOWN_S
    hedging.note_answer("o", "count", 0.02)
    assert hedging.delay_s("o", "count") == 0.02
    # One slow answer of many is what hedging is for.
    hedging.note_answer("o", "count", 3.0)
    assert hedging.delay_s("o", "count") == 0.02
    assert hedging.delay_s("o", "groups") == DELAY_UNKNOWN_S
    for _ in range(100):
        hedging.note_answer("o", "groups", 2.0)
        hedging.note_answer("o", "count", 0.0001)
    assert hedging.delay_s("o", "groups") == 2.0
    assert hedging.delay_s("o", "count") == DELAY_MIN_S


def test_an_overtaken_owner_has_no_patience_left() -> None:
    hedging = Hedging(1)
    hedging.note_overtaken("o")
    assert hedging.delay_s("o", "count") == DELAY_MIN_S
    assert hedging.delay_s("p", "count") == DELAY_UNKNOWN_S
    hedging.note_answer("o", "groups", 0.1)
    assert hedging.delay_s("o", "count") == DELAY_UNKNOWN_S


def test_kinds_are_forgotten_in_the_end() -> None:
    hedging = Hedging(1)
    for kind in range(KINDS_MAX + 1):
        for _ in range(ANSWERS_MIN):
            hedging.note_answer("o", kind, 0.05)
    assert hedging.delay_s("o", 0) == DELAY_UNKNOWN_S
    assert hedging.delay_s("o", KINDS_MAX) == 0.05


@pytest.mark.parametrize("owner", ["d.3.1.0", "d.3.1.7", "d.3.1.0-2"])
def test_replicas_are_named_by_the_place(owner: str) -> None:
    """Whoever has the place has the same replicas; they are asked in turn."""
    assert names_of_replicas(owner, 2) == ["d.3.1.r1", "d.3.1.r2"]
    assert slot_of("d.3.1.r2") == slot_of(owner) == "d.3.1."
    hedging = Hedging(2)
    asked = [hedging.replica_of(owner, attempt) for attempt in range(3)]
    assert asked == ["d.3.1.r1", "d.3.1.r2", "d.3.1.r1"]


def test_what_was_shown_only_grows() -> None:
    seen = Seen()
    seen.note("t", {0: 5, 1: 2})
    seen.note("t", {0: 3, 1: 4})
    assert seen.of("t", (0, 1, 2)) == {0: 5, 1: 4}
    assert seen.of("u", (0,)) == {}
    seen.forget("t")
    assert seen.of("t", (0, 1)) == {}
