"""`docs/queries.md` and `docs/sql.md` name the limits, forms and service tables that there are.

Its tables are compared with the code. Its commands are run with those of all pages, by
`test_pages.py`.
"""

import re
from pathlib import Path

from bitbrook.api.formats import Format
from bitbrook.control.statements import HISTORY_MAX, TEXT_CHARACTERS_MAX
from bitbrook.query.sql.service_tables import SERVICE_COLUMNS
from bitbrook.settings import DESCRIPTIONS, Settings

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
SQL = PAGE.with_name("sql.md")


def test_limits_and_forms_are_those_there_are() -> None:
    page = PAGE.read_text()
    for form in Format:
        assert f"`{form}`" in page
    for name in ("query_timeout_s", "answer_bytes_max", "deployment_statements_max"):
        assert f"`{name}`" in page
        assert name in DESCRIPTIONS
    defaults = Settings()
    assert f"by default {defaults.query_timeout_s:g} s" in page
    assert f"by default {defaults.answer_bytes_max >> 20} MiB" in page
    assert f"by default {defaults.deployment_statements_max}" in page
    assert f"The last {HISTORY_MAX:,} statements" in page
    assert f"cut to {TEXT_CHARACTERS_MAX:,} characters" in page


def test_service_tables_are_those_there_are() -> None:
    rows = re.findall(r"^\| `(bitbrook_\w+)` \| .* \| (.*) \|$", SQL.read_text(), re.MULTILINE)
    told = {name: columns.split(", ") for name, columns in rows}
    expected = {
        table.value: [name for name, _ in columns] for table, columns in SERVICE_COLUMNS.items()
    }
    assert told == expected
