"""Every example of `docs/sql.md` answers what the page says, in the order of the page.

A `sql` block is run and must give the rows, one a line, of the `json` block that follows it, or the
message of the `error` block. Every function and statement that there is stands on the page.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bitbrook.query.sql.functions.table import ALIASES, FUNCTION_NAMES
from bitbrook.query.sql.statements.table import STATEMENTS

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"
_EXAMPLE = re.compile(r"```sql\n(.*?)```\n\n```(json|error)\n(.*?)```", re.DOTALL)
_DATA = re.compile(r'"data":(.*),"execution-time":', re.DOTALL)


def test_every_example_answers_what_the_page_says(
    database: Any, exactly: Callable[[str | bytes], Any]
) -> None:
    """Rows with the digits shown, in the order shown."""
    page = PAGE.read_text()
    examples = _EXAMPLE.findall(page)
    assert len(examples) == page.count("```sql"), "an example without its answer"
    for statement, kind, expected in examples:
        if kind == "error":
            assert _refusal(database, statement) == expected.strip()
            continue
        answered = _DATA.search(database.query(statement).decode())
        assert answered is not None
        rows = f"[{','.join(expected.splitlines())}]"
        assert exactly(answered[1].split(',"warnings":')[0]) == exactly(rows), statement


def test_nothing_is_left_out() -> None:
    """Functions by name, statements by the words they begin with."""
    page = PAGE.read_text().lower()
    names = FUNCTION_NAMES - ALIASES.keys()
    missing = [name for name in names if not re.search(rf"\b{name.lower()}\b", page)]
    missing += [
        " ".join(words) for words in STATEMENTS if not all(word.lower() in page for word in words)
    ]
    assert not missing


def _refusal(database: Any, statement: str) -> str:
    try:
        return f"answered {database.query(statement)}"
    except Exception as error:
        return str(error)
