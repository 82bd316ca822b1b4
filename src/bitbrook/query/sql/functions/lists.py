"""Functions of lists and structs. Sets are lists, too; places in a list count from 1.

A lambda comes as a call whose type is that of its body. Lists that a function makes are bounded:
what it is asked for beyond `ITEMS_MAX` is refused.
"""

from collections.abc import Callable, Sequence

from bitbrook.query.sql.functions.aggregates import AVERAGE_SCALE, average_of
from bitbrook.query.sql.functions.definitions import (
    ANY,
    INTEGER,
    LAMBDA_BODY,
    LISTED,
    LITERAL_TEXT,
    STRUCT,
    TEXT,
    Function,
    Parameter,
    call_of,
    cast,
    constant_of,
    failure,
    largest,
    quoted,
    sized,
    unscaled,
)
from bitbrook.query.sql.functions.numbers import ALIKE, any_type
from bitbrook.query.sql.tree import Call, Constant, Expression
from bitbrook.query.sql.types import (
    BOOL,
    DOUBLE,
    INT,
    STRING,
    Kind,
    SqlType,
    common_type,
    decimal,
    list_of,
    struct_of,
)

ITEMS_MAX = 1_000_000
"""What range() and list_resize() may make once for a statement."""

ITEMS_OF_EACH_MAX = 10_000
"""What they may make for each record: DuckDB makes those of 2,048 at once."""

ITEMS_IN_LIST_MAX = 1_000
"""What they may make for each thing in a list, in a lambda."""

LAMBDAS = {"LIST_TRANSFORM": (1, 2), "LIST_FILTER": (1, 2), "LIST_REDUCE": (2, 3)}
"""The functions that take a lambda, and how many names it may have."""

HOLDING = frozenset({"LIST_CONTAINS", "LIST_POSITION", "LIST_APPEND", "LIST_PREPEND"})
"""Functions of a list and of what may be in it."""

TOGETHER = frozenset({"LIST_HAS_ANY", "LIST_HAS_ALL", "LIST_INTERSECT", "LIST_CONCAT"})
"""Functions of lists of the same things."""

_NESTED = Parameter(
    "list", lambda kind: kind.kind is Kind.VOID or (kind.is_listed and kind.item.is_listed)
)
_NUMBERS = Parameter(
    "list", lambda kind: kind.kind is Kind.VOID or (kind.is_listed and kind.item.is_number)
)
_INTEGERS = Parameter(
    "list", lambda kind: kind.kind is Kind.VOID or (kind.is_listed and kind.item.is_integer)
)
_TRUTHS = Parameter(
    "list", lambda kind: kind.kind is Kind.VOID or (kind.is_listed and kind.item == BOOL)
)
_TEXTS = Parameter(
    "list", lambda kind: kind.kind is Kind.VOID or (kind.is_listed and kind.item.is_text)
)
_DIRECTION = Parameter("string", LITERAL_TEXT.accepts, is_literal=True)


def _item(arguments: Sequence[Expression]) -> SqlType:
    kind = arguments[0].type
    return kind.item if kind.is_listed else kind


def _list(arguments: Sequence[Expression]) -> SqlType:
    return list_of(_item(arguments))


def _lists(arguments: Sequence[Expression]) -> SqlType:
    """Return the type of lists that hold what is in any of the arguments."""
    item = _item(arguments)
    for argument in arguments[1:]:
        if argument.type.is_listed:
            item = common_type(item, argument.type.item) or item
    return list_of(item)


def _list_and_item(arguments: Sequence[Expression]) -> SqlType:
    of_list = max(arguments, key=lambda argument: argument.type.is_listed)
    others = [argument for argument in arguments if argument is not of_list]
    return list_of(common_type(of_list.type.item, others[0].type) or of_list.type.item)


def _values(arguments: list[str], call: Call) -> str:
    item = call.type.item
    members = arguments if item.kind is Kind.VOID else [cast(each, item) for each in arguments]
    return f"[{', '.join(members)}]"


def _all_cast(function: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], call: Call) -> str:
        kind = _lists(call.arguments)
        return f"{function}({', '.join(cast(each, kind) for each in arguments)})"

    return render


def _with_item(function: str, *, is_first: bool = False) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], call: Call) -> str:
        kind = _list_and_item(call.arguments)
        kinds = (kind.item, kind) if is_first else (kind, kind.item)
        given = (cast(sql, each) for sql, each in zip(arguments, kinds, strict=True))
        return f"{function}({', '.join(given)})"

    return render


