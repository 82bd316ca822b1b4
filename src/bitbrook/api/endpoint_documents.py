"""OpenAPI documents of endpoints: each call with its own parameters, made from what was published.

OpenAPI 3.0, as the server's own description is.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from bitbrook.api.formats import Format
from bitbrook.api.openapi import PROBLEM, SECURITY, SECURITY_SCHEMES
from bitbrook.control.endpoint_entries import EndpointEntry, PublishedVersion
from bitbrook.control.endpoint_parameters import EndpointParameter, ParameterType
from bitbrook.control.saved_queries import SavedLanguage

Chosen = tuple[EndpointEntry, PublishedVersion]

_TYPES: dict[ParameterType, dict[str, Any]] = {
    ParameterType.STRING: {"type": "string"},
    ParameterType.INT: {"type": "integer", "format": "int64"},
    ParameterType.DECIMAL: {"type": "number"},
    ParameterType.BOOL: {"type": "boolean"},
    ParameterType.TIMESTAMP: {"type": "string", "format": "date-time"},
}
_BOUNDS = {
    ParameterType.STRING: ("minLength", "maxLength"),
    ParameterType.INT: ("minimum", "maximum"),
    ParameterType.DECIMAL: ("minimum", "maximum"),
}
_ROWS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "schema": {
            "type": "object",
            "properties": {
                "fields": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "type": {"type": "string"},
                            "base-type": {"type": "string"},
                            "type-info": {"type": "object", "nullable": True},
                        },
                    },
                }
            },
        },
        "data": {"type": "array", "items": {"type": "array", "items": {}}},
        "execution-time": {"type": "integer", "description": "microseconds"},
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
}
_RESULTS: dict[str, Any] = {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {}}},
}
_TEXT: dict[str, Any] = {"type": "string"}
_BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
_FORMS = {Format.LINES: _TEXT, Format.CSV: _TEXT, Format.ARROW: _BYTES, Format.PARQUET: _BYTES}
_RATE_HEADERS = {
    name: {"schema": {"type": "integer"}, "description": told}
    for name, told in (
        ("RateLimit-Limit", "calls a second, if they are limited"),
        ("RateLimit-Remaining", "calls that may be made now"),
        ("RateLimit-Reset", "seconds after which all may be made again"),
    )
}


def document_of(chosen: Iterable[Chosen], server: str, title: str) -> dict[str, Any]:
    """Return the description of these endpoints, each as one of its versions has it."""
    paths = {
        f"/v1/endpoints/{entry.row.name}": {"get": _operation(entry, version)}
        for entry, version in chosen
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": server}],
        "security": SECURITY,
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM}, "securitySchemes": SECURITY_SCHEMES},
    }


def _operation(entry: EndpointEntry, version: PublishedVersion) -> dict[str, Any]:
    row = version.row
    operation: dict[str, Any] = {
        "operationId": entry.row.name.replace("-", "_"),
        "summary": entry.row.description.partition("\n")[0] or entry.row.name,
        "description": entry.row.description,
        "tags": ["endpoints"],
        "x-version": row.version,
        "parameters": [
            *(_parameter(each) for each in version.parameters.declared),
            *_about_calls(row.language == SavedLanguage.SQL),
        ],
        "responses": _responses(row.language),
    }
    return operation


def _parameter(parameter: EndpointParameter) -> dict[str, Any]:
    value = dict(_TYPES[parameter.kind])
    low, high = _BOUNDS.get(parameter.kind, ("x-minimum", "x-maximum"))
    if parameter.min is not UNSET:
        value[low] = parameter.min
    if parameter.max is not UNSET:
        value[high] = parameter.max
    if parameter.enum is not UNSET:
        value["enum"] = parameter.enum
    schema = {"type": "array", "items": value} if parameter.is_list else value
    if parameter.default is not UNSET:
        schema["default"] = parameter.default
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "schema": schema,
    }
    if parameter.is_list:
        described |= {"style": "form", "explode": True}
    if parameter.description:
        described["description"] = parameter.description
    return described


def _about_calls(is_sql: bool) -> list[dict[str, Any]]:  # noqa: FBT001 - one word says it
    forms = ["json", "ndjson", "csv", "arrow", "parquet"] if is_sql else ["json"]
    told = (
        ("version", {"type": "integer", "minimum": 1}, "which version; by default the live one"),
        ("tag", _TEXT, "which version, by a tag"),
        ("format", {"type": "string", "enum": forms}, "the form of the answer, instead of Accept"),
    )
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": what}
        for name, schema, what in told
    ]


def _responses(language: str) -> dict[str, Any]:
    answer = _ROWS if language == SavedLanguage.SQL else _RESULTS
    content: dict[str, Any] = {Format.JSON.value: {"schema": answer}}
    if language == SavedLanguage.SQL:
        content |= {form.value: {"schema": schema} for form, schema in _FORMS.items()}
    etag = {"ETag": {"schema": _TEXT, "description": "names the answer while no table changes"}}
    refused = {
        "description": "refused; the body says why",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {
        "200": {"description": "the answer", "headers": etag | _RATE_HEADERS, "content": content},
        "304": {"description": "the answer of If-None-Match is still the answer"},
        "429": {**refused, "headers": _RATE_HEADERS | {"Retry-After": {"schema": _TEXT}}},
        "default": refused,
    }
