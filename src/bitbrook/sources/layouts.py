"""Go's reference-time layouts, compiled once to steps that read a column of texts.

A layout shows how the moment `Mon Jan 2 15:04:05 MST 2006` would be written; what it leaves out is
taken as January 1 of the year 0, midnight, UTC. What fits a layout here fits it in Go, with the
same meaning: blanks in runs, a fraction after the seconds though the layout has none, month names
in any case. A zone abbreviation tells no offset and counts as UTC, as it does in Go away from that
zone; only `GMT+3` is taken at its word, where Go forgets the three hours.

Source: package time of Go, "Layout" and Parse.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitbrook.errors import InvalidValue
from bitbrook.sources import layout_kernel as kernel
from bitbrook.sources.faults import Fault, Faults
from bitbrook.sources.layout_kernel import Slot
from bitbrook.sources.tokens import Tokens, token_of_text, tokens_of

RFC3339 = "2006-01-02T15:04:05Z07:00"
"""The default layout."""

Numbers = npt.NDArray[np.int64]


class Layout:
    """A layout, ready to read texts. May be used by several threads at once."""

    def __init__(self, layout: str) -> None:
        """Compile a layout.

        Raises:
            InvalidValue: it has no element, so it is not written in Go's manner.
        """
        self.text = layout
        self._steps = _compile(layout)

    def parse(self, tokens: Tokens) -> tuple[Numbers, Numbers, Faults]:
        """Return the moments of a column of texts: seconds and nanoseconds since the Unix epoch.

        int64[n] each, the nanoseconds in [0, 10^9), zero where there is a fault. Faults: MISSING
        (null), MALFORMED (no text, or one that does not fit).
        """
        texts = _Texts.of(tokens)
        for step in self._steps:
            step(texts)
        seconds = np.zeros(len(tokens), dtype=np.int64)
        at, stops = texts.spans
        at[at != stops] = -1
        kernel.settle(at, texts.slots, seconds)
        nanoseconds = texts.slots[Slot.NANOSECOND]
        faults = np.zeros(len(tokens), dtype=np.uint8)
        do_not_fit = at < 0
        if do_not_fit.any():
            faults[do_not_fit] = Fault.MALFORMED
            faults[tokens.are_null()] = Fault.MISSING
            seconds[do_not_fit] = nanoseconds[do_not_fit] = 0
        return seconds, nanoseconds, faults

    def parse_text(self, text: str) -> tuple[int, int]:
        """Return the moment of one text: seconds and nanoseconds since the Unix epoch.

        Raises:
            InvalidValue: the text does not fit.
        """
        seconds, nanoseconds, faults = self.parse(tokens_of([token_of_text(text)]))
        if faults.any():
            raise InvalidValue(f"{text[:40]!r} does not fit the layout {self.text!r}")
        return int(seconds[0]), int(nanoseconds[0])


@dataclass(slots=True)
class _Texts:
    """A column of texts and how far each has been read; see `layout_kernel`."""

    octets: npt.NDArray[np.uint8]
    spans: Numbers
    slots: Numbers

    @classmethod
    def of(cls, tokens: Tokens) -> "_Texts":
        """Return the texts between the quotes of those tokens that have some."""
        slots = np.full((len(Slot), len(tokens)), -1, dtype=np.int64)
        slots[Slot.NANOSECOND] = slots[Slot.OFFSET_S] = 0
        at = np.where(tokens.are_texts(), tokens.bounds[:-1] + 1, -1)
        return cls(tokens.octets, np.stack([at, tokens.bounds[1:] - 2]), slots)


_Step = Callable[[_Texts], None]


def _literal(text: str) -> _Step:
    literal = np.frombuffer(text.encode(), dtype=np.uint8)
    return lambda texts: kernel.read_literal(texts.octets, texts.spans, literal)


def _blanks(most: int) -> _Step:
    return lambda texts: kernel.read_blanks(texts.octets, texts.spans, most)


def _number(slot: Slot, *bounds: int) -> _Step:
    limits = np.array(bounds)
    return lambda texts: kernel.read_number(texts.octets, texts.spans, texts.slots[slot], limits)


def _short_year(texts: _Texts) -> None:
    _two_digits_of_year(texts)
    years = texts.slots[Slot.YEAR]
    years += np.where(years >= 69, 1900, 2000)


_two_digits_of_year = _number(Slot.YEAR, 2, 2, 0, 99)


def _name(slot: Slot, names: npt.NDArray[np.uint8]) -> _Step:
    return lambda texts: kernel.read_name(texts.octets, texts.spans, texts.slots[slot], names)


def _fraction(digits: int) -> _Step:
    return lambda texts: kernel.read_fraction(
        texts.octets, texts.spans, texts.slots[Slot.NANOSECOND], digits
    )


def _half_day(letters: bytes) -> _Step:
    octets = np.frombuffer(letters, dtype=np.uint8)
    return lambda texts: kernel.read_half_day(
        texts.octets, texts.spans, texts.slots[Slot.IS_AFTERNOON], octets
    )


def _offset(element: str) -> _Step:
    parts = len(element.replace(":", "")) // 2
    form = np.array([parts, ":" in element, element[0] == "Z"], dtype=np.int64)
    return lambda texts: kernel.read_offset(
        texts.octets, texts.spans, texts.slots[Slot.OFFSET_S], form
    )


def _zone(texts: _Texts) -> None:
    kernel.read_zone(texts.octets, texts.spans, texts.slots[Slot.OFFSET_S])


_ELEMENTS: dict[str, tuple[_Step, ...]] = {
    "2006": (_number(Slot.YEAR, 4, 4, 0, 9999),),
    "06": (_short_year,),
    "January": (_name(Slot.MONTH, kernel.LONG_MONTHS),),
    "Jan": (_name(Slot.MONTH, kernel.SHORT_MONTHS),),
    "01": (_number(Slot.MONTH, 2, 2, 1, 12),),
    "1": (_number(Slot.MONTH, 1, 2, 1, 12),),
    "Monday": (_name(Slot.WEEKDAY, kernel.LONG_WEEKDAYS),),
    "Mon": (_name(Slot.WEEKDAY, kernel.SHORT_WEEKDAYS),),
    "02": (_number(Slot.DAY, 2, 2, 0, 99),),
    "_2": (_blanks(1), _number(Slot.DAY, 1, 2, 0, 99)),
    "2": (_number(Slot.DAY, 1, 2, 0, 99),),
    "002": (_number(Slot.DAY_OF_YEAR, 3, 3, 0, 999),),
    "__2": (_blanks(2), _number(Slot.DAY_OF_YEAR, 1, 3, 0, 999)),
    "15": (_number(Slot.HOUR, 1, 2, 0, 23),),
    "03": (_number(Slot.HOUR, 2, 2, 0, 12),),
    "3": (_number(Slot.HOUR, 1, 2, 0, 12),),
    "04": (_number(Slot.MINUTE, 2, 2, 0, 59),),
    "4": (_number(Slot.MINUTE, 1, 2, 0, 59),),
    "05": (_number(Slot.SECOND, 2, 2, 0, 59),),
    "5": (_number(Slot.SECOND, 1, 2, 0, 59),),
    "PM": (_half_day(b"APM"),),
    "pm": (_half_day(b"apm"),),
    "MST": (_zone,),
}
"""What reads each element of a layout, but for fractions and offsets.

