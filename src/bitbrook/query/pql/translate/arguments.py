"""A call's arguments, sorted by what the call takes.

Every call declares a `Signature`; binding its arguments to it finds arguments that are unknown,
doubled, missing or too many, so that the calls themselves only read typed values.
"""

from dataclasses import dataclass, field

from bitbrook.errors import InvalidStatement, InvalidValue
from bitbrook.query.pql.lexer import StatementText
from bitbrook.query.pql.times import NANOSECONDS, parse_time, parse_unix_seconds
from bitbrook.query.pql.tree import (
    Call,
    Comparison,
    ListOfValues,
    Literal,
    Name,
    Named,
    Operator,
    Test,
    TimeLiteral,
    Value,
)
from bitbrook.query.pql.values import shown
from bitbrook.schema.field_types import INT64_MAX


@dataclass(slots=True, frozen=True)
class Signature:
    """What a call takes.

    `calls_min` (0 or 1), `calls_max`: how many positional calls (None: any number). `values_max`:
    how many positional values. `names`: named arguments. `has_field`: a field, as `f` or `field=f`.
    `has_subject`: one `f=value` or comparison, of any field.
    """

    calls_min: int = 0
    calls_max: int | None = 0
    values_max: int = 0
    names: frozenset[str] = frozenset()
    has_field: bool = False
    has_subject: bool = False


