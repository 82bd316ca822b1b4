"""The checker of histories finds what a single copy could not have answered, and only that.

Histories that are right in unusual ways must pass, and each kind of wrong one must be named: a read
that is older than an acknowledged write, than an earlier read, or newer than anything sent.
"""

from scale.history import History, Operation


def faults(*operations: Operation) -> list[str]:
    history = History()
    history.operations = list(operations)
    return history.faults()


def write(number: int, began_s: float, ended_s: float | None) -> Operation:
    return Operation("r", True, number, began_s, ended_s)


def read(number: int, began_s: float, ended_s: float) -> Operation:
    return Operation("r", False, number, began_s, ended_s)


def test_what_overlaps_may_be_either_way() -> None:
    assert not faults(write(1, 0, 4), read(0, 1, 2), read(1, 2.5, 3))
    assert not faults(write(1, 0, 1), write(2, 2, 5), read(2, 3, 4), read(2, 6, 7))
    assert not faults(read(0, 0, 1))


def test_a_write_that_was_never_acknowledged_may_count_or_not() -> None:
    assert not faults(write(1, 0, 1), write(2, 2, None), read(1, 3, 4), read(2, 5, 6))
    assert faults(write(1, 0, 1), write(2, 2, None), read(2, 3, 4), read(1, 5, 6))


def test_a_read_after_the_answer_must_see_the_write() -> None:
    [fault] = faults(write(1, 0, 1), read(0, 2, 3))
    assert "0 was read, 1 was acknowledged" in fault


def test_a_later_read_must_not_be_older() -> None:
    [fault] = faults(write(1, 0, 9), read(1, 1, 2), read(0, 3, 4))
    assert "1 read before" in fault


def test_nothing_is_read_before_it_was_sent() -> None:
    [fault] = faults(read(1, 0, 1), write(1, 2, 3))
    assert "0 was the last sent" in fault


def test_registers_have_nothing_to_do_with_each_other() -> None:
    assert not faults(write(1, 0, 1), Operation("other", False, 0, 2, 3))
