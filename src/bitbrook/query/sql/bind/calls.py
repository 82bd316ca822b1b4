"""Calls of functions: their names found, their arguments counted and checked."""

from collections.abc import Sequence

from bitbrook.query.sql.bind.literals import as_vector
from bitbrook.query.sql.bind.operators import as_time
from bitbrook.query.sql.functions.definitions import (
    VECTOR,
    AggregateFunction,
    Function,
    Parameter,
)
from bitbrook.query.sql.functions.lists import HOLDING, TOGETHER, is_fold
from bitbrook.query.sql.functions.numbers import ALIKE
from bitbrook.query.sql.functions.sets import RANGEQ
from bitbrook.query.sql.functions.table import ALIASES, SCALARS
from bitbrook.query.sql.functions.times import UNITS
from bitbrook.query.sql.functions.vectors import DISTANCES
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.tree import Call, Constant, Expression
from bitbrook.query.sql.types import BOOL, VOID, Kind, common_type, is_assignable, timestamp
from bitbrook.schema.field_types import TimeUnit


def scalar(name: str, arguments: list[Expression], offset: int, text: StatementText) -> Expression:
    """Return a call of a scalar function.

    Raises:
        InvalidStatement: there is no such function, or it does not take these arguments.
    """
    upper = name.upper()
    upper = ALIASES.get(upper, upper)
    function = SCALARS.get(upper)
    if function is None:
        raise text.error(f"unknown function '{name.lower()}'", offset)
    if any(argument.type.kind is Kind.VECTOR for argument in arguments):
        arguments = [as_vector(argument, text) for argument in arguments]
    arguments = checked(name, function, arguments, offset, text)
    if upper == RANGEQ:
        arguments = [arguments[0], *(_moment(bound, text) for bound in arguments[1:])]
    _check_particulars(upper, arguments, text)
    kind = function.result_type(arguments)
    return Call(upper, tuple(arguments), kind, function.render, offset, text.prefix(offset))


def checked(
    name: str,
    function: Function | AggregateFunction,
    arguments: list[Expression],
    offset: int,
    text: StatementText,
) -> list[Expression]:
    """Return the arguments, strings read as times where the function takes times."""
    parameters = _parameters_for(name, function, len(arguments), offset, text)
    ready = []
    for parameter, argument in zip(parameters, arguments, strict=True):
        if parameter.name == "timestamp" and argument.type.is_text:
            argument = as_time(argument, text)  # noqa: PLW2901 - the argument, read as a time
        if parameter is VECTOR:
            argument = as_vector(argument, text)  # noqa: PLW2901 - the argument, read as a vector
        _check(parameter, argument, text)
        ready.append(argument)
    return ready


def _parameters_for(
    name: str,
    function: Function | AggregateFunction,
    count: int,
    offset: int,
    text: StatementText,
) -> Sequence[Parameter]:
    parameters = function.parameters
    least = len(parameters) if function.required is None else function.required
    repeats = isinstance(function, Function) and function.repeats
    if count < least or (count > len(parameters) and not repeats):
        raise text.error(
            f"'{name.lower()}': count of formal parameters ({len(parameters)}) "
            f"does not match count of actual parameters ({count})",
            offset,
        )
    if count > len(parameters):
        return (*parameters, *(parameters[-1] for _ in range(count - len(parameters))))
    return parameters[:count]


def _check(parameter: Parameter, argument: Expression, text: StatementText) -> None:
    if not parameter.accepts(argument.type):
        expected = {"setq": "set", "set": "set"}.get(parameter.name)
        if expected is not None:
            raise text.error(f"{expected} expression expected", argument.offset)
        raise text.error(
            f"an expression of type '{argument.type}' cannot be passed to a parameter of type "
            f"'{parameter.name}'",
            argument.offset,
        )
    if parameter.is_literal and not isinstance(argument, Constant):
        raise text.error("literal expression expected", argument.offset)
    if parameter.is_unit:
        assert isinstance(argument, Constant), "units are literals"
        if not isinstance(argument.value, str) or argument.value.upper() not in UNITS:
            raise text.error(f"'{argument.value}' is not a valid time unit", argument.offset)


