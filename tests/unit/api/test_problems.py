"""Every error becomes an answer of the contract's shape that tells what to mend, and no more.

Renders the whole tree of errors, the framework's own refusals, decoding errors at every depth, and
errors whose text must stay in the server.
"""

import json

import msgspec
import pytest
import structlog
from litestar.exceptions import (
    ClientException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from bitbrook import errors
from bitbrook.api.problems import problem_of, unreadable_body


def tree(root: type[errors.BitbrookError]) -> list[type[errors.BitbrookError]]:
    """An error class and all that derive from it."""
    return [root, *(each for child in root.__subclasses__() for each in tree(child))]


@pytest.mark.parametrize("kind", tree(errors.BitbrookError))
def test_every_error_keeps_its_status_and_code(kind: type[errors.BitbrookError]) -> None:
    with structlog.testing.capture_logs():
        problem = problem_of(kind("told in words"))
    assert (problem.status, problem.code) == (kind.status, kind.code)
    body = json.loads(problem.body("id1"))
    assert body["request_id"] == "id1"
    assert body["error"]["code"] == kind.code
    assert body["message"] == body["error"]["message"]


def test_field_and_details_are_carried() -> None:
    error = errors.InvalidSchema("two faults", field="schema", details=["one", "two"])
    body = json.loads(problem_of(error).body("x"))
    assert body["error"] == {
        "code": "InvalidSchema",
        "message": "two faults",
        "field": "schema",
        "details": ["one", "two"],
    }


def test_when_to_come_back() -> None:
    assert problem_of(errors.Overloaded("full", retry_after_s=7)).headers == {"retry-after": "7"}
    assert problem_of(errors.Stopping("bye")).headers == {"retry-after": "1"}
    assert problem_of(errors.QuotaExceeded("ten deployments")).headers == {}
    limited = errors.QuotaExceeded("too fast", retry_after_s=3, allowed_per_s=1_000)
    assert problem_of(limited).headers == {
        "retry-after": "3",
        "ratelimit-limit": "1000",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "3",
    }


@pytest.mark.parametrize(
    "error",
    [
        errors.Damaged("/var/lib/bitbrook/shard-7: the checksum does not match"),
        errors.AlreadyRunning("/var/lib/bitbrook is used"),
        ZeroDivisionError("secret"),
        KeyError("/etc/passwd"),
        AssertionError("inside"),
    ],
)
def test_what_is_the_servers_own_stays_in_its_log(error: Exception) -> None:
    with structlog.testing.capture_logs() as logged:
        problem = problem_of(error)
    assert problem.status == 500
    for secret in ("/var/lib", "secret", "passwd", "inside"):
        assert secret not in problem.body("x").decode()
    assert logged[0]["log_level"] == "error"


def test_refusals_of_the_framework() -> None:
    assert problem_of(NotFoundException()).code == "NotFound"
    problem = problem_of(MethodNotAllowedException(headers={"Allow": "GET"}))
    assert (problem.status, problem.code) == (405, "MethodNotAllowed")
    assert problem.headers == {"Allow": "GET"}
    refused = ClientException("x")
    refused.__cause__ = msgspec.DecodeError("JSON is malformed: invalid character (byte 3)")
    assert problem_of(refused).message == "the body is not JSON: invalid character (byte 3)"


class Inner(msgspec.Struct):
    """A part of a body."""

    shape: str


class Outer(msgspec.Struct):
    """A body, as the framework wraps it."""

    name: str
    options: Inner | None = None
    definition: list[Inner] = []


class Arguments(msgspec.Struct):
    """The arguments of a handler."""

    data: Outer


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"data": {}}, "name", "name is missing"),
        ({"data": {"name": 1}}, "name", "name: expected str, got int"),
        ({"data": {"name": "x", "options": {}}}, "options.shape", "options.shape is missing"),
        (
            {"data": {"name": "x", "definition": [{"shape": 1}]}},
            "definition[0].shape",
            "definition[0].shape: expected str, got int",
        ),
        ({"data": []}, None, "the body: expected object, got array"),
        ({}, None, "the body is empty; send a JSON object"),
    ],
)
def test_decoding_errors_name_the_field(body: object, field: str | None, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(body, Arguments)
    error = ValidationException("refused")
    error.__cause__ = caught.value
    problem = problem_of(error)
    assert (problem.status, problem.code) == (400, "InvalidBody")
    assert (problem.field, problem.message) == (field, words)


def test_bodies_nested_too_deeply() -> None:
    assert "deeply" in unreadable_body(RecursionError()).message
