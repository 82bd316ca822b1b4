"""A request's steps are noted on every thread that works for it, and nothing is while none traces.

Tried with steps that fail, threads with and without the request's context, and too many steps.
"""

import contextvars
import threading
from itertools import count

import pytest

from bitbrook.telemetry.steps import STEPS_MAX, Step, current_trace, step, tracing


def test_steps_are_noted_as_they_end() -> None:
    ticks = count(1)
    with tracing(lambda: float(next(ticks)), is_on=True) as trace:
        assert trace is not None
        with step("outer"), pytest.raises(ZeroDivisionError), step("inner", "Count"):
            raise ZeroDivisionError
        assert trace.steps == [Step("inner", 2.0, 3.0, "Count"), Step("outer", 1.0, 4.0)]
    assert current_trace() is None
    with step("later"):
        pass
    assert len(trace.steps) == 2


def test_nothing_is_noted_while_nobody_traces() -> None:
    def now_s() -> float:
        raise AssertionError("no clock is read")

    with tracing(now_s, is_on=False) as trace, step("one"):
        assert trace is None
        assert current_trace() is None


def test_other_threads_note_in_the_context_or_by_the_trace() -> None:
    with tracing(lambda: 0.0, is_on=True) as trace:
        assert trace is not None

        def work(name: str) -> None:
            with step(name):
                pass

        def work_by_the_trace() -> None:
            with step("handed on", trace=trace):
                pass

        context = contextvars.copy_context()
        for target in (
            lambda: context.run(work, "in the context"),
            lambda: work("outside"),
            work_by_the_trace,
        ):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert [each.name for each in trace.steps] == ["in the context", "handed on"]


def test_steps_are_bounded() -> None:
    with tracing(lambda: 0.0, is_on=True) as trace:
        assert trace is not None
        for _ in range(STEPS_MAX + 50):
            with step("ask"):
                pass
    assert len(trace.steps) == STEPS_MAX
