"""An Accept header gets the form it likes best of those there are, and JSON where it is no help.

Tries weights, unknown types, wild cards and nonsense.
"""

import pytest

from bitbrook.api.formats import Format, asked_format


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format.JSON),
        ("text/csv", Format.CSV),
        ("TEXT/CSV; charset=utf-8", Format.CSV),
        ("application/json, text/csv", Format.JSON),
        ("application/json;q=0.5, text/csv;q=0.6", Format.CSV),
        ("text/csv;q=0", Format.JSON),
        ("text/csv;q=nonsense", Format.JSON),
        ("application/x-ndjson", Format.LINES),
        ("application/vnd.apache.arrow.stream", Format.ARROW),
        ("image/png, application/vnd.apache.parquet;q=0.1", Format.PARQUET),
        (";;,,;q", Format.JSON),
    ],
)
def test_asked_format(accept: str, form: Format) -> None:
    assert asked_format(accept) is form