Whether the year has that day is seen at the end, once month and year are known.
"""

# In Go's order of preference. `Jan` and `Mon` with a small letter after them are words, `_2006` is
# an underscore and a year, a fraction is a run of zeros or of nines that no digit follows.
_ELEMENT = re.compile(
    "January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|_(?=2006)|__2|_2|3|4|5"
    "|PM|pm|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?![0-9])"
)


def _compile(layout: str) -> tuple[_Step, ...]:
    elements = [match for match in _ELEMENT.finditer(layout) if match[0] != "_"]
    if not elements:
        raise InvalidValue(
            f"Layout {layout[:40]!r} shows no time; write how Mon Jan 2 15:04:05 MST 2006 would "
            "look, such as 2006-01-02 15:04:05"
        )
    steps: list[_Step] = []
    at = 0
    for i, element in enumerate(elements):
        if element.start() > at:
            steps.append(_literal(layout[at : element.start()]))
        at = element.end()
        following = elements[i + 1][0] if i + 1 < len(elements) else ""
        steps.extend(_steps_of(element[0], following))
    if at < len(layout):
        steps.append(_literal(layout[at:]))
    return tuple(steps)


def _steps_of(element: str, following: str) -> tuple[_Step, ...]:
    match element[0]:
        case "." | ",":
            return (_fraction(len(element) - 1 if element[1] == "0" else 0),)
        case "-" | "Z":
            return (_offset(element),)
    steps = _ELEMENTS[element]
    if element in {"05", "5"} and following[:1] not in {".", ","}:
        return (*steps, _fraction(0))
    return steps
