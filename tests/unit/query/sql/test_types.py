"""Which types go together: comparison, assignment and what holds both.

Every pair of types is tried in both directions against what the reference says.
"""

import itertools

from bitbrook.query.sql.types import (
    BOOL,
    ID,
    IDSET,
    INT,
    STRING,
    STRINGSET,
    TIMESTAMP,
    VOID,
    Kind,
    SqlType,
    are_equatable,
    common_type,
    decimal,
    is_assignable,
    vector,
)

IDSETQ, STRINGSETQ = SqlType(Kind.IDSETQ), SqlType(Kind.STRINGSETQ)
FAMILIES = [
    {INT, ID, decimal(0), decimal(2)},
    {STRING, SqlType(Kind.VARCHAR)},
    {BOOL},
    {TIMESTAMP},
    {IDSET, IDSETQ},
    {STRINGSET, STRINGSETQ},
    {vector(2)},
    {vector(3)},
]
ALL = [kind for family in FAMILIES for kind in family]


def test_only_families_are_equatable() -> None:
    """Numbers with numbers, sets with sets of the same members; null with everything."""
    for one, other in itertools.product(ALL, ALL):
        together = any({one, other} <= family for family in FAMILIES)
        assert are_equatable(one, other) is together, (one, other)
        assert (common_type(one, other) is not None) is together, (one, other)
    assert all(are_equatable(VOID, kind) and are_equatable(kind, VOID) for kind in ALL)


def test_assignment_goes_the_ways_of_the_reference() -> None:
    """int and id to decimal, id to int, fewer digits to more, sets to timed sets, null anywhere."""
    allowed = {
        (source, target) for family in FAMILIES for source in family for target in family
    } - {(INT, ID), (decimal(0), ID), (decimal(2), ID), (decimal(0), INT), (decimal(2), INT)}
    allowed -= {(decimal(2), decimal(0))}
    for source, target in itertools.product(ALL, ALL):
        assert is_assignable(source, target) is ((source, target) in allowed), (source, target)
    assert all(is_assignable(VOID, kind) for kind in ALL)


def test_common_types_hold_both() -> None:
    """The digits of the finer, the resolution of the finer."""
    assert common_type(INT, decimal(2)) == decimal(2)
    assert common_type(decimal(1), decimal(3)) == decimal(3)
    assert common_type(INT, ID) == INT
    assert common_type(VOID, STRINGSET) == STRINGSET
