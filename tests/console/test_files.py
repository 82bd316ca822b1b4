"""The console's files keep the rules of the house.

Reads every file: small modules that say what they are, no markup from strings, no evaluation, no
other host, colours in one place; the schema editor knows exactly the server's types.
"""

import re
from pathlib import Path

import pytest

import bitbrook.console
from bitbrook.sources.config import SourceType

STATIC = Path(bitbrook.console.__file__).with_name("static")
MODULES = sorted(STATIC.rglob("*.js"))
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
LINES_MAX = 300
COLUMNS_MAX = 110
FORBIDDEN = (
    r"\binnerHTML\b|\bouterHTML\b|\binsertAdjacentHTML\b|\bdocument\.write\b",
    r"\beval\s*\(|\bnew Function\b",
    r"setAttribute\(\s*[\"']style|\bjavascript:",
    r"\bconsole\.(log|debug)\b|\bdebugger\b",
    r"\b(TODO|FIXME|XXX|HACK)\b",
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_a_module_is_small_and_says_what_it_is(module: Path) -> None:
    lines = module.read_text().splitlines()
    assert lines[0].startswith("/*"), "it begins with what it is"
    assert len(lines) <= LINES_MAX
    assert not [line for line in lines if len(line) > COLUMNS_MAX]


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_nothing_dangerous_is_used(pattern: str) -> None:
    found = [str(path) for path in MODULES if re.search(pattern, path.read_text())]
    assert not found


def test_no_other_host_is_named() -> None:
    named = {
        url
        for path in FILES
        for url in re.findall(r"https?://[^\s\"'`)>]+", path.read_text())
        if url != "http://www.w3.org/2000/svg"
    }
    assert not named


def test_colours_and_sizes_have_one_home() -> None:
    """Only the tokens name colours; everything else names tokens."""
    strays = [
        f"{path.name}: {line.strip()}"
        for path in sorted(STATIC.rglob("*.css"))
        if path.name != "tokens.css"
        for line in path.read_text().splitlines()
        if re.search(r"#[0-9a-f]{3,8}\b", line) and "light-dark(" not in line
        if "color: #ffffff" not in line
    ]
    assert not strays


def test_the_schema_editor_knows_every_type() -> None:
    text = (STATIC / "js/schema/types.js").read_text()
    table = text[text.index("export const TYPES") : text.index("export const OPTIONS")]
    assert set(re.findall(r"^  (\w+): \{", table, re.MULTILINE)) == {
        each.value for each in SourceType
    }
