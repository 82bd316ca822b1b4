"""The parameters of an endpoint: what each one takes, and a call's texts as values of those types.

Everything arrives as text and leaves as a value of a type that was declared, or is refused with the
parameter's name, the value and the mend. Knows nothing of statements.
"""

import enum
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bitbrook.errors import InvalidValue
from bitbrook.query.parameters import Moment, Parameters, ParameterValue
from bitbrook.query.pql.times import parse_time
from bitbrook.schema.field_types import INT64_MIN, UINT64_MAX
from bitbrook.schema.limits import DECIMAL_SCALE_MAX

PARAMETERS_MAX = 100
"""Parameters that an endpoint may have."""

LIST_VALUES_MAX = 1_000
"""Values that one list may have in a call."""

TEXT_CHARACTERS_MAX = 10_000
SHOWN_CHARACTERS = 40
RESERVED = frozenset({"version", "tag", "format"})
"""What a call's address says beside its parameters."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_TYPE = re.compile(r"(list\()?(string|int|decimal|bool|timestamp)(?(1)\))")
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


class ParameterType(enum.StrEnum):
    """The type of a parameter's value, or of each value of its list."""

    STRING = "string"
    INT = "int"
    DECIMAL = "decimal"
    BOOL = "bool"
    TIMESTAMP = "timestamp"