@dataclass(slots=True)
class Arguments:
    """The arguments of one call; getters raise InvalidStatement where a value is of the wrong kind.

    `subject` is what `f=value` or a comparison says; there `=` and `==` mean the same.
    """

    call: Call
    text: StatementText
    calls: list[Call] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    named: dict[str, Value] = field(default_factory=dict)
    subject: Comparison | None = None

    def error(self, message: str, offset: int | None = None) -> InvalidStatement:
        """Return an error that points at an argument, or else at the call."""
        return self.text.error(message, self.call.offset if offset is None else offset)

    def field_name(self) -> str:
        """Return the field that the call is about."""
        name = self.name("field")
        if name is None:
            raise self.error(f"{self.call.name} takes a field, as in {self.call.name}(field=name)")
        return name

    def name(self, argument: str) -> str | None:
        """Return the name of a field or table, bare or in quotes."""
        match self.named.get(argument):
            case None:
                return None
            case Name(text=name) | Literal(value=str() as name):
                return name
            case value:
                raise self._wrong(argument, "a name", value)

    def string(self, argument: str) -> str | None:
        """Return a string."""
        match self.named.get(argument):
            case None:
                return None
            case Literal(value=str() as text):
                return text
            case value:
                raise self._wrong(argument, "a string in quotes", value)

    def count(self, argument: str) -> int | None:
        """Return a whole number from 0."""
        value = self.named.get(argument)
        if value is None:
            return None
        if (number := _count(value)) is None:
            raise self._wrong(argument, "a whole number from 0", value)
        return number

    def flag(self, argument: str) -> bool:
        """Return true or false; false where the argument is missing."""
        match self.named.get(argument):
            case None:
                return False
            case Literal(value=bool() as flag):
                return flag
            case value:
                raise self._wrong(argument, "true or false", value)

    def items(self, argument: str) -> tuple[Value, ...] | None:
        """Return the items of a list."""
        match self.named.get(argument):
            case None:
                return None
            case ListOfValues(items=items):
                return items
            case value:
                raise self._wrong(argument, "a list in brackets", value)

    def counts(self, argument: str) -> list[int] | None:
        """Return a list of whole numbers from 0."""
        items = self.items(argument)
        if items is None:
            return None
        numbers = [number for item in items if (number := _count(item)) is not None]
        if len(numbers) < len(items):
            raise self._wrong(argument, "whole numbers from 0", self.named[argument])
        return numbers

    def inner(self, argument: str) -> Call | None:
        """Return a call that is an argument's value."""
        match self.named.get(argument):
            case None | Call() as call:
                return call
            case value:
                raise self._wrong(argument, "a call", value)

    def period(self) -> tuple[int | None, int | None]:
        """Return `from` and `to` as Unix seconds, the first rounded down, the other up.

        Numbers are Unix seconds. Either may be missing.
        """
        start, end = self._time("from"), self._time("to")
        return (
            None if start is None else start // NANOSECONDS,
            None if end is None else -(-end // NANOSECONDS),
        )

    def _time(self, argument: str) -> int | None:
        value = self.named.get(argument)
        if value is None:
            return None
        try:
            return time_of(value)
        except InvalidValue as reason:
            raise self.error(f"{argument}: {reason.message}", value.offset) from None

    def _wrong(self, argument: str, takes: str, value: Value) -> InvalidStatement:
        message = f"{self.call.name}({argument}=) takes {takes}, not {shown(value)}"
        return self.error(message, value.offset)


def _count(value: Value) -> int | None:
    """Return a whole number from 0 that a value is, None if it is not one."""
    match value:
        case Literal(value=int() as number) if (
            not isinstance(number, bool) and 0 <= number <= INT64_MAX
        ):
            return number
        case _:
            return None


def time_of(value: Value) -> int:
    """Return a time, or a number of Unix seconds, as nanoseconds since the Unix epoch.

    Raises:
        InvalidValue: it is neither.
    """
    match value:
        case TimeLiteral(text=text) | Literal(value=str() as text):
            return parse_time(text)
        case Literal(value=int() as seconds) if not isinstance(seconds, bool):
            return parse_unix_seconds(seconds)
        case _:
            raise InvalidValue(f"{shown(value)} is not a time; write it as 2006-01-02T15:04")


def bind(call: Call, signature: Signature, text: StatementText) -> Arguments:
    """Return the call's arguments, sorted by its signature.

    Raises:
        InvalidStatement: an argument that the call does not take, or too few of those it needs.
    """
    arguments = Arguments(call, text)
    for argument in call.arguments:
        match argument:
            case Call():
                arguments.calls.append(argument)
            case Named():
                _bind_named(arguments, argument, signature)
            case Comparison():
                _bind_subject(arguments, argument, signature)
            case Name() if signature.has_field and "field" not in arguments.named:
                arguments.named["field"] = argument
            case Literal(value=str()) if (
                signature.has_field and not signature.values_max and not arguments.named
            ):
                arguments.named["field"] = argument
            case _ if len(arguments.values) < signature.values_max:
                arguments.values.append(argument)
            case _:
                message = f"{call.name} does not take the argument {shown(argument)}"
                raise arguments.error(message, argument.offset)
    _check_calls(arguments, signature)
    return arguments


def _bind_named(arguments: Arguments, argument: Named, signature: Signature) -> None:
    name = argument.name
    if name in signature.names or (name == "field" and signature.has_field):
        if name in arguments.named:
            message = f"{arguments.call.name} takes {name} once"
            raise arguments.error(message, argument.offset)
        arguments.named[name] = argument.value
    elif signature.has_subject:
        tests = (Test(Operator.EQUAL, argument.value),)
        _bind_subject(arguments, Comparison(name, tests, argument.offset), signature)
    else:
        message = f"unknown argument {name!r} of {arguments.call.name}"
        raise arguments.error(message, argument.offset)


def _bind_subject(arguments: Arguments, subject: Comparison, signature: Signature) -> None:
    call = arguments.call
    if not signature.has_subject:
        message = f"{call.name} does not take a comparison of {subject.name!r}; Row does"
        raise arguments.error(message, subject.offset)
    if arguments.subject is not None:
        message = (
            f"{call.name} takes one field, not {arguments.subject.name!r} and {subject.name!r}; "
            "combine calls with Intersect or Union"
        )
        raise arguments.error(message, subject.offset)
    arguments.subject = subject


def _check_calls(arguments: Arguments, signature: Signature) -> None:
    call, count = arguments.call, len(arguments.calls)
    if count < signature.calls_min:
        raise arguments.error(f"{call.name} needs a call inside, such as Row(field=1)")
    if signature.calls_max is not None and count > signature.calls_max:
        extra = arguments.calls[signature.calls_max]
        message = f"{call.name} does not take the call {extra.name} here"
        raise arguments.error(message, extra.offset)
