"""The SDK's surface is what it says: names, mirrors, imports, secrets and configuration.

Compares `__all__` with what is there, the two clients with each other, the errors with the tree
that their docstring draws; imports the package where nothing optional can be imported; looks for
secrets in what is shown; and gives credentials in every wrong combination.
"""

import inspect
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import msgspec
import pytest

import bitbrook.client
from bitbrook.client import (
    AsyncClient,
    BitbrookError,
    Client,
    ConfigurationError,
    _exceptions,
)
from bitbrook.client._configuration import ApiKey, Password, Token, find_credentials, find_url

PUBLIC = bitbrook.client.__all__


def test_all_is_complete_and_sorted() -> None:
    exported = {
        name
        for name, value in vars(bitbrook.client).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(PUBLIC) == exported
    # As ruff sorts: constants, then classes, then the rest; here all are classes.
    assert sorted(PUBLIC) == PUBLIC


def test_names_are_shown_where_they_are_imported_from() -> None:
    for name in PUBLIC:
        assert getattr(bitbrook.client, name).__module__ == "bitbrook.client"


def test_everything_public_is_documented() -> None:
    silent = []
    for name in PUBLIC:
        class_ = getattr(bitbrook.client, name)
        members = [(name, class_)]
        members += [
            (f"{name}.{member}", value)
            for member, value in vars(class_).items()
            if not member.startswith("_")
            and callable(getattr(value, "__get__", None))
            and (inspect.isfunction(value) or isinstance(value, property))
        ]
        silent += [where for where, value in members if not inspect.getdoc(value)]
    assert not silent


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = re.findall(
        r"^( +)(\w+)(?: +(\d{3}))?(?: +.*)?$", _exceptions.__doc__ or "", re.MULTILINE
    )
    errors = {
        name: value
        for name, value in vars(_exceptions).items()
        if inspect.isclass(value) and issubclass(value, BitbrookError)
    }
    assert [name for _, name, _ in drawn].count("BitbrookError") == 1
    assert {name for _, name, _ in drawn} == set(errors)
    parents: list[str] = []
    for indent, name, status in drawn:
        depth = len(indent) // 2 - 2
        parents = [*parents[:depth], name]
        if depth:
            assert errors[name].__base__ is errors[parents[depth - 1]], name
        if status:
            assert _exceptions.refusal_type(int(status)) is errors[name]


@pytest.mark.parametrize(
    "name",
    [
        "ApiKeys",
        "Client",
        "Deployment",
        "DeploymentTables",
        "Deployments",
        "Invites",
        "Queries",
        "Source",
        "Sources",
        "Table",
        "Tables",
        "Users",
        "Writer",
    ],
)
def test_both_clients_have_the_same_methods(name: str) -> None:
    """Everything that asks the server is awaited in one and not in the other."""
    plain, awaited = (getattr(bitbrook.client, prefix + name) for prefix in ("", "Async"))
    assert members(plain) == members(awaited)
    for member, value in vars(awaited).items():
        if inspect.isfunction(value) and not member.startswith("_"):
            assert inspect.iscoroutinefunction(value) == (member != "writer"), member


def members(class_: type) -> dict[str, Any]:
    """Each public member with its parameters, or None if it is a property."""
    found: dict[str, Any] = {}
    for name, value in vars(class_).items():
        if isinstance(value, property):
            found[name] = None
        elif inspect.isfunction(value) and (not name.startswith("_") or name == "__init__"):
            found[name] = [
                (p.name, p.kind, p.default) for p in inspect.signature(value).parameters.values()
            ]
    return found


def test_nothing_optional_is_imported() -> None:
    """The package, a client and the DB-API module work where only httpx and msgspec are there."""
    program = """
import sys
optional = ("pyarrow", "pandas", "polars", "sqlalchemy", "numpy", "litestar", "duckdb")
for name in optional:
    sys.modules[name] = None
import bitbrook.client
import bitbrook.client.dbapi
bitbrook.client.Client("http://127.0.0.1:9", token="x").close()
ours = [name for name in sys.modules if name.startswith("bitbrook.")]
print(sorted(name for name in ours if not name.startswith("bitbrook.client")))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr


def test_secrets_are_not_shown() -> None:
    with Client("http://127.0.0.1:9", email="a@b.c", password="secret") as client:
        shown = [repr(client), repr(client.deployments), repr(client._link.session)]
    shown += [repr(Password("a@b.c", "secret")), repr(Token("secret")), repr(ApiKey("secret"))]
    assert "secret" not in "".join(shown)
    assert "secret" not in repr(AsyncClient("http://127.0.0.1:9", api_key="secret"))


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        ({"email": "a", "password": "p"}, {}, Password("a", "p")),
        ({"token": " t\n"}, {}, Token("t")),
        ({"api_key": "k"}, {"TOKEN": "t", "EMAIL": "e"}, ApiKey("k")),
        ({"email": "a"}, {"PASSWORD": "p", "API_KEY": "k"}, Password("a", "p")),
        ({}, {"TOKEN": "t", "API_KEY": "k"}, ApiKey("k")),
        ({}, {"TOKEN": "t", "EMAIL": "e", "PASSWORD": "p"}, Token("t")),
        ({}, {"API_KEY": "", "EMAIL": "e", "PASSWORD": "p"}, Password("e", "p")),
    ],
)
def test_credentials(
    given: dict[str, str], environment: dict[str, str], found: msgspec.Struct
) -> None:
    named = {f"BITBROOK_{name}": value for name, value in environment.items()}
    arguments = dict.fromkeys(("email", "password", "token", "api_key")) | given
    assert find_credentials(**arguments, environment=named) == found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no credentials; give one of"),
        ({"email": "a"}, "no password for a"),
        ({"password": "p"}, "without email"),
        ({"token": "t", "api_key": "k"}, "several kinds"),
        ({"email": "a", "password": "p", "token": "t"}, "several kinds"),
        ({"token": ""}, "token is empty"),
        ({"api_key": "k\r\nx: y"}, "api_key is empty or has characters"),
    ],
)
def test_credentials_that_cannot_be(given: dict[str, str], message: str) -> None:
    for class_ in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match=message):
            class_("http://127.0.0.1:9", **given)


def test_addresses() -> None:
    assert find_url(None, {}) == "http://127.0.0.1:8000"
    assert find_url(None, {"BITBROOK_URL": "https://h/base/"}) == "https://h/base"
    assert find_url("http://h", {"BITBROOK_URL": "https://other"}) == "http://h"
    for url in ("h:8000", "ftp://h", "http://", "http://u:p@h", "http://h?x", "http://h/#x", "::"):
        with pytest.raises(ConfigurationError) as refused:
            find_url(url, {})
        assert "u:p" not in str(refused.value)
