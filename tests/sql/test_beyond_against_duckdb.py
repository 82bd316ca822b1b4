"""PIVOT, LATERAL, lists, sets of groups and the rest of SELECT answer what DuckDB answers.

As `test_against_duckdb` does: generated conditions, which bitmaps evaluate, around and inside what
the reference does not have.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from generated_sql import CONDITIONS, LEAVES


def _comparable(rows: list[Any]) -> list[Any]:
    """Rows in an order of their own, numbers without the digits that only types tell."""

    def plain(value: Any) -> Any:
        match value:
            case bool():
                return value
            case int() | Decimal():
                return Decimal(value).normalize() + 0
            case float():
                return round(value, 6) + 0.0
            case list() | tuple():
                return [plain(each) for each in value]
            case dict():
                return {key: plain(each) for key, each in value.items()}
            case _:
                return value

    return sorted(([plain(value) for value in row] for row in rows), key=repr)


GROUPED = st.lists(
    st.sampled_from(["label", "kind", "ok", "n"]), min_size=1, max_size=3, unique=True
)
SETS = st.sampled_from(["rollup ({0})", "cube ({0})", "grouping sets (({0}), ())"])
SUMMABLE = st.lists(
    st.sampled_from(["count(*)", "count(n)", "sum(n)", "min(p)", "max(since)", "sum(p)"]),
    min_size=1,
    max_size=3,
    unique=True,
)


def test_sets_of_groups(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """ROLLUP, CUBE and GROUPING SETS of the groups that bitmaps form, and grouping()."""

    @given(GROUPED, SETS, SUMMABLE, CONDITIONS)
    @settings(max_examples=50)
    def check(keys: list[str], sets: str, sums: list[str], condition: str) -> None:
        listed = ", ".join(keys)
        query = (
            f"select {listed}, grouping({listed}), {', '.join(sums)} from t "
            f"where {condition} group by {sets.format(listed)}"
        )
        ours, theirs = answers(query)
        assert _comparable(ours) == _comparable(theirs), query

    check()


def test_pivots(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """PIVOT of the groups that bitmaps form, and conditions on what it answers."""
    outer = st.sampled_from(["true", "ok", "ok is null", "label = 'a'", "label is not null"])

    @given(st.sampled_from(["kind", "n"]), SUMMABLE, CONDITIONS, outer)
    @settings(max_examples=40)
    def check(key: str, sums: list[str], condition: str, chosen: str) -> None:
        aggregates = ", ".join(f"{each} as a{index}" for index, each in enumerate(sums))
        query = (
            f"select * from (pivot (select * from t where {condition}) on {key} in (0, 1, 3) "
            f"using {aggregates} group by label, ok) where {chosen}"
        )
        ours, theirs = answers(query)
        assert _comparable(ours) == _comparable(theirs), query

    check()


def test_unpivots(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """A row of each column, with nulls and without, under conditions from outside."""
    nulls = st.sampled_from(["", "include nulls "])

    @given(nulls, LEAVES)
    @settings(max_examples=40)
    def check(words: str, condition: str) -> None:
        if re.search(r"\b(n|p)\b", condition):
            return
        query = (
            f"select _id, what, v from t unpivot {words}(v for what in (n, p)) where {condition}"
        )
        ours, theirs = answers(query)
        assert _comparable(ours) == _comparable(theirs), query

    check()


def test_lists(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """Lists of groups in an order, members unnested and counted, lambdas over sets."""
    selected = st.sampled_from(
        [
            "select label, list(n order by n nulls last, _id) from t where {} group by label",
            "select ok, list(distinct kind order by kind) from t where {} group by ok",
            "select string_agg(label, '-' order by _id) from t where {}",
            "select tag, count(*), sum(n) from t, unnest(t.tags) as u(tag) where {} group by tag",
            (
                "select tag, count(*) from t, unnest(t.tags) as u(tag) where {} and tag in "
                "('a', 'B') "
                "group by tag"
            ),
            "select _id, tag from t, unnest(t.tags) as u(tag) where {} and tag = 'ab'",
            "select _id, unnest(tags) from t where {}",
            "select _id, list_transform(list_sort(tags), lambda x: x || 'x') from t where {}",
            "select _id, len(list_filter(tags, lambda x: x > 'a')) from t where {}",
            (
                "select _id, list_contains(tags, 'a'), list_position(list_sort(tags), 'b') from t "
                "where {}"
            ),
            (
                "select label, arg_max(_id, n order by _id), count_if(ok), bool_or(ok) from t "
                "where {} group by label"
            ),
            "select label, median(n), stddev_pop(p), bit_xor(n) from t where {} group by label",
        ]
    )

    @given(selected, CONDITIONS)
    @settings(max_examples=70)
    def check(text: str, condition: str) -> None:
        names = re.compile(r"\b(n|p|label|kind|ok|since|tags|_id)\b")
        query = text.format(names.sub(r"t.\1", condition))
        ours, theirs = answers(query)
        assert _comparable(ours) == _comparable(theirs), query

    check()


def test_laterals(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """A query for each record: its own conditions and those outside go to bitmaps."""
    inner = st.sampled_from(
        [
            "select count(*) as c, sum(b.p) as s from t b where b.{0} = a.{0} and {1}",
            "select b._id as c, b.n as s from t b where b.{0} = a.{0} and {1}",
            "select count(b._id) as c, min(b.p) as s from t b where b.{0} < a.{0} and {1}",
            (
                "select b._id as c, b.n as s from t b where {1} and b.{0} = a.{0} "
                "order by b._id limit 1"
            ),
        ]
    )
    joins = st.sampled_from([", lateral ({}) l", " left join lateral ({}) l on true"])
    names = re.compile(r"\b(n|p|label|kind|ok|since|tags|_id)\b")

    @given(inner, joins, st.sampled_from(["n", "kind", "p"]), LEAVES, LEAVES)
    @settings(max_examples=50)
    def check(text: str, join: str, column: str, one: str, other: str) -> None:
        lateral = text.format(column, names.sub(r"b.\1", other))
        outer = names.sub(r"a.\1", one)
        query = f"select a._id, l.c, l.s from t a{join.format(lateral)} where {outer}"
        ours, theirs = answers(query)
        assert _comparable(ours) == _comparable(theirs), query

    check()


def test_the_rest_of_select(answers: Callable[[str], tuple[list[Any], list[Any]]]) -> None:
    """Windows with frames, DISTINCT ON, ASOF, set operations by name, conditions sunk inwards."""
    texts = st.sampled_from(
        [
            (
                "select _id, sum(n) over w, count(*) over (w rows between 1 preceding and 1 "
                "following "
                "exclude current row) from t where {0} window w as (order by _id)"
            ),
            (
                "select _id, sum(n) over (order by n range between 2 preceding and 1 following) "
                "from t "
                "where {0} and n is not null"
            ),
            (
                "select _id, count(*) over (order by kind groups 1 preceding) from t "
                "where {0} and kind is not null"
            ),
            (
                "select _id, lag(n ignore nulls) over (order by _id), cume_dist() over (order "
                "by _id) "
                "from t where {0}"
            ),
            "select distinct on (label) label, _id from t where {0} order by label, _id",
            "select _id, n from t where {0} union by name select _id, p from t where {1}",
            "select n, label from t where {0} intersect all select n, label from t where {1}",
            "select n from t where {0} except all select n from t where {1}",
            (
                "select * from (select label, count(*) as c, max(n) as m from t group by label) q "
                "where label = 'a' or label is null"
            ),
            (
                "select * from (select n, label from t where {0} union all select kind, label "
                "from t "
                "where {1}) q where label <> 'a'"
            ),
            "select * from (select distinct kind, ok from t where {0}) q where ok",
            (
                "select a._id, b._id from t a asof join (select * from t where {1}) b "
                "on a.kind = b.kind and a._id >= b._id where a.n > 0"
            ),
            "select _id, label ilike 'B', n is distinct from kind, ok is true from t where {0}",
        ]
    )

    @given(texts, CONDITIONS, CONDITIONS)
    @settings(max_examples=80)
    def check(text: str, one: str, other: str) -> None:
        ours, theirs = answers(text.format(one, other))
        assert _comparable(ours) == _comparable(theirs), text.format(one, other)

    check()
