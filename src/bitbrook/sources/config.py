"""The configuration of a source's field: from the keys users write to a typed value.

Keys are read in any case, because both `Mutex` and `mutex` are in use. A key that says nothing
(null, false, "") is as good as absent, since some clients send every key they know. Everything else
that is wrong becomes a fault in words; nothing is raised, so that all faults are told at once.
"""

import enum
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bitbrook.errors import InvalidValue
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, TimeUnit
from bitbrook.schema.limits import (
    DECIMAL_SCALE_MAX,
    TIME_MAX_S,
    TIME_MIN_S,
    VECTOR_DIMENSIONS_MAX,
)
from bitbrook.sources.durations import NANOSECONDS_PER, parse_duration
from bitbrook.sources.layouts import RFC3339, Layout

NANOSECONDS_A_SECOND = 10**9


class SourceType(enum.StrEnum):
    """What a source's field takes from JSON; see the table in the API reference."""

    ID = "id"
    IDS = "ids"
    STRING = "string"
    STRINGS = "strings"
    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    SIGNED_INT_BOOL_KEY = "signedIntBoolKey"
    RECORD_TIME = "recordTime"
    DATE_INT = "dateInt"
    TIMESTAMP = "timestamp"
    VECTOR = "vector"


class FieldConfig(msgspec.Struct, frozen=True):
    """How a field is stored and how its JSON is read; which members matter depends on its type.

    `unit_ns`: nanoseconds a number counts; `epoch_ns`: the moment it counts from, in nanoseconds
    since the Unix epoch. `reads_numeric_text`: whether text that does not fit the layout may be a
    number, which is so once Unit or Epoch say what it would count.
    """

    is_mutex: bool = False
    quantum: str = ""
    ttl_s: int = 0
    low: int = INT64_MIN
    high: int = INT64_MAX
    foreign_table: str = ""
    scale: int = 0
    layout: str = RFC3339
    epoch_ns: int = 0
    unit_ns: int = NANOSECONDS_A_SECOND
    granularity: TimeUnit = TimeUnit.SECOND
    reads_numeric_text: bool = False
    dimensions: int = 0


_UNITS = NANOSECONDS_PER | {"d": 86_400 * NANOSECONDS_A_SECOND}
_UNIT_NAMES = ("d", "h", "m", "s", "ms", "us", "ns")
_CUSTOM_UNIT = "c"
_QUANTA = {"YMDH"[start:stop] for start in range(4) for stop in range(start + 1, 5)}

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")

_ROW_TYPES = {SourceType.ID, SourceType.IDS, SourceType.STRING, SourceType.STRINGS}
_TIME_TYPES = {SourceType.RECORD_TIME, SourceType.DATE_INT, SourceType.TIMESTAMP}
_TYPES_WITH: dict[str, set[SourceType]] = {
    "Mutex": {SourceType.ID, SourceType.STRING},
    "Quantum": _ROW_TYPES,
    "TTL": _ROW_TYPES,
    "CacheConfig": _ROW_TYPES,  # accepted and of no effect: there is no such cache here
    "Min": {SourceType.INT},
    "Max": {SourceType.INT},
    "ForeignIndex": {SourceType.INT},
    "Scale": {SourceType.DECIMAL},
    "Layout": _TIME_TYPES,
    "Epoch": _TIME_TYPES,
    "Unit": _TIME_TYPES,
    "CustomUnit": {SourceType.DATE_INT},
    "Granularity": {SourceType.TIMESTAMP},
    "Dimensions": {SourceType.VECTOR},
}
_KEYS = {key.lower(): key for key in _TYPES_WITH}


def read_config(
    type_: SourceType, config: Mapping[str, Any] | None
) -> tuple[FieldConfig, list[str]]:
    """Return a field's configuration and what is wrong with it, each fault in words.

    A member whose key is at fault has its default.
    """
    reader = _Reader(type_, config or {})
    members: dict[str, Any] = {
        "is_mutex": reader.flag("Mutex"),
        "quantum": reader.quantum(),
        "ttl_s": reader.ttl_s(),
        "low": reader.whole_number("Min", INT64_MIN, INT64_MIN, INT64_MAX),
        "high": reader.whole_number("Max", INT64_MAX, INT64_MIN, INT64_MAX),
        "foreign_table": reader.text("ForeignIndex"),
        "scale": reader.whole_number("Scale", 0, 0, DECIMAL_SCALE_MAX),
        "layout": reader.layout(),
        "epoch_ns": reader.epoch_ns(),
        "unit_ns": reader.unit_ns(),
        "granularity": reader.granularity(),
        "reads_numeric_text": reader.has("Unit") or reader.has("Epoch"),
        "dimensions": reader.dimensions(),
    }
    read = FieldConfig(**members)
    if read.is_mutex and read.quantum:
        reader.faults.append("Mutex and Quantum exclude each other; leave one out")
    if read.ttl_s and not reader.has("Quantum"):
        reader.faults.append("TTL needs a Quantum; add one, such as YMD, or leave TTL out")
    if read.low > read.high:
        reader.faults.append(f"Min {read.low} is above Max {read.high}; swap them")
    return read, reader.faults


