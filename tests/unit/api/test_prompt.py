"""Only what reads, has run before and was cheap each time lately is answered on the event loop.

Tries first runs, slow ones among cheap ones, statements that write in any spelling, and more shapes
than are remembered.
"""

import pytest

from bitbrook.api.prompt import PROMPT_S, SHAPES_MAX, Shapes

CHEAP_S, SLOW_S = PROMPT_S / 10, PROMPT_S * 5


def test_the_first_run_is_a_workers() -> None:
    shape = Shapes().of("d", "pql", "[t]Count(Row(a=?))")
    assert not shape.is_prompt
    shape.note(CHEAP_S)
    assert shape.is_prompt


def test_a_slow_run_sends_its_shape_back_until_cheap_ones_outweigh_it() -> None:
    shape = Shapes().of("d", "sql", "SELECT ?")
    shape.note(CHEAP_S)
    shape.note(SLOW_S)
    assert not shape.is_prompt
    shape.note(CHEAP_S)
    assert not shape.is_prompt
    for _ in range(20):
        shape.note(CHEAP_S)
    assert shape.is_prompt


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sql", "insert into t values (?)"),
        ("sql", "with a as (select ?) insert into t select * from a"),
        ("sql", "-- select\ndrop table t"),
        ("pql", "[t]Set(?, a=?)"),
        ("pql", "[t]Count(All())\nDelete (All())"),
        ("pql", "[t]Store(Row(a=?), b=?)"),
    ],
)
def test_what_writes_is_never_prompt(language: str, text: str) -> None:
    shape = Shapes().of("d", language, text)
    shape.note(CHEAP_S)
    assert not shape.is_prompt


def test_what_needs_a_thread_of_its_own_is_never_prompt_again() -> None:
    shape = Shapes().of("d", "sql", "select ?")
    shape.note(CHEAP_S)
    shape.refuse()
    shape.note(CHEAP_S)
    assert not shape.is_prompt


def test_shapes_are_of_a_deployment_and_bounded() -> None:
    shapes = Shapes()
    first = shapes.of("d", "pql", "[t]Count(All())")
    assert shapes.of("d", "pql", "[t]Count(All())") is first
    assert shapes.of("e", "pql", "[t]Count(All())") is not first
    for number in range(SHAPES_MAX):
        shapes.of("d", "sql", f"select a{number}")
    assert shapes.of("d", "pql", "[t]Count(All())") is not first
