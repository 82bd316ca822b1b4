"""Random statements over random tables answer what a naive evaluation over dictionaries gives.

A generated call is a text together with a function that answers it from the records, so that text
and meaning grow side by side: trees of row calls, and aggregations over them. Records lie on both
sides of a shard's border and have values missing at random.
"""

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitbrook.schema.field_types import FieldSchema, FieldType

FIELDS = (
    FieldSchema("colour", FieldType.SET),
    FieldSchema("tags", FieldType.SET, is_keyed=True),
    FieldSchema("kind", FieldType.MUTEX),
    FieldSchema("label", FieldType.MUTEX, is_keyed=True),
    FieldSchema("active", FieldType.BOOL),
    FieldSchema("age", FieldType.INT),
    FieldSchema("price", FieldType.DECIMAL, scale=2),
    FieldSchema("seen", FieldType.TIME, quantum="YMD"),
)
EXAMPLES = int(os.environ.get("BITBROOK_EXAMPLES", "40"))
"""Random tables; set it higher for a long search."""

IDS = [0, 1, 2, 3, 70, 1048575, 1048576, 1048577, 5 << 40]
ROW_IDS = st.integers(0, 4)
KEYS = st.sampled_from(["a", "b", "ab", "é", "z y"])
DAYS = st.integers(1, 9)


@dataclass
class Record:
    """What a record holds; `price` in hundredths, `seen` as pairs of row and day of May 2024."""

    colour: set[int] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    kind: int | None = None
    label: str | None = None
    active: bool | None = None
    age: int | None = None
    price: int | None = None
    seen: set[tuple[int, int]] = field(default_factory=set)

    def rows(self, name: str) -> set[Any]:
        """The rows, or the one value, of a field."""
        value = getattr(self, name)
        if name == "seen":
            return {row for row, _ in value}
        if isinstance(value, set):
            return value
        return set() if value is None else {value}


Table = dict[int, Record]
Rows = set[int]


@dataclass(frozen=True)
class RowCall:
    """A row call and the records that it gives."""

    text: str
    of: Callable[[Table], Rows]


@dataclass(frozen=True)
class Question:
    """A call and its answer."""

    text: str
    of: Callable[[Table], Any]


def literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def hundredths(value: int) -> str:
    return str(Decimal(value).scaleb(-2))


records = st.builds(
    Record,
    colour=st.sets(ROW_IDS, max_size=3),
    tags=st.sets(KEYS, max_size=3),
    kind=st.none() | ROW_IDS,
    label=st.none() | KEYS,
    active=st.none() | st.booleans(),
    age=st.none() | st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    price=st.none() | st.integers(-200, 200),
    seen=st.sets(st.tuples(ROW_IDS, DAYS), max_size=3),
)
tables = st.dictionaries(st.sampled_from(IDS), records, max_size=8)


def writes(table: Table) -> str:
    """The statement that fills the table; every record comes to exist, also an empty one."""
    calls = []
    for record_id, record in table.items():
        calls += [f"Set({record_id}, colour=0)Clear({record_id}, colour=0)"]
        for name in ("colour", "tags", "kind", "label", "active", "age"):
            calls += [f"Set({record_id}, {name}={literal(v)})" for v in sorted(record.rows(name))]
        if record.price is not None:
            calls.append(f"Set({record_id}, price={hundredths(record.price)})")
        calls += [f"Set({record_id}, seen={row}, 2024-05-0{day}T11:00)" for row, day in record.seen]
    return "".join(calls)


def has_row(name: str, value: Any) -> RowCall:
    return RowCall(
        f"Row({name}={literal(value)})",
        lambda table: {i for i, record in table.items() if value in record.rows(name)},
    )


def has_null(name: str, operator: str) -> RowCall:
    return RowCall(
        f"Row({name} {operator} null)",
        lambda table: {i for i, r in table.items() if bool(r.rows(name)) == (operator == "!=")},
    )


def seen_within(row: int, first: int, last: int) -> RowCall:
    return RowCall(
        f"Row(seen={row}, from=2024-05-0{first}, to=2024-05-0{last}T00:00)",
        lambda table: {
            i for i, r in table.items() if any(s == row and first <= d < last for s, d in r.seen)
        },
    )


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def compared(name: str, operator: str, constant: Decimal) -> RowCall:
    scale = 100 if name == "price" else 1

    def of(table: Table) -> Rows:
        held = {i: Decimal(v) / scale for i, r in table.items() for v in r.rows(name)}
        return {i for i, v in held.items() if COMPARE[operator](v, constant)}

    return RowCall(f"Row({name} {operator} {constant:f})", of)