def _zip_type(arguments: Sequence[Expression]) -> SqlType:
    kinds = [each.type.item for each in arguments]
    return list_of(struct_of([(f"c{index}", kind) for index, kind in enumerate(kinds)]))


def _zipped(arguments: list[str], call: Call) -> str:
    return cast(f"list_zip({', '.join(arguments)})", call.type)


def _resize_type(arguments: Sequence[Expression]) -> SqlType:
    return _list(arguments) if len(arguments) < 3 else _list_and_item((arguments[0], arguments[2]))


def _resized(arguments: list[str], call: Call) -> str:
    size = cast(arguments[1], INT)
    most = largest(call, ITEMS_MAX, ITEMS_OF_EACH_MAX, ITEMS_IN_LIST_MAX)
    rest = "".join(f", {cast(each, call.type.item)}" for each in arguments[2:])
    return sized(
        size,
        f"{size} < 0 OR {size} > {most}",
        failure(call, f"list_resize() makes a list of 0 to {most:,}, not {{}}", size),
        lambda within: (
            f"CASE WHEN {size} IS NOT NULL "
            f"THEN list_resize({cast(arguments[0], call.type)}, {within}{rest}) END"
        ),
    )


def _sorted(arguments: list[str], call: Call) -> str:
    words = [str(constant_of(each).value).upper() for each in call.arguments[1:]]
    allowed = ({"ASC", "DESC"}, {"NULLS FIRST", "NULLS LAST"})
    for index, word in enumerate(words):
        if word not in allowed[index]:
            return failure(call, f"value {word[:20]!r} is no order of a list".replace("{", ""))
    given = [*words, *("ASC", "NULLS LAST")[len(words) :]]
    return f"list_sort({arguments[0]}, {', '.join(map(quoted, given))})"


def _ascending(sql: str) -> str:
    return f"list_sort({sql}, 'ASC', 'NULLS LAST')"


def _lambda_type(arguments: Sequence[Expression]) -> SqlType:
    return list_of(arguments[1].type)


def _range(stop_included: bool) -> Callable[[list[str], Call], str]:  # noqa: FBT001
    function = "generate_series" if stop_included else "range"

    def render(arguments: list[str], call: Call) -> str:
        start, stop, step = ["CAST(0 AS BIGINT)", arguments[0], "1"]
        if len(arguments) > 1:
            start, stop = arguments[:2]
        if len(arguments) > 2:
            step = arguments[2]
        start, stop, step = (cast(each, INT) for each in (start, stop, step))
        most = largest(call, ITEMS_MAX, ITEMS_OF_EACH_MAX, ITEMS_IN_LIST_MAX)
        wide = f"(CAST({stop} AS HUGEINT) - CAST({start} AS HUGEINT))"
        fails = failure(call, f"{function}() makes at most {most:,} numbers")
        is_too_large = f"{step} = 0 OR {wide} // nullif({step}, 0) > {most}"
        # DuckDB makes what is constant before it looks at conditions.
        return (
            f"CASE WHEN {is_too_large} THEN {fails} ELSE {function}("
            f"CASE WHEN {is_too_large} THEN 0 ELSE {start} END, "
            f"CASE WHEN {is_too_large} THEN 0 ELSE {stop} END, "
            f"CASE WHEN {is_too_large} THEN 1 ELSE {step} END) END"
        )

    return render


def _average(arguments: list[str], call: Call) -> str:
    item, sql = _item(call.arguments), arguments[0]
    if item == DOUBLE:
        return f"list_avg({sql})"
    units = f"list_transform({sql}, lambda vv: {unscaled('vv', item.scale)})"
    total, count = f"CAST(list_sum({units}) AS HUGEINT)", f"list_count({sql})"
    return average_of(total, count, item.scale)


def _average_type(arguments: Sequence[Expression]) -> SqlType:
    return DOUBLE if _item(arguments) == DOUBLE else decimal(AVERAGE_SCALE)


def _sum_type(arguments: Sequence[Expression]) -> SqlType:
    item = _item(arguments)
    return item if item.kind in {Kind.DECIMAL, Kind.DOUBLE} else INT


def _folded(function: str) -> Callable[[list[str], Call], str]:
    """Return an aggregate of what is in a list."""

    def render(arguments: list[str], call: Call) -> str:
        return cast(f"list_aggregate({arguments[0]}, '{function}')", call.type)

    return render


def _joined(arguments: list[str], _: Call) -> str:
    separator = arguments[1] if len(arguments) > 1 else "','"
    return f"array_to_string({arguments[0]}, {separator})"


