"""Every example of `docs/pql.md` answers what the page says, in the order of the page.

The page's tables are created from what the page says about them; a `pql` block is run and must give
the `json` or `error` block that follows it.
"""

import re
from pathlib import Path
from typing import Any

from bitbrook.query.pql.run import KNOWN_CALLS

PAGE = Path(__file__).parents[2] / "docs" / "pql.md"
_TABLE = re.compile(r"Table `(\w+)`(, keyed)?:\n\n\|.*\n\|.*\n((?:\|.*\n)+)")
_EXAMPLE = re.compile(r"```pql\n(.*?)```\n\n```(json|error)\n(.*?)```", re.DOTALL)


def test_every_example_answers_what_the_page_says(database: Any, notation: Any) -> None:
    """Numbers with the digits shown, in the order shown."""
    page = PAGE.read_text()
    for name, keyed, rows in _TABLE.findall(page):
        fields = tuple(notation.field(row.replace("|", " ")) for row in rows.splitlines())
        database.create_table(name, is_keyed=bool(keyed), fields=fields)
    examples = _EXAMPLE.findall(page)
    assert len(examples) == page.count("```pql"), "an example without its answer"
    for statement, kind, expected in examples:
        if kind == "json":
            answer = database.query(statement, "none")
            assert notation.exactly(answer) == notation.exactly(expected), (
                statement,
                answer.decode(),
            )
        else:
            assert _refusal(database, statement) == expected.strip()


def test_every_call_has_an_example() -> None:
    """No call is left out of the page."""
    examples = " ".join(statement for statement, _, _ in _EXAMPLE.findall(PAGE.read_text()))
    missing = [name for name in sorted(KNOWN_CALLS) if not re.search(rf"\b{name}\(", examples)]
    assert not missing


def _refusal(database: Any, statement: str) -> str:
    try:
        return f"answered {database.query(statement, 'none')}"
    except Exception as error:
        return str(error)
