"""A statement's kind is one of few words, whatever is typed: labels of metrics stay bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.control.statement_kinds import OTHER, PQL_KINDS, SQL_KINDS, kind_of


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        ("pql", "[things]Count(All())", "count"),
        ("pql", "  [some things] GroupBy(Rows(a))", "groupby"),
        ("pql", "TopN(a)", "topn"),
        ("sql", "select 1", "select"),
        ("sql", "-- why\n  (SELECT 1)", "select"),
        ("sql", "WITH a AS (SELECT 1) SELECT * FROM a", "with"),
        ("sql", "BULK INSERT INTO t", "bulk"),
        ("sql", "Count(All())", OTHER),
        ("pql", "select 1", OTHER),
        ("pql", "", OTHER),
    ],
)
def test_the_first_word_tells(language: str, text: str, kind: str) -> None:
    assert kind_of(language, text) == kind


@given(st.sampled_from(["pql", "sql"]), st.text())
def test_kinds_are_few(language: str, text: str) -> None:
    assert kind_of(language, text) in PQL_KINDS | SQL_KINDS | {OTHER}