def _moment(bound: Expression, text: StatementText) -> Expression:
    """Return a bound of rangeq(): a timestamp, a string that writes one, or Unix seconds."""
    if bound.type.is_text:
        return as_time(bound, text)
    if isinstance(bound, Constant) and bound.type.kind is Kind.INT:
        assert isinstance(bound.value, int), "an int"
        return Constant.of(bound.value, timestamp(TimeUnit.SECOND), bound.offset)
    if bound.type.kind not in {Kind.TIMESTAMP, Kind.VOID}:
        raise text.error(
            f"an expression of type '{bound.type}' cannot be passed to a parameter of type "
            "'timestamp'",
            bound.offset,
        )
    return bound


def _check_particulars(name: str, arguments: list[Expression], text: StatementText) -> None:
    """Check what the types of single arguments do not tell."""
    match name:
        case "SETCONTAINS":
            operand, member = arguments
            if not is_assignable(member.type, operand.type.member) and not (
                operand.type.member.kind is Kind.ID and member.type.is_integer
            ):
                _not_equatable(operand, member, text)
        case "SETCONTAINSANY" | "SETCONTAINSALL" | "TANIMOTO_COEFFICIENT":
            one, other = arguments
            if common_type(one.type, other.type) is None:
                _not_equatable(one, other, text)
        case _ if name in DISTANCES:
            one, other = arguments
            if common_type(one.type, other.type) is None:
                raise text.error(
                    f"an expression of type '{other.type}' cannot be passed to a parameter of type "
                    f"'{one.type}'",
                    other.offset,
                )
        case "TOTIMESTAMP" if len(arguments) > 1:
            unit = arguments[1]
            assert isinstance(unit, Constant), "units are literals"
            if unit.value not in set(TimeUnit):
                raise text.error(f"'{unit.value}' is not a valid time unit", unit.offset)
        case "STR" | "ROUND":
            last = arguments[-1]
            if (
                isinstance(last, Constant)
                and len(arguments) > 1
                and not (isinstance(last.value, int) and (name == "ROUND" or last.value >= 0))
            ):
                raise text.error(f"value '{last.value}' out of range", last.offset)
        case "RANGEQ":
            bounds = arguments[1:]
            if all(isinstance(b, Constant) and b.value is None for b in bounds):
                message = "calling ranqeq() 'from' and 'to' parameters cannot both be null"
                raise text.error(message, bounds[0].offset)
        case _ if name in HOLDING or name in TOGETHER:
            _check_lists(name, arguments, text)
        case "IF":
            condition, one, other = arguments
            if condition.type not in {BOOL, VOID}:
                raise text.error("boolean expression expected", condition.offset)
            if common_type(one.type, other.type) is None:
                _not_equatable(one, other, text)
        case "LIST_AGGREGATE" if not is_fold(arguments):
            message = f"'{_shown(arguments[1])}' is no aggregate of a '{arguments[0].type}'"
            raise text.error(message, arguments[1].offset)
        case _ if SCALARS[name].parameters[:1] == (ALIKE,):
            kind = VOID
            for argument in arguments:
                together = common_type(kind, argument.type)
                if together is None:
                    message = f"types '{kind}' and '{argument.type}' are not equatable"
                    raise text.error(message, argument.offset)
                kind = together


def _shown(node: Expression) -> str:
    return str(node.value)[:40] if isinstance(node, Constant) else ""


def _check_lists(name: str, arguments: list[Expression], text: StatementText) -> None:
    """Check that a list and what is looked for in it, or several lists, are of one type."""
    kinds = [a.type for a in arguments]
    if name in TOGETHER:
        kinds = [kind.item if kind.is_listed else kind for kind in kinds]
    else:
        at = 1 if name == "LIST_PREPEND" else 0
        kinds[at] = kinds[at].item if kinds[at].is_listed else kinds[at]
    together = kinds[0]
    for kind, argument in zip(kinds[1:], arguments[1:], strict=True):
        both = common_type(together, kind)
        if both is None:
            message = f"types '{together}' and '{kind}' are not equatable"
            raise text.error(message, argument.offset)
        together = both


def _not_equatable(one: Expression, other: Expression, text: StatementText) -> None:
    raise text.error(f"types '{one.type}' and '{other.type}' are not equatable", other.offset)
