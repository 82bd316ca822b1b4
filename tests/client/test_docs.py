"""The SDK's page tells the truth: its examples, run in order, do what it says.

Runs every `python` and `pycon` block of docs/sdk.md in one namespace against a real server of its
own; what a `pycon` block shows is compared with what it gives. The page and the code name the same
variables of the environment, the same operations and the same errors.
"""

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import bitbrook.client
from bitbrook.client import (
    ApiKeys,
    BitbrookError,
    Deployments,
    Endpoints,
    Invites,
    Queries,
    Sources,
    Tables,
    Users,
    _configuration,
)
from server_process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
ADDRESS, EMAIL, PASSWORD = "http://127.0.0.1:8000", "you@example.org", "correct horse"


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 15
    flags = ("--admin-email", EMAIL, "--admin-password", PASSWORD)
    with ServerProcess(tmp_path / "data", *flags) as server:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("BITBROOK_URL", server.url)
        monkeypatch.setenv("BITBROOK_EMAIL", EMAIL)
        monkeypatch.setenv("BITBROOK_PASSWORD", PASSWORD)
        names: dict[str, Any] = {"__name__": "docs"}
        runner = doctest.DocTestRunner(verbose=False)
        try:
            for number, (language, block) in enumerate(blocks):
                run_block(language, block.replace(ADDRESS, server.url), number, names, runner)
        finally:
            names["client"].close()
        assert runner.summarize(verbose=False).attempted > 20


def run_block(
    language: str, text: str, number: int, names: dict[str, Any], runner: doctest.DocTestRunner
) -> None:
    """Run one block of the page in the namespace of all."""
    if language == "python":
        exec(compile(text, f"block {number}", "exec"), names)
        return
    assert language == "pycon"
    example = doctest.DocTestParser().get_doctest(text, names, f"block {number}", str(PAGE), 0)
    shown: list[str] = []
    runner.run(example, out=shown.append, clear_globs=False)
    names |= example.globs
    assert not shown, "".join(shown)


def test_every_variable_is_named() -> None:
    named = set(re.findall(r"`(BITBROOK_\w+)`", PAGE.read_text()))
    assert named == set(re.findall(r'"(BITBROOK_\w+)"', inspect.getsource(_configuration)))


def test_every_operation_and_error_is_named() -> None:
    words = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    for class_ in (Deployments, Tables, Sources, Queries, Users, Invites, ApiKeys, Endpoints):
        operations = {name for name in vars(class_) if not name.startswith("_")}
        assert operations <= words, operations - words
    exported = (getattr(bitbrook.client, name) for name in bitbrook.client.__all__)
    errors = {e.__name__ for e in exported if inspect.isclass(e) and issubclass(e, BitbrookError)}
    assert errors <= words, errors - words