def between(low: int, high: int) -> RowCall:
    return RowCall(
        f"Row({low} < age <= {high})",
        lambda table: {i for i, r in table.items() if r.age is not None and low < r.age <= high},
    )


constants = st.decimals(-4, 4, places=3) | st.sampled_from(
    [Decimal(-(2**63)), Decimal(2**63 - 1), Decimal(2**63), Decimal(10**30), Decimal(-(10**30))]
)
leaves = st.one_of(
    st.just(RowCall("All()", set)),
    st.just(RowCall("Union()", lambda _: set())),
    st.builds(has_row, st.sampled_from(["colour", "kind", "seen"]), ROW_IDS),
    st.builds(has_row, st.sampled_from(["tags", "label"]), KEYS),
    st.builds(has_row, st.just("active"), st.booleans()),
    st.builds(has_null, st.sampled_from([f.name for f in FIELDS]), st.sampled_from(["==", "!="])),
    st.builds(seen_within, ROW_IDS, DAYS, DAYS),
    st.builds(compared, st.sampled_from(["age", "price"]), st.sampled_from([*COMPARE]), constants),
    st.builds(between, st.integers(-4, 4), st.integers(-4, 4)),
    st.builds(
        lambda ids: RowCall(f"ConstRow(columns={ids})", lambda _: set(ids)),
        st.lists(st.sampled_from(IDS), max_size=3),
    ),
    st.builds(
        lambda rows: RowCall(
            f"UnionRows(Rows(colour, in={rows}))",
            lambda table: {i for i, r in table.items() if r.colour & set(rows)},
        ),
        st.lists(ROW_IDS, max_size=3),
    ),
)


def combined(name: str, operands: list[RowCall]) -> RowCall:
    def of(table: Table) -> Rows:
        first, *others = (operand.of(table) for operand in operands)
        match name:
            case "Union":
                return first.union(*others)
            case "Intersect":
                return first.intersection(*others)
            case "Difference":
                return first.difference(*others)
            case _:
                counts = Counter(itertools.chain(first, *others))
                return {i for i, count in counts.items() if count % 2}

    return RowCall(f"{name}({', '.join(operand.text for operand in operands)})", of)


def limited(operand: RowCall, limit: int, offset: int) -> RowCall:
    return RowCall(
        f"Limit({operand.text}, limit={limit}, offset={offset})",
        lambda table: set(sorted(operand.of(table))[offset : offset + limit]),
    )


def trees_over(operands: st.SearchStrategy[RowCall]) -> st.SearchStrategy[RowCall]:
    names = st.sampled_from(["Union", "Intersect", "Difference", "Xor"])
    return st.one_of(
        st.builds(combined, names, st.lists(operands, min_size=1, max_size=3)),
        st.builds(
            lambda r: RowCall(f"Not({r.text})", lambda table: table.keys() - r.of(table)), operands
        ),
        st.builds(
            lambda r, n: RowCall(
                f"Shift({r.text}, n={n})", lambda table: {i + n for i in r.of(table)}
            ),
            operands,
            st.integers(0, 3),
        ),
        st.builds(limited, operands, st.integers(0, 4), st.integers(0, 2)),
    )


trees = st.recursive(leaves, trees_over, max_leaves=6)


def columns(tree: RowCall) -> Question:
    return Question(tree.text, lambda table: {"columns": sorted(tree.of(table))})


def counted(tree: RowCall) -> Question:
    return Question(f"Count({tree.text})", lambda table: len(tree.of(table)))


def values(table: Table, ids: Rows, name: str) -> list[Any]:
    """Every row or value that these records hold, with repetitions."""
    return sorted(v for i in ids if i in table for v in table[i].rows(name))


def total(value: int, count: int) -> dict[str, Any]:
    return {
        "value": value if count else 0,
        "floatValue": 0,
        "decimalValue": None,
        "timestampValue": "0001-01-01T00:00:00Z",
        "count": count,
    }


def totalled(tree: RowCall) -> Question:
    def of(table: Table) -> Any:
        ages = values(table, tree.of(table), "age")
        return total(sum(ages), len(ages))

    return Question(f"Sum({tree.text}, field=age)", of)