def _distance(function: str) -> Callable[[list[str], Call], str]:
    def render(arguments: list[str], _: Call) -> str:
        return f"{function}({', '.join(f'CAST({each} AS DOUBLE[])' for each in arguments)})"

    return render


def _keys(_: list[str], call: Call) -> str:
    names = ", ".join(quoted(name) for name, _ in call.arguments[0].type.fields)
    return f"[{names}]"


_OF_NUMBERS = ("median", "product", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "mad")
_OF_SPREAD = ("skewness", "kurtosis", "kurtosis_pop", "sem")
_KEEPING = ("min", "max", "first", "last", "any_value", "mode")

FOLDS: dict[str, Function] = {
    "SUM": Function((_NUMBERS,), _sum_type, _folded("sum")),
    "AVG": Function((_NUMBERS,), _average_type, _average),
    "COUNT": Function((LISTED,), INT, _folded("count")),
    "APPROX_COUNT_DISTINCT": Function((LISTED,), INT, _folded("approx_count_distinct")),
    "ENTROPY": Function((LISTED,), DOUBLE, _folded("entropy")),
    **{name.upper(): Function((LISTED,), _item, _folded(name)) for name in _KEEPING},
    **{
        name.upper(): Function((_NUMBERS,), DOUBLE, _folded(name))
        for name in (*_OF_NUMBERS, *_OF_SPREAD)
    },
    **{
        name.upper(): Function((_INTEGERS,), INT, _folded(name))
        for name in ("bit_and", "bit_or", "bit_xor")
    },
    **{name.upper(): Function((_TRUTHS,), BOOL, _folded(name)) for name in ("bool_and", "bool_or")},
    "STRING_AGG": Function((_TEXTS, TEXT), STRING, _joined, required=1),
}
"""Aggregates of what is in a list: `list_sum(l)`, and `list_aggregate(l, 'sum')`."""


def _fold_of(arguments: Sequence[Expression]) -> Function | None:
    name = arguments[1]
    value = name.value if isinstance(name, Constant) else ""
    fold = FOLDS.get(str(value).upper())
    is_known = fold is not None and fold.parameters[0].accepts(arguments[0].type)
    return fold if is_known else None


def _aggregate_type(arguments: Sequence[Expression]) -> SqlType:
    fold = _fold_of(arguments)
    return STRING if fold is None else fold.result_type(arguments[:1])


def _aggregate(arguments: list[str], call: Call) -> str:
    fold = _fold_of(call.arguments)
    assert fold is not None, "checked by the binder"
    return fold.render([arguments[0], *arguments[2:]], call)


def is_fold(arguments: Sequence[Expression]) -> bool:
    """Return whether the second argument names an aggregate of what is in the first."""
    return _fold_of(arguments) is not None


