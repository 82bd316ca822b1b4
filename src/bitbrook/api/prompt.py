"""Which statements are answered at once, on the event loop itself, instead of on a worker thread.

A hand-over to a thread and back costs more than the whole answer of a small question, the more so
while other threads hold the interpreter. What a statement costs is known from those of its shape
that ran before: the first runs on a worker, and one that proves slow goes back there. Only reading
statements qualify, since they can be given up and begun again elsewhere.

Invariant: a shape is prompt only while each of its latest runs took less than `PROMPT_S`.
"""

import re
from collections import OrderedDict

PROMPT_S = 0.002
"""Seconds of work up to which a statement may keep the event loop; a hand-over is a tenth of it."""

GIVE_UP_S = 0.01
"""Seconds after which a statement that was thought to be prompt is begun again on a worker: other
literals may make much more work."""

TEXT_CHARACTERS_MAX = 4_096
SHAPES_MAX = 10_000

_FADING = 0.8
"""What is left of an earlier cost after each cheaper run: a rare slow one is forgotten in time."""

_NEVER_S = 3_600.0
_READS = {
    "sql": re.compile(r"\s*select\b", re.IGNORECASE),
    "pql": re.compile(r"(?!.*\b(?:Set|Clear|ClearRow|Store|Delete)\s*\()", re.DOTALL),
}


class Shape:
    """The statements of one shape in one deployment, and what they cost lately."""

    def __init__(self, *, reads: bool) -> None:
        self._cost_s = _NEVER_S
        self._is_known = False
        self._reads = reads

    @property
    def is_prompt(self) -> bool:
        """Whether the next one may be answered on the event loop."""
        return self._is_known and self._cost_s <= PROMPT_S

    def note(self, cost_s: float) -> None:
        """Take note of a run: processor time on a worker, where others make it wait."""
        if self._reads:
            faded_s = self._cost_s * _FADING if self._is_known else 0.0
            self._cost_s = max(cost_s, faded_s)
            self._is_known = True

    def refuse(self) -> None:
        """Take note that it needs a thread of its own, whatever it costs."""
        self._reads = self._is_known = False


class Shapes:
    """The shapes that were asked lately. For one thread, the event loop's; shapes are for any."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[tuple[str, str, str], Shape] = OrderedDict()

    def of(self, deployment_id: str, language: str, shape: str) -> Shape:
        """Return a shape, new or known."""
        key = (deployment_id, language, shape)
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = Shape(reads=_READS[language].match(shape) is not None)
            if len(self._shapes) > SHAPES_MAX:
                self._shapes.popitem(last=False)
        return found
