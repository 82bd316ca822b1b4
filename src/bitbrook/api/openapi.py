"""The description of the API, made from the framework's and the hot routes.

It is OpenAPI 3.0, because the Swagger UI that is bundled reads no later one; what the framework
writes in the manner of 3.1 is written in the manner of 3.0. Paths that only repeat others under
their later names are left out where both names would be listed.
"""

import inspect
import re
from collections.abc import Sequence
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute

from bitbrook.api.hot_routes import HotRoute
from bitbrook.api.permissions import HOT_PERMISSIONS, permission_of

_REPEATED = ("/v2/deployments", "/v2/service-properties/deployment")
_METHODS = ("get", "post", "put", "patch", "delete")
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"key": []}]
SECURITY_SCHEMES = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "an IdToken from `POST /`, alone or after `Bearer `",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_TEXT: dict[str, Any] = {"type": "string"}


def _parameter(place: str, name: str, *choices: str) -> dict[str, Any]:
    """Return a parameter that need not be given, with the values that it may have."""
    schema = {**_TEXT, "enum": list(choices)} if choices else _TEXT
    return {"name": name, "in": place, "required": False, "schema": schema}


PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["error", "message", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": _TEXT,
                "message": _TEXT,
                "field": _TEXT,
                "details": {"type": "array", "items": _TEXT},
            },
        },
        "message": _TEXT,
        "request_id": _TEXT,
    },
}
_REFUSED = {
    "description": "refused; the body says why",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

_RECORDS = {
    "type": "object",
    "required": ["records"],
    "properties": {
        "records": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["value"],
                "properties": {"value": {"type": "object"}},
            },
        }
    },
    "example": {"records": [{"value": {"id": "1", "species": "setosa"}}]},
}
_OUTCOMES = {
    "type": "object",
    "properties": {
        "success_count": {"type": "integer"},
        "error_count": {"type": "integer"},
        "records": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "status": {"type": "string", "enum": ["success", "error", "not_stored"]},
                    "error_code": _TEXT,
                    "error_message": _TEXT,
                    "field": _TEXT,
                    "value": {},
                    "expected": _TEXT,
                    "mend": _TEXT,
                    "retryable": {"type": "boolean"},
                },
            },
        },
        "on_error": {"type": "string", "enum": ["partial", "reject"]},
        "durability": {"type": "string", "enum": ["fsync"]},
        "min_seq": _TEXT,
    },
}
_SWITCHES = [
    _parameter("query", "on_error", "partial", "reject"),
    _parameter("query", "durability", "group", "fsync"),
    _parameter("header", "Idempotency-Key"),
]
_MIN_SEQ = [_parameter("header", "X-Min-Seq")]
_STATEMENT = {
    "type": "object",
    "required": ["language", "statement"],
    "properties": {"language": {"type": "string", "enum": ["sql", "pql"]}, "statement": _TEXT},
    "example": {"language": "sql", "statement": "select * from iris_table limit 10"},
}
_WITH_FILES = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["statement"],
            "properties": {"statement": _TEXT, "file": {"type": "string", "format": "binary"}},
            "additionalProperties": {"type": "string", "format": "binary"},
            "description": "SQL, and files that its BULK INSERT reads by the names of their parts",
        }
    }
}
_ANSWER = {
    "type": "object",
    "description": "of SQL: schema and data; of PQL: results",
    "properties": {
        "schema": {"type": "object"},
        "data": {"type": "array", "items": {"type": "array", "items": {}}},
        "results": {"type": "array", "items": {}},
        "error": _TEXT,
        "warnings": {"type": "array", "items": _TEXT},
        "execution-time": {"type": "integer"},
    },
}

