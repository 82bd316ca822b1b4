"""The steps of a request that is traced: what took how long on its behalf, and when.

A traced request has a `Trace`, which is in the context of every thread that works for it, or is
handed on with its batch to those that work for many. A step is noted when it has ended. While
nobody traces there is no trace, and a step costs a look for one. Knows nothing of where steps go.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from typing import NamedTuple

STEPS_MAX = 200
"""Steps that are kept of a request; a statement may ask any number of questions."""


class Step(NamedTuple):
    """Something that was done, between two moments of the monotonic clock. `kind`: of what."""

    name: str
    began_s: float
    ended_s: float
    kind: str = ""


class Trace:
    """The steps of one request, in the order in which they ended. `now_s`: the monotonic clock."""

    __slots__ = ("now_s", "steps")

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.steps: list[Step] = []

    def note(self, step: Step) -> None:
        """Take note of a step, on any thread."""
        if len(self.steps) < STEPS_MAX:
            self.steps.append(step)


_TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)
_NOTHING: AbstractContextManager[None] = nullcontext()


def current_trace() -> Trace | None:
    """Return the trace of the request that is being served, None if it is not traced."""
    return _TRACE.get()


def step(
    name: str, kind: str = "", *, trace: Trace | None = None
) -> AbstractContextManager[object]:
    """Note the block of code as a step of a trace: by default of the request being served."""
    if trace is None:
        trace = _TRACE.get()
    return _NOTHING if trace is None else _Timed(trace, name, kind)


class tracing:  # noqa: N801 - reads as what is done, as `serving` does
    """Give the request that is served inside a trace by that clock; None unless `is_on`."""

    __slots__ = ("_is_on", "_now_s", "_token")

    def __init__(self, now_s: Callable[[], float], *, is_on: bool) -> None:
        self._now_s = now_s
        self._is_on = is_on

    def __enter__(self) -> Trace | None:
        if not self._is_on:
            return None
        trace = Trace(self._now_s)
        self._token: Token[Trace | None] = _TRACE.set(trace)
        return trace

    def __exit__(self, *_: object) -> None:
        if self._is_on:
            _TRACE.reset(self._token)


class _Timed:
    """A step that is under way."""

    __slots__ = ("_began_s", "_kind", "_name", "_trace")

    def __init__(self, trace: Trace, name: str, kind: str) -> None:
        self._trace = trace
        self._name = name
        self._kind = kind

    def __enter__(self) -> None:
        self._began_s = self._trace.now_s()

    def __exit__(self, *_: object) -> None:
        ended_s = self._trace.now_s()
        self._trace.note(Step(self._name, self._began_s, ended_s, self._kind))
