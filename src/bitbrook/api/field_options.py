"""A field's options as users write them, read into a field and shown again.

The keys are those of the original's field options (`timeQuantum`, `timeUnit`, ...), and two of our
own: `maxLength`, the characters of a text (SQL's `varchar(n)`), and `dimensions`, the numbers of a
vector. The bounds of a decimal are written with its point.
"""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bitbrook.errors import BitbrookError, InvalidValue
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, FieldSchema, FieldType
from bitbrook.schema.limits import ROW_KEY_BYTES_MAX, VECTOR_DIMENSIONS_MAX
from bitbrook.sources.config import SourceType, read_config

# A field that is made by hand takes its configuration by the same rules as one a source makes.
_SOURCE_TYPES = {
    (FieldType.SET, False): SourceType.IDS,
    (FieldType.SET, True): SourceType.STRINGS,
    (FieldType.TIME, False): SourceType.IDS,
    (FieldType.TIME, True): SourceType.STRINGS,
    (FieldType.MUTEX, False): SourceType.ID,
    (FieldType.MUTEX, True): SourceType.STRING,
    (FieldType.BOOL, False): SourceType.BOOL,
    (FieldType.INT, False): SourceType.INT,
    (FieldType.DECIMAL, False): SourceType.DECIMAL,
    (FieldType.TIMESTAMP, False): SourceType.TIMESTAMP,
}


class FieldOptions(msgspec.Struct, omit_defaults=True):
    """What a field is. `cacheType` and `cacheSize` are accepted and of no effect."""

    type: str = "set"
    keys: bool = False
    min: int | float | str | UnsetType = UNSET
    max: int | float | str | UnsetType = UNSET
    scale: int = 0
    timeUnit: str | UnsetType = UNSET  # noqa: N815 - the original's key
    epoch: int | str | UnsetType = UNSET
    timeQuantum: str = ""  # noqa: N815 - the original's key
    ttl: str = ""
    cacheType: str | UnsetType = UNSET  # noqa: N815 - the original's key
    cacheSize: int | UnsetType = UNSET  # noqa: N815 - the original's key
    maxLength: int | UnsetType = UNSET  # noqa: N815 - in the manner of the original's keys
    dimensions: int | UnsetType = UNSET