_HOT_OPERATIONS: dict[str, dict[str, Any]] = {
    "records": {
        "summary": "Send records to a source",
        "tags": ["records"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _RECORDS},
                "application/x-ndjson": {"schema": _TEXT},
            },
        },
        "parameters": _SWITCHES,
        "answer": _OUTCOMES,
    },
    "webhook": {
        "summary": "Take a webhook that the source's secret signed",
        "tags": ["records"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
        "answer": _OUTCOMES,
    },
    "json": {
        "summary": "Run a PQL or SQL statement",
        "tags": ["statements"],
        "parameters": _MIN_SEQ,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _STATEMENT}, **_WITH_FILES},
        },
        "answer": _ANSWER,
    },
    "text": {
        "summary": "Run a SQL statement",
        "tags": ["statements"],
        "parameters": _MIN_SEQ,
        "requestBody": {
            "required": True,
            "content": {"text/plain": {"schema": _TEXT}, **_WITH_FILES},
        },
        "answer": _ANSWER,
    },
}


def describe(app: Litestar) -> dict[str, Any]:
    """Return the whole description of an application."""
    description: dict[str, Any] = _in_3_0(app.openapi_schema.to_schema())
    paths: dict[str, Any] = {
        path: item for path, item in description["paths"].items() if not path.startswith(_REPEATED)
    }
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format in paths:
            _describe_route(route, paths[route.path_format])
    for item in paths.values():
        for method in item.keys() & set(_METHODS):
            item[method].get("responses", {}).pop("400", None)
            item[method].setdefault("responses", {})["default"] = _REFUSED
    for route in app.state.hot_routes:
        _add_hot(paths, route)
    description["openapi"] = "3.0.3"
    description["paths"] = dict(sorted(paths.items()))
    description["security"] = SECURITY
    components = description.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = SECURITY_SCHEMES
    return description


def operation_id(method: str, parts: Sequence[object]) -> str:
    """Return the name of an operation, made from its method and the parts of its path."""
    words = [getattr(part, "name", part) for part in parts]
    return re.sub(r"\W+", "_", f"{method.lower()} {'/'.join(map(str, words))}").strip("_")


def _describe_route(route: HTTPRoute, item: dict[str, Any]) -> None:
    """Say what each handler's docstring says, and what it asks of its caller."""
    for handler in route.route_handlers:
        for method in handler.http_methods:
            operation = item.get(method.lower())
            if operation is not None:
                operation["summary"] = (inspect.getdoc(handler.fn) or "").rstrip(".")
                operation.pop("description", None)
                operation["x-permission"] = permission_of(handler.opt)
                if operation["x-permission"] == "open":
                    operation["security"] = []


def _add_hot(paths: dict[str, Any], route: HotRoute) -> None:
    operation = dict(_HOT_OPERATIONS[route.kind])
    answer = operation.pop("answer")
    operation["x-permission"] = HOT_PERMISSIONS[route.kind]
    if operation["x-permission"] == "open":
        operation["security"] = []
    operation["responses"] = {
        "200": {"description": "done", "content": {"application/json": {"schema": answer}}},
        "default": _REFUSED,
    }
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    operation["parameters"] = [*in_path, *operation.get("parameters", ())]
    for prefix in route.prefixes:
        path = prefix + route.path
        if not path.startswith(_REPEATED):
            id_ = operation_id("post", [path])
            paths.setdefault(path, {})["post"] = operation | {"operationId": id_}


def _in_3_0(node: Any) -> Any:
    """Return a part of the description with the words that 3.1 added put into those of 3.0."""
    if isinstance(node, list):
        return [_in_3_0(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: _in_3_0(value) for key, value in node.items()}
    if isinstance(node.get("type"), list):
        types = [each for each in node["type"] if each != "null"]
        if len(types) < len(node["type"]):
            node["nullable"] = True
        node["type"] = types[0]
    for key in ("oneOf", "anyOf"):
        choices = node.get(key)
        if isinstance(choices, list) and {"type": "null"} in choices:
            node[key] = [each for each in choices if each != {"type": "null"}]
            node["nullable"] = True
    if isinstance(node.get("examples"), list):
        node["example"] = node.pop("examples")[0]
    if "const" in node:
        node["enum"] = [node.pop("const")]
    return node