class EndpointParameter(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A parameter, as it is declared.

    `type`: string, int, decimal, bool or timestamp, or list(...) of one of these. One with a
    `default` may be left out; so may one that is not `required`, which then is null. `min` and
    `max` bound numbers and times, and the characters of strings; `enum` lists what may be given.
    """

    name: str
    type: str
    description: str = ""
    required: bool | UnsetType = UNSET
    default: Any = UNSET
    min: Any = UNSET
    max: Any = UNSET
    enum: list[Any] | UnsetType = UNSET

    @property
    def kind(self) -> ParameterType:
        """The type of a value, or of each of a list."""
        return ParameterType(self.type.removeprefix("list(").rstrip(")"))

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return self.type.startswith("list(")

    @property
    def is_required(self) -> bool:
        """Whether a call has to give it."""
        return self.default is UNSET and self.required is not False


class ParameterSet:
    """An endpoint's parameters, checked, with their bounds and defaults as values."""

    def __init__(self, declared: Sequence[EndpointParameter]) -> None:
        """Check what is declared.

        Raises:
            InvalidValue: a parameter cannot be; `details` lists every fault.
        """
        self.declared = tuple(declared)
        self._read: dict[str, _Reading] = {}
        faults = []
        if len(declared) > PARAMETERS_MAX:
            faults.append(f"{len(declared)} parameters are declared and {PARAMETERS_MAX} allowed")
        for parameter in declared:
            try:
                if parameter.name in self._read:
                    raise _refused(parameter.name, "is declared twice; leave one out")
                self._read[parameter.name] = _Reading(parameter)
            except InvalidValue as fault:
                faults.append(fault.message)
        if faults:
            raise InvalidValue("; ".join(faults), field="parameters", details=faults)

    @property
    def names(self) -> frozenset[str]:
        """What they are called."""
        return frozenset(self._read)

    def values(self, given: Mapping[str, Sequence[str]]) -> Parameters:
        """Return the values of a call, from the texts that it gives for each name.

        Raises:
            InvalidValue: one is unknown, missing, or cannot be; `details` lists every fault.
        """
        faults: list[str] = []
        unknown = [name for name in given if name not in self._read]
        if unknown:
            known = ", ".join(self._read) or "none"
            shown = unknown[0][:SHOWN_CHARACTERS]
            faults.append(f"parameter {shown!r} is unknown; there are {known}")
        values: dict[str, ParameterValue] = {}
        first = unknown[0] if unknown else None
        for name, reading in self._read.items():
            try:
                values[name] = reading.value(given.get(name))
            except InvalidValue as fault:
                first = first or name
                faults.append(fault.message)
        if faults:
            raise InvalidValue("; ".join(faults), field=first, details=faults[1:] and faults)
        return values

    def samples(self) -> Parameters:
        """Return values that a call could have, to try a statement with."""
        return {name: reading.sample() for name, reading in self._read.items()}


class _Reading:
    """How one parameter's texts become its value."""

    def __init__(self, parameter: EndpointParameter) -> None:
        name = parameter.name
        if not _NAME.fullmatch(name) or name in RESERVED:
            message = f"cannot be; give a-z, 0-9 and _, but none of {', '.join(sorted(RESERVED))}"
            raise _refused(name[:SHOWN_CHARACTERS], message)
        if not _TYPE.fullmatch(parameter.type):
            types = ", ".join(ParameterType)
            raise _refused(name, f"has type {parameter.type[:20]!r}; give {types} or list(...)")
        if parameter.default is not UNSET and parameter.required is True:
            raise _refused(name, "is required and has a default; leave out one of the two")
        self.parameter = parameter
        self._kind = parameter.kind
        self._low = self._bound("min", parameter.min)
        self._high = self._bound("max", parameter.max)
        if self._low is not None and self._high is not None and self._low > self._high:
            raise _refused(name, "has a min above its max")
        self._choices = [self._declared("enum", each) for each in parameter.enum or ()]
        if parameter.enum is not UNSET and not self._choices:
            raise _refused(name, "has an empty enum; list what may be given")
        for choice in self._choices:
            self._check(choice)
        self._default = self._of_default(parameter.default)

    def value(self, texts: Sequence[str] | None) -> ParameterValue:
        """Return the value of a call that gives these texts."""
        name = self.parameter.name
        if not texts:
            if self.parameter.is_required:
                raise _refused(name, f"is missing; give {_shown_type(self.parameter)}")
            return self._default
        if self.parameter.is_list:
            if len(texts) > LIST_VALUES_MAX:
                raise _refused(name, f"has {len(texts):,} values; give {LIST_VALUES_MAX:,} at most")
            return tuple(self._one(text) for text in texts)
        if len(texts) > 1:
            raise _refused(name, "is given more than once; give it once")
        return self._one(texts[0])

    def sample(self) -> ParameterValue:
        """Return a value that may be."""
        if self._default is not None:
            return self._default
        samples: dict[ParameterType, ParameterValue] = {
            ParameterType.STRING: "",
            ParameterType.INT: 0,
            ParameterType.DECIMAL: Decimal(0),
            ParameterType.BOOL: False,
            ParameterType.TIMESTAMP: Moment(0),
        }
        value = samples[self._kind]
        if self._choices:
            value = self._choices[0]
        elif self._kind is not ParameterType.STRING:
            value = next((b for b in (self._low, self._high) if b is not None), value)
        return (value, value) if self.parameter.is_list else value

    def _one(self, text: str) -> ParameterValue:
        value = self._parsed(text)
        self._check(value)
        return value

    def _check(self, value: ParameterValue) -> None:
        """Return if a value is within the bounds and among the choices."""
        name = self.parameter.name
        measured: Any = len(value) if isinstance(value, str) else value
        what = " characters" if isinstance(value, str) else ""
        if self._low is not None and measured < self._low:
            raise _refused(name, f"is {_shown(value)}; give {_shown(self._low)}{what} or more")
        if self._high is not None and measured > self._high:
            raise _refused(name, f"is {_shown(value)}; give {_shown(self._high)}{what} or less")
        if self._choices and value not in self._choices:
            listed = ", ".join(map(_shown, self._choices[:20]))
            raise _refused(name, f"is {_shown(value)}; give one of {listed}")

    def _parsed(self, text: str) -> ParameterValue:
        """Return the value that a text writes."""
        name = self.parameter.name
        match self._kind:
            case ParameterType.STRING:
                if len(text) > TEXT_CHARACTERS_MAX:
                    message = f"has {len(text):,} characters; give {TEXT_CHARACTERS_MAX:,} at most"
                    raise _refused(name, message)
                return text
            case ParameterType.INT:
                if _WHOLE.fullmatch(text) and INT64_MIN <= int(text) <= UINT64_MAX:
                    return int(text)
            case ParameterType.DECIMAL:
                if (number := _decimal(text)) is not None:
                    return number
            case ParameterType.BOOL:
                if text.lower() in _BOOLS:
                    return _BOOLS[text.lower()]
            case ParameterType.TIMESTAMP:
                if (moment := _moment(text)) is not None:
                    return moment
        shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
        raise _refused(name, f"is {shown!r}; give {_EXAMPLES[self._kind]}")

    def _bound(self, which: str, declared: Any) -> Any:
        if declared is UNSET:
            return None
        if self._kind is ParameterType.BOOL:
            raise _refused(self.parameter.name, f"is a bool and has a {which}; leave it out")
        if self._kind is ParameterType.STRING:
            if type(declared) is int and declared >= 0:
                return declared
            message = f"has {which} {declared!r}; give a number of characters"
            raise _refused(self.parameter.name, message)
        return self._declared(which, declared)

    def _declared(self, which: str, declared: Any) -> ParameterValue:
        """Return the value of a bound, a choice or a default, which were given as JSON."""
        text = _text_of(declared, self._kind)
        if text is None:
            message = f"has {which} {str(declared)[:SHOWN_CHARACTERS]!r}; give {self._kind} values"
            raise _refused(self.parameter.name, message)
        return self._parsed(text)

    def _of_default(self, declared: Any) -> ParameterValue:
        if declared is UNSET or declared is None:
            return None
        if not self.parameter.is_list:
            value = self._declared("default", declared)
            self._check(value)
            return value
        if not isinstance(declared, list):
            raise _refused(self.parameter.name, "is a list, and so has to be its default")
        values = tuple(self._declared("default", each) for each in declared)
        for each in values:
            self._check(each)
        return values


_EXAMPLES = {
    ParameterType.STRING: "text",
    ParameterType.INT: "a whole number such as 42",
    ParameterType.DECIMAL: "a number such as 12.50",
    ParameterType.BOOL: "true or false",
    ParameterType.TIMESTAMP: "a time such as 2026-01-31T12:00:00Z",
}


def _refused(name: str, what: str) -> InvalidValue:
    return InvalidValue(f"parameter {name!r} {what}", field=name)


def _decimal(text: str) -> Decimal | None:
    if not _DECIMAL.fullmatch(text) or len(text) > SHOWN_CHARACTERS:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and -exponent <= DECIMAL_SCALE_MAX else None


def _moment(text: str) -> Moment | None:
    # A plus sign that was not encoded arrives as a space; people write one where a T belongs.
    for written in (text, text.replace(" ", "T", 1), text.replace(" ", "+", 1)):
        try:
            return Moment(parse_time(written))
        except InvalidValue:
            continue
    return None


def _text_of(declared: Any, kind: ParameterType) -> str | None:
    """Return the text of a JSON value, None if it is of another type."""
    match declared:
        case bool():
            return ("true" if declared else "false") if kind is ParameterType.BOOL else None
        case str():
            return declared if kind not in {ParameterType.INT, ParameterType.BOOL} else None
        case int():
            return str(declared) if kind in {ParameterType.INT, ParameterType.DECIMAL} else None
        case float() | Decimal():
            return f"{Decimal(str(declared)):f}" if kind is ParameterType.DECIMAL else None
        case _:
            return None


def _shown(value: Any) -> str:
    match value:
        case str():
            text = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "..."
            return repr(text)
        case bool():
            return "true" if value else "false"
        case Moment():
            return value.text
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _shown_type(parameter: EndpointParameter) -> str:
    return f"values of {parameter.type}" if parameter.is_list else _EXAMPLES[parameter.kind]