def read_field(name: str, options: FieldOptions) -> FieldSchema:
    """Return the field of that name that options describe, without an id.

    Raises:
        InvalidValue: they cannot be; the message says which and why.
    """
    try:
        type_ = FieldType(options.type.lower())
    except ValueError:
        known = ", ".join(FieldType)
        message = f"field {name!r}: type {options.type!r} is unknown; the types are {known}"
        raise InvalidValue(message, field="options.type") from None
    source_type = _SOURCE_TYPES.get((type_, options.keys))
    if type_ is FieldType.VECTOR and not options.keys:
        _check_lengths(name, type_, options)
        return _read_vector(name, options)
    if source_type is None:
        message = f"field {name!r}: keys do not go with type {type_}; leave them out"
        raise InvalidValue(message, field="options.keys")
    _check_lengths(name, type_, options)
    config, faults = read_config(source_type, _config_of(type_, options))
    if type_ is FieldType.TIME and not config.quantum and not faults:
        faults.append("timeQuantum is missing; give a run of Y, M, D and H, such as YMD")
    if faults:
        message = f"field {name!r}: {'; '.join(faults)}"
        raise InvalidValue(message, field="options", details=faults)
    field = FieldSchema(name, type_, is_keyed=options.keys)
    changes: dict[str, Any] = {"quantum": config.quantum, "ttl_s": config.ttl_s}
    match type_:
        case FieldType.INT:
            changes |= {"min": config.low, "max": config.high}
        case FieldType.DECIMAL:
            changes |= {"scale": config.scale} | _decimal_bounds(name, options, config.scale)
        case FieldType.MUTEX:
            changes |= {"length_max": options.maxLength or 0}
        case FieldType.TIMESTAMP:
            unit = config.granularity
            changes |= {"unit": unit, "epoch": config.epoch_ns * unit.per_second // 10**9}
    return msgspec.structs.replace(field, **changes)


def show_field(field: FieldSchema) -> FieldOptions:
    """Return a field's options."""
    options = FieldOptions(type=field.type.value, keys=field.is_keyed)
    match field.type:
        case FieldType.INT:
            options.min, options.max = field.min, field.max
        case FieldType.DECIMAL:
            options.scale = field.scale
            if (field.min, field.max) != (INT64_MIN, INT64_MAX):
                options.min = str(Decimal(field.min).scaleb(-field.scale))
                options.max = str(Decimal(field.max).scaleb(-field.scale))
        case FieldType.TIMESTAMP:
            options.timeUnit, options.epoch = field.unit.value, field.epoch
        case FieldType.VECTOR:
            options.dimensions = field.dimensions
        case FieldType.MUTEX if field.length_max:
            options.maxLength = field.length_max
        case _:
            options.timeQuantum = field.quantum
            options.ttl = f"{field.ttl_s}s" if field.ttl_s else ""
    return options


def _check_lengths(name: str, type_: FieldType, options: FieldOptions) -> None:
    """Return if what is given of `maxLength` and `dimensions` can be, else raise InvalidValue."""
    takes_length = type_ is FieldType.MUTEX and options.keys
    for key, value, takes, belongs, most in (
        ("maxLength", options.maxLength, takes_length, "mutex with keys", ROW_KEY_BYTES_MAX),
        (
            "dimensions",
            options.dimensions,
            type_ is FieldType.VECTOR,
            "vector",
            VECTOR_DIMENSIONS_MAX,
        ),
    ):
        if value is UNSET:
            continue
        if not takes:
            message = f"field {name!r}: {key} goes with type {belongs} alone; leave it out"
            raise InvalidValue(message, field=f"options.{key}")
        if not 1 <= value <= most:
            message = f"field {name!r}: {key} {value} cannot be; give 1 to {most:,}"
            raise InvalidValue(message, field=f"options.{key}")


def _read_vector(name: str, options: FieldOptions) -> FieldSchema:
    given = [
        each.name
        for each in msgspec.structs.fields(options)
        if each.name not in {"type", "dimensions"} and getattr(options, each.name) != each.default
    ]
    if given:
        message = f"field {name!r}: {', '.join(given)} do not go with type vector; leave them out"
        raise InvalidValue(message, field=f"options.{given[0]}")
    if not options.dimensions:
        message = f"field {name!r}: dimensions are missing; say how many numbers a vector has"
        raise InvalidValue(message, field="options.dimensions")
    return FieldSchema(name, FieldType.VECTOR, dimensions=options.dimensions)


def _config_of(type_: FieldType, options: FieldOptions) -> dict[str, Any]:
    """Return options as the configuration of a source's field."""
    config: dict[str, Any] = {
        "Mutex": type_ is FieldType.MUTEX or None,
        "Quantum": options.timeQuantum,
        "TTL": options.ttl,
        "Scale": options.scale,
        "Granularity": options.timeUnit or None,
        "Epoch": options.epoch if options.epoch is not UNSET else None,
    }
    if type_ is not FieldType.DECIMAL:
        config |= {
            "Min": options.min if options.min is not UNSET else None,
            "Max": options.max if options.max is not UNSET else None,
        }
    return {key: value for key, value in config.items() if value not in (None, "")}


def _decimal_bounds(name: str, options: FieldOptions, scale: int) -> dict[str, int]:
    bounds: dict[str, int] = {}
    for key in ("min", "max"):
        value = getattr(options, key)
        if value is UNSET:
            continue
        try:
            scaled = Decimal(str(value)).scaleb(scale)
            stored = int(scaled)
        except (ArithmeticError, ValueError):
            raise _bad_bound(name, key, value, scale) from None
        if stored != scaled or not INT64_MIN <= stored <= INT64_MAX:
            raise _bad_bound(name, key, value, scale)
        bounds[key] = stored
    return bounds


def _bad_bound(name: str, key: str, value: object, scale: int) -> BitbrookError:
    return InvalidValue(
        f"field {name!r}: {key} {value!r} is no decimal of scale {scale} that fits in 64 bits",
        field=f"options.{key}",
    )