class _Reader:
    """The keys of one field's configuration, and the faults found so far."""

    def __init__(self, type_: SourceType, config: Mapping[str, Any]) -> None:
        self.faults: list[str] = []
        self._type = type_
        self._values: dict[str, Any] = {}
        for written, value in config.items():
            key = _KEYS.get(written.lower())
            if key is None:
                takes = ", ".join(key for key, types in _TYPES_WITH.items() if type_ in types)
                self.faults.append(
                    f"configuration key {written!r} is unknown; "
                    + (f"type {type_} takes {takes}" if takes else f"type {type_} takes none")
                )
            elif type_ not in _TYPES_WITH[key]:
                if value:
                    self.faults.append(
                        f"{key} does not go with type {type_}, only with "
                        + ", ".join(sorted(_TYPES_WITH[key]))
                    )
            elif key in self._values:
                self.faults.append(f"{key} is given twice; leave one out")
            elif value is not None and value != "":
                self._values[key] = value

    def has(self, key: str) -> bool:
        return key in self._values

    def flag(self, key: str) -> bool:
        match self._values.get(key, False):
            case bool() as flag:
                return flag
            case "true" | "false" as text:
                return bool(text == "true")
            case other:
                self._refuse(key, other, "true or false")
                return False

    def text(self, key: str) -> str:
        match self._values.get(key, ""):
            case str() as text:
                return text
            case other:
                self._refuse(key, other, "text")
                return ""

    def whole_number(self, key: str, default: int, low: int, high: int) -> int:
        value = self._values.get(key, default)
        # Some clients send numbers as text. bool is an int to Python, not to us.
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self._refuse(key, value, f"a whole number from {low} to {high}")
        return default

    def dimensions(self) -> int:
        if self._type is not SourceType.VECTOR:
            return 0
        if not self.has("Dimensions"):
            self.faults.append("Dimensions is missing; say how many numbers a vector has")
            return 1
        return self.whole_number("Dimensions", 1, 1, VECTOR_DIMENSIONS_MAX)

    def quantum(self) -> str:
        quantum = self.text("Quantum").upper()
        if quantum and quantum not in _QUANTA:
            self._refuse("Quantum", quantum, "a run of Y, M, D and H without gaps, such as YMD")
            return ""
        return quantum

    def ttl_s(self) -> int:
        text = self.text("TTL")
        ttl_ns = self._duration("TTL", text) if text else 0
        if ttl_ns < 0 or ttl_ns % NANOSECONDS_A_SECOND:
            self._refuse("TTL", text, "zero or more whole seconds, such as 720h")
            return 0
        return ttl_ns // NANOSECONDS_A_SECOND

    def layout(self) -> str:
        layout = self.text("Layout") or RFC3339
        return layout if self._tried(lambda: Layout(layout)) else RFC3339

    def epoch_ns(self) -> int:
        epoch = self._values.get("Epoch", 0)
        if isinstance(epoch, int) and not isinstance(epoch, bool):
            if TIME_MIN_S <= epoch <= TIME_MAX_S:
                return epoch * NANOSECONDS_A_SECOND
            self._refuse("Epoch", epoch, "in the years 1 to 9999")
            return 0
        for layout in (RFC3339, "2006-01-02"):
            try:
                seconds, nanoseconds = Layout(layout).parse_text(self.text("Epoch"))
            except InvalidValue:
                continue
            return seconds * NANOSECONDS_A_SECOND + nanoseconds
        self._refuse("Epoch", epoch, "RFC 3339 text, a date such as 2006-01-02, or Unix seconds")
        return 0

    def unit_ns(self) -> int:
        unit, custom = self.text("Unit"), self.text("CustomUnit")
        if (unit == _CUSTOM_UNIT) != bool(custom):
            self.faults.append("Unit c and CustomUnit (of type dateInt) need each other")
        elif custom:
            unit_ns = self._duration("CustomUnit", custom)
            if unit_ns > 0:
                return unit_ns
            self._refuse("CustomUnit", custom, "a duration above zero, such as 6h")
        elif unit and unit not in _UNIT_NAMES:
            self._refuse("Unit", unit, "one of d, h, m, s, ms, us, ns, c")
        return _UNITS.get(unit, NANOSECONDS_A_SECOND)

    def granularity(self) -> TimeUnit:
        granularity = self.text("Granularity") or TimeUnit.SECOND.value
        try:
            return TimeUnit(granularity)
        except ValueError:
            self._refuse("Granularity", granularity, "one of s, ms, us, ns")
            return TimeUnit.SECOND

    def _duration(self, key: str, text: str) -> int:
        """Return a duration's nanoseconds, or as many as are no fault a second time."""
        try:
            return parse_duration(text)
        except InvalidValue as refusal:
            self.faults.append(f"{key}: {refusal.message}")
            return NANOSECONDS_A_SECOND

    def _tried(self, attempt: Callable[[], object]) -> bool:
        try:
            attempt()
        except InvalidValue as refusal:
            self.faults.append(refusal.message)
            return False
        return True

    def _refuse(self, key: str, value: object, expected: str) -> None:
        written = json.dumps(value, ensure_ascii=False)
        self.faults.append(f"{key} {written[:40]} is not {expected}")