def extreme(name: str, tree: RowCall) -> Question:
    def of(table: Table) -> Any:
        ages = values(table, tree.of(table), "age")
        found = (min if name == "Min" else max)(ages, default=0)
        return total(found, ages.count(found))

    return Question(f"{name}({tree.text}, field=age)", of)


def top(tree: RowCall, n: int) -> Question:
    def of(table: Table) -> Any:
        counts = Counter(values(table, tree.of(table), "tags"))
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [{"id": 0, "key": key, "count": count} for key, count in ranked[: n or None]]

    return Question(f"TopN(tags, {tree.text}, n={n})", of)


def distinct(tree: RowCall, name: str) -> Question:
    return Question(
        f"Distinct({tree.text}, field={name})",
        lambda table: {"columns": sorted({int(v) for v in values(table, tree.of(table), name)})},
    )


def grouped(names: list[str], tree: RowCall) -> Question:
    def entry(name: str, value: Any) -> dict[str, Any]:
        if name in {"tags", "label"}:
            return {"field": name, "rowKey": value}
        return {"field": name, "value" if name == "age" else "rowID": int(value)}

    def of(table: Table) -> Any:
        groups: dict[tuple[Any, ...], list[Record]] = {}
        for record in (table[i] for i in tree.of(table) if i in table):
            for group in itertools.product(*(record.rows(name) for name in names)):
                groups.setdefault(group, []).append(record)
        return [
            {
                "group": [entry(name, v) for name, v in zip(names, group, strict=True)],
                "count": len(members),
                "sum": Decimal(sum(r.price or 0 for r in members)).scaleb(-2),
            }
            for group, members in sorted(groups.items())
        ]

    keys = ", ".join(f"Rows({name})" for name in names)
    return Question(f"GroupBy({keys}, filter={tree.text}, aggregate=Sum(field=price))", of)


def sorted_by_age(tree: RowCall, descends: bool, limit: int) -> Question:
    def of(table: Table) -> Any:
        held = [
            (table[i].age, i) for i in tree.of(table) if i in table and table[i].age is not None
        ]
        held.sort(key=lambda pair: (-pair[0] if descends else pair[0], pair[1]))
        return {
            "fields": [{"name": "age", "type": "int64"}, {"name": "colour", "type": "[]uint64"}],
            "columns": [
                {"column": i, "rows": [age, sorted(table[i].colour)]} for age, i in held[:limit]
            ],
        }

    direction = str(descends).lower()
    sort = f"Sort({tree.text}, field=age, sort-desc={direction}, limit={limit})"
    return Question(f"Extract({sort}, Rows(age), Rows(colour))", of)


group_names = st.lists(
    st.sampled_from(["colour", "tags", "kind", "label", "active", "age", "seen"]),
    min_size=1,
    max_size=3,
    unique=True,
)
questions = st.one_of(
    st.builds(columns, trees),
    st.builds(counted, trees),
    st.builds(totalled, trees),
    st.builds(extreme, st.sampled_from(["Min", "Max"]), trees),
    st.builds(top, trees, st.integers(0, 3)),
    st.builds(distinct, trees, st.sampled_from(["colour", "kind", "seen", "active"])),
    st.builds(grouped, group_names, trees),
    st.builds(sorted_by_age, trees, st.booleans(), st.integers(0, 5)),
)

_table_numbers = itertools.count()


@pytest.mark.parametrize("partition_count", [1, 3])
def test_random_statements(partition_count: int, open_database: Callable[..., Any]) -> None:
    """Every generated call answers exactly what the records say."""
    database = open_database(partition_count=partition_count)

    @settings(max_examples=EXAMPLES, suppress_health_check=[*HealthCheck])
    @given(table=tables, asked=st.lists(questions, min_size=1, max_size=12))
    def check(table: Table, asked: list[Question]) -> None:
        name = f"t{next(_table_numbers)}"
        database.create_table(name, is_keyed=False, fields=FIELDS)
        try:
            if table:
                database.query(writes(table), name)
            answer = database.query("\n".join(question.text for question in asked), name)
        finally:
            database.drop_table(name)
        results = json.loads(answer, parse_float=Decimal)["results"]
        for question, result in zip(asked, results, strict=True):
            assert result == question.of(table), question.text

    check()
