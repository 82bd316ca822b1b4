"""The house rules hold over the source itself.

Each rule is one test that reads every module of `src/bitbrook` and names the places that break it:
imports run downwards, modules stay small, names say what they are, time and printing have one home.
"""

import ast
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "bitbrook"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MODULE_LINES_MAX = 450
FUNCTION_LINES_MAX = 60
FILE_BYTES_MAX = 200_000
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "manager", "common", "misc"}
OVERSIZE_REASON = "# Longer than 450 lines because"


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package with its syntax tree."""
    for module in MODULES:
        yield module.relative_to(ROOT), ast.parse(module.read_text())


def test_imports_run_downwards_only() -> None:
    """import-linter's contracts in pyproject.toml are kept."""
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def test_modules_are_small() -> None:
    """A module beyond the bound gives its reason in its first line."""
    long = [
        f"{module.relative_to(ROOT)}: {len(lines)} lines"
        for module in MODULES
        if len(lines := module.read_text().splitlines()) > MODULE_LINES_MAX
        and not lines[0].startswith(OVERSIZE_REASON)
    ]
    assert not long, long


def test_functions_are_short() -> None:
    """A function fits on a screen, docstring not counted."""
    long = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body
                if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                    body = body[1:] or body
                size = (node.end_lineno or 0) - body[0].lineno + 1
                if size > FUNCTION_LINES_MAX:
                    long.append(f"{path}:{node.lineno} {node.name}: {size} lines")
    assert not long, long


def test_names_say_what_they_are() -> None:
    """No module or package is a drawer for odds and ends."""
    bad = [str(m) for m in MODULES if FORBIDDEN_NAMES & {m.stem, m.parent.name}]
    assert not bad, bad


@pytest.mark.parametrize(
    ("call", "home"),
    [("time.time", "clock.py"), ("datetime.now", "clock.py"), ("print", "cli/")],
)
def test_calls_have_one_home(call: str, home: str) -> None:
    """Time is read in one module, and only the command prints."""
    strays = [
        f"{path}:{node.lineno}"
        for path, tree in trees()
        if f"bitbrook/{home}" not in path.as_posix()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call
    ]
    assert not strays, strays


def test_every_module_tells_its_idea() -> None:
    """Modules, public classes and public functions carry docstrings."""
    silent = []
    for path, tree in trees():
        if tree.body and not ast.get_docstring(tree):
            silent.append(str(path))
        for node in tree.body:
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                silent.append(f"{path}:{node.lineno} {node.name}")
    assert not silent, silent


def test_every_test_module_tells_its_promise() -> None:
    """A test module begins by saying what it holds and how it tries to break it."""
    silent = [
        str(path.relative_to(ROOT))
        for path in TESTS
        if path.name.startswith("test_") and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, silent


def test_nothing_is_left_undone() -> None:
    """No reminders to oneself in the code: what is missing is an error a user can read."""
    marks = {"TODO", "FIXME", "XXX", "HACK"}
    undone = []
    for module in MODULES:
        with module.open("rb") as source:
            undone += [
                f"{module.relative_to(ROOT)}:{token.start[0]}"
                for token in tokenize.tokenize(source.readline)
                if token.type == tokenize.COMMENT and marks & set(token.string.split())
            ]
    assert not undone, undone


def test_files_are_small() -> None:
    """The package carries no large blobs."""
    large = [str(f) for f in SOURCE.rglob("*") if f.is_file() and f.stat().st_size > FILE_BYTES_MAX]
    large = [name for name in large if "__pycache__" not in name]
    assert not large, large
