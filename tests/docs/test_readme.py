"""README's table of settings is the one that there is, word for word.

Its commands are run with those of all pages (`test_pages.py`).
"""

import re
from pathlib import Path

from bitbrook.settings import describe_settings

README = Path(__file__).parents[2] / "README.md"


def test_every_setting_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", README.read_text(), re.MULTILINE)
    expected = [
        (each.name, "" if each.default is None else f"`{each.default}`", each.description)
        for each in describe_settings()
    ]
    assert rows == expected