LIST_FUNCTIONS: dict[str, Function] = {
    "LIST_VALUE": Function((ALIKE,), lambda a: list_of(any_type(a)), _values, repeats=True),
    "LIST_SORT": Function((LISTED, _DIRECTION, _DIRECTION), _list, _sorted, required=1),
    "LIST_REVERSE_SORT": Function(
        (LISTED,), _list, lambda a, _: f"list_sort({a[0]}, 'DESC', 'NULLS LAST')"
    ),
    "LIST_REVERSE": call_of("list_reverse", LISTED, returns=_list),
    # Ascending: DuckDB gives them in any order.
    "LIST_DISTINCT": Function((LISTED,), _list, lambda a, _: _ascending(f"list_distinct({a[0]})")),
    "LIST_UNIQUE": Function((LISTED,), INT, lambda a, _: cast(f"list_unique({a[0]})", INT)),
    "LIST_CONTAINS": Function((LISTED, ANY), BOOL, _with_item("list_contains")),
    "LIST_POSITION": Function(
        (LISTED, ANY), INT, lambda a, c: cast(_with_item("list_position")(a, c), INT)
    ),
    "LIST_HAS_ANY": Function((LISTED, LISTED), BOOL, _all_cast("list_has_any")),
    "LIST_HAS_ALL": Function((LISTED, LISTED), BOOL, _all_cast("list_has_all")),
    "LIST_INTERSECT": Function(
        (LISTED, LISTED), _lists, lambda a, c: _ascending(_all_cast("list_intersect")(a, c))
    ),
    "LIST_CONCAT": Function((LISTED, LISTED), _lists, _all_cast("list_concat"), repeats=True),
    "LIST_APPEND": Function((LISTED, ANY), _list_and_item, _with_item("list_append")),
    "LIST_PREPEND": Function(
        (ANY, LISTED), _list_and_item, _with_item("list_prepend", is_first=True)
    ),
    "LIST_SLICE": call_of("list_slice", LISTED, INTEGER, INTEGER, returns=_list),
    "LIST_EXTRACT": call_of("list_extract", LISTED, INTEGER, returns=_item),
    "LIST_ZIP": Function((LISTED,), _zip_type, _zipped, repeats=True),
    "LIST_RESIZE": Function((LISTED, INTEGER, ANY), _resize_type, _resized, required=2),
    "LIST_SELECT": call_of("list_select", LISTED, _INTEGERS, returns=_list),
    "LIST_WHERE": call_of("list_where", LISTED, _TRUTHS, returns=_list),
    "LIST_GRADE_UP": call_of("list_grade_up", LISTED, returns=list_of(INT)),
    "FLATTEN": call_of("flatten", _NESTED, returns=_item),
    "ARRAY_POP_BACK": call_of("array_pop_back", LISTED, returns=_list),
    "ARRAY_POP_FRONT": call_of("array_pop_front", LISTED, returns=_list),
    "ARRAY_TO_STRING": Function((LISTED, TEXT), STRING, _joined),
    "LIST_AGGREGATE": Function((LISTED, LITERAL_TEXT, TEXT), _aggregate_type, _aggregate, 2),
    "LIST_DISTANCE": Function((_NUMBERS, _NUMBERS), DOUBLE, _distance("list_distance")),
    "LIST_INNER_PRODUCT": Function((_NUMBERS, _NUMBERS), DOUBLE, _distance("list_inner_product")),
    "LIST_COSINE_SIMILARITY": Function(
        (_NUMBERS, _NUMBERS), DOUBLE, _distance("list_cosine_similarity")
    ),
    "LIST_COSINE_DISTANCE": Function(
        (_NUMBERS, _NUMBERS), DOUBLE, _distance("list_cosine_distance")
    ),
    "LIST_TRANSFORM": call_of("list_transform", LISTED, LAMBDA_BODY, returns=_lambda_type),
    "LIST_FILTER": call_of("list_filter", LISTED, LAMBDA_BODY, returns=_list),
    "LIST_REDUCE": Function(
        (LISTED, LAMBDA_BODY, ANY),
        lambda a: a[1].type,
        lambda a, call: (
            "list_reduce("
            + ", ".join([a[0] if len(a) > 2 else cast(a[0], list_of(call.type)), a[1]])
            + (f", {cast(a[2], call.type)})" if len(a) > 2 else ")")
        ),
        required=2,
    ),
    "RANGE": Function((INTEGER,) * 3, list_of(INT), _range(False), required=1),  # noqa: FBT003
    "GENERATE_SERIES": Function(
        (INTEGER,) * 3,
        list_of(INT),
        _range(True),  # noqa: FBT003
        required=1,
    ),
    "STRUCT_KEYS": Function((STRUCT,), list_of(STRING), _keys),
    **{f"LIST_{name}": fold for name, fold in FOLDS.items()},
}

LIST_ALIASES = {
    "APPLY": "LIST_TRANSFORM",
    "ARRAY_APPLY": "LIST_TRANSFORM",
    "ARRAY_CAT": "LIST_CONCAT",
    "ARRAY_HAS": "LIST_CONTAINS",
    "ARRAY_INDEXOF": "LIST_POSITION",
    "ARRAY_LENGTH": "LEN",
    "ARRAY_PUSH_BACK": "LIST_APPEND",
    "ARRAY_PUSH_FRONT": "LIST_PREPEND",
    "CARDINALITY": "LEN",
    "ELEMENT_AT": "LIST_EXTRACT",
    "FILTER": "LIST_FILTER",
    "GRADE_UP": "LIST_GRADE_UP",
    "LIST_AGGR": "LIST_AGGREGATE",
    "LIST_APPLY": "LIST_TRANSFORM",
    "LIST_CAT": "LIST_CONCAT",
    "LIST_DOT_PRODUCT": "LIST_INNER_PRODUCT",
    "LIST_ELEMENT": "LIST_EXTRACT",
    "LIST_HAS": "LIST_CONTAINS",
    "LIST_INDEXOF": "LIST_POSITION",
    "LIST_PACK": "LIST_VALUE",
    "REDUCE": "LIST_REDUCE",
    **{
        f"ARRAY_{name.removeprefix('LIST_')}": name
        for name in LIST_FUNCTIONS
        if name.startswith("LIST_") and name != "LIST_AGG"
    },
}
"""Names of the same functions elsewhere."""
