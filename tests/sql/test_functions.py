"""Every function of DuckDB's is either one that statements may call, or refused for a reason.

The list of DuckDB's own functions is gone through: none may come in unnoticed with a new version,
and what reads files, settings, the session, sequences, time that passes or chance is refused. Each
function that may be called is called once with arguments of its types: DuckDB knows it so.
"""

import re
from typing import Any

import duckdb
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError
from bitbrook.query.results.sql_json import encode_json
from bitbrook.query.sql import run_sql
from bitbrook.query.sql.dialect.parse import parse_query
from bitbrook.query.sql.functions.aggregates import AGGREGATES, WINDOW_FUNCTIONS
from bitbrook.query.sql.functions.definitions import Parameter
from bitbrook.query.sql.functions.table import ALIASES, FUNCTION_NAMES, SCALARS
from bitbrook.query.sql.positions import StatementText
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.types import SqlType

BOUND_ELSEWHERE = {
    "unnest",
    "struct_pack",
    "row",
    "struct_extract",
    "time_bucket",
    "now",
    "today",
    "transaction_timestamp",
    "get_current_timestamp",
    "current_date",
    "greatest",
    "least",
    "count_star",
}
"""Names that the binder reads without the table of functions."""

REFUSED = {
    "an operator or what an operator becomes": (
        r"[^a-z]+|!__postfix|IS .*|__.*|add|subtract|multiply|decimal_division|alias|invoke"
        r"|i?like_escape|not_i?like_escape|in_search_path|index_key|create_sort_key"
        r"|icu_sort_key|bitstring_byte_comparable|timetz_byte_comparable|remap_struct"
        r"|replace_type|struct_update|cast_to_type|can_cast_implicitly|get_type|make_type"
        r"|constant_or_null|switch|unpivot_list|normalized_interval|json_copy_.*"
        r"|vertex_extract|struct_extract_at|list_comparator"
    ),
    "a collation": r"(icu_)?collate_.*",
    "the session, its settings, users and catalogue": (
        r"current_.*|session_user|user|getvariable|getenv|has_.*_privilege|pg_.*|format_pg_type"
        r"|format_type|inet_.*|obj_description|shobj_description|col_description|get_block_size"
        r"|txid_current|version|in_search_path|map_to_pg_oid"
    ),
    "chance, or a state that changes": (
        r"random|setseed|uuid|uuidv[47]|gen_random_uuid|nextval|currval|setval|stats"
        r"|reservoir_quantile|approx_quantile|approx_top_k|lttb"
    ),
    "what waits, writes, fails on purpose or tells of the inside": (
        r"sleep_ms|pg_sleep|write_log|error|assert_true|vector_type|hive_partition_component"
        r"|parse_duckdb_log_message|json_(de)?serialize_sql|json_serialize_plan|query|query_table"
    ),
    "a type that no column or answer has: map, blob, bit string, union, variant, geometry, enum": (
        r"map|map_.*|cardinality|element_at|bitstring.*|bit_position|get_bit|set_bit|union_.*"
        r"|variant_.*|st_.*|enum_.*|encode|decode|from_hex|unhex|unbin|from_binary|row_to_json"
        r"|array_value|array_cross_product|md5_number.*|make_time|make_timestamptz|timezone.*"
        r"|from_json.*|json_transform.*|json_structure|json_group_.*|json_set|json_insert"
        r"|json_remove|json_replace|json_normalize|json_pretty|json_quote|json_exists|json_value"
        r"|json_merge_patch.*|json_deep_merge|json_strip_nulls|json_object|json_array|json|array_to_json"
        r"|to_aggregate_state|finalize|combine.*|histogram_exact|is_histogram_other_bin"
        r"|equi_width_bins|decimal_average|sum_no_overflow|list_histogram|array_cosine_.*"
        r"|array_distance|array_(negative_)?(inner|dot)_product|list_negative_.*"
        r"|uuid_extract_.*|wkb.*"
    ),
    "an interval, which is written and added but no value": (
        r"age|to_(centuries|days|decades|hours|microseconds|millennia|milliseconds|minutes|months"
        r"|quarters|seconds|weeks|years)|ago|date_add|datetrunc|nanosecond|days_in_month"
    ),
    "what the reference has under another name or meaning": (
        r"substr|array_aggr|aggregate|octet_length|generate_subscripts|array_to_string_comma_default"
        r"|printf|date_trunc|regexp_split_to_table|pi|make_timestamp_(ms|ns)|hash|today"
    ),
    "what few ask for": (
        r"bar|binom|formatreadable.*|parse_formatted_bytes|left_grapheme|right_grapheme"
        r"|substring_grapheme|overlay|position|roundbankers|round_even|list_resize|array_resize"
        r"|list_zip|array_zip|struct_(concat|contains|has|indexof|insert|keys|position|values)"
        r"|path_join|arg_(max|min)_null.*|max_by|min_by|first|trim|substring_.*|get_current_time"
    ),
}


def _duckdb_names() -> set[str]:
    connection = duckdb.connect()
    rows = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type IN ('scalar', 'aggregate', 'macro')"
    ).fetchall()
    connection.close()
    return {name for (name,) in rows}


def test_every_function_of_duckdb_is_known_or_refused() -> None:
    """A name in neither is one that nobody has looked at."""
    known = {name.lower() for name in FUNCTION_NAMES} | BOUND_ELSEWHERE
    unseen = [
        name
        for name in _duckdb_names() - known
        if not any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in REFUSED.values())
    ]
    assert sorted(unseen) == []


DANGEROUS = (
    "the session, its settings, users and catalogue",
    "chance, or a state that changes",
    "what waits, writes, fails on purpose or tells of the inside",
)


@pytest.mark.parametrize("reason", DANGEROUS)
def test_what_is_dangerous_is_refused(reason: str, open_database: Any) -> None:
    """By name, with one argument and without, in a lambda and in a window."""
    database = open_database()
    names = [n for n in _duckdb_names() if re.fullmatch(REFUSED[reason], n, re.IGNORECASE)]
    assert names
    for name in names:
        if name in BOUND_ELSEWHERE:
            continue
        for statement in (
            f"select {name}()",
            f"select {name}('x')",
            f"select list_transform([1], x -> {name}(x))",
            f"select {name}('x') over ()",
            f"select * from {name}('x')",
        ):
            with pytest.raises(BitbrookError):
                run_sql(statement, database, Budget())


SAMPLES = {
    "string": "'1'",
    "int": "2",
    "decimal": "0.5",
    "timestamp": "cast('2024-03-05T13:14:15Z' as timestamp)",
    "set": "[1, 2]",
    "list": "list_value(1, 2)",
    "struct": "{'a': 1}",
    "bool": "true",
    "any": "1",
    "alike": "1",
    "vector": "[1.0, 2.0]",
    "lambda": "1",
}
SPECIAL = {
    "ACOSH": "acosh(1.5)",
    "ARRAY_TO_STRING": "array_to_string(list_value('a', 'b'), '-')",
    "CHAR": "char(65)",
    "DATE_DIFF": f"date_diff('day', {SAMPLES['timestamp']}, {SAMPLES['timestamp']})",
    "DATE_PART": f"date_part('day', {SAMPLES['timestamp']})",
    "DATE_SUB": f"date_sub('day', {SAMPLES['timestamp']}, {SAMPLES['timestamp']})",
    "FLATTEN": "flatten(list_value(list_value(1), list_value(2)))",
    "FROM_BASE64": "from_base64('YQ==')",
    "IF": "if(true, 1, 2)",
    "JSON_CONTAINS": "json_contains('[1]', '1')",
    "JSON_EXTRACT": "json_extract('{\"a\": 1}', '$.a')",
    "JSON_EXTRACT_STRING": "json_extract_string('{\"a\": 1}', '$.a')",
    "JSON_KEYS": "json_keys('{\"a\": 1}')",
    "LIST_AGGREGATE": "list_aggregate(list_value(1, 2), 'sum')",
    "LIST_BOOL_AND": "list_bool_and(list_value(true))",
    "LIST_BOOL_OR": "list_bool_or(list_value(true))",
    "LIST_FILTER": "list_filter(list_value(1), x -> true)",
    "LIST_PREPEND": "list_prepend(1, list_value(2))",
    "LIST_REDUCE": "list_reduce(list_value(1, 2), (a, b) -> a + b)",
    "LIST_SORT": "list_sort(list_value(2, 1), 'DESC', 'NULLS FIRST')",
    "LIST_STRING_AGG": "list_string_agg(list_value('a', 'b'))",
    "LIST_TRANSFORM": "list_transform(list_value(1), x -> x)",
    "LIST_WHERE": "list_where(list_value(1, 2), list_value(true, false))",
    "RANGEQ": None,
    "REGEXP_EXTRACT_ALL": "regexp_extract_all('aba', '(a)', 1)",
    "REGEXP_REPLACE": "regexp_replace('aba', 'a', 'b', 'g')",
    "SETCONTAINS": "setcontains([1, 2], 1)",
    "SETCONTAINSALL": "setcontainsall([1, 2], [1])",
    "SETCONTAINSANY": "setcontainsany([1, 2], [1])",
    "STR": "str(1.5, 5, 1)",
    "STRPTIME": "strptime('2024', '%Y')",
    "TOTIMESTAMP": "totimestamp(1, 's')",
    "TO_BASE": "to_base(10, 2)",
    "TRY_STRPTIME": "try_strptime('2024', '%Y')",
    "PARSETIMESTAMP": "parsetimestamp('2024', '2006')",
    "DATETIMEFROMPARTS": "datetimefromparts(2024, 1, 1, 0, 0, 0, 0)",
    "MAKE_DATE": "make_date(2024, 1, 1)",
    "MAKE_TIMESTAMP": "make_timestamp(2024, 1, 1, 0, 0, 1.5)",
    "PREFIX": "prefix('abc', 1)",
    "SUFFIX": "suffix('abc', 1)",
    "SUBSTRING": "substring('abc', 1, 1)",
    "CHARINDEX": "charindex('a', 'abc')",
}


def _sample(parameter: Parameter) -> str:
    if parameter.is_unit:
        return "'D'"
    if parameter.name == "list" and not parameter.accepts(_type_of(SAMPLES["list"])):
        return "list_value('a', 'b')"
    return SAMPLES[parameter.name]


def _type_of(expression: str) -> SqlType:
    session = Session(StatementText(f"select {expression}"), None, Budget(), None)  # type: ignore[arg-type]
    return session.bind(parse_query(session.text)).columns[0][1]


@pytest.mark.parametrize("name", sorted(SCALARS))
def test_every_scalar_can_be_called(name: str, open_database: Any) -> None:
    """And its answer has the type that the binder says, or its encoding would fail."""
    call = SPECIAL.get(name, "")
    if call is None:
        return
    function = SCALARS[name]
    arguments = ", ".join(map(_sample, function.parameters))
    statement = f"select {call or f'{name.lower()}({arguments})'}"
    answer = run_sql(statement, open_database(), Budget())
    assert answer.table.num_rows == 1, statement
    assert encode_json(answer, 0)
    in_where = statement.replace("select ", "select typeof(") + ")"
    assert run_sql(in_where, open_database(), Budget()).table.column(0)[0].as_py() == (
        answer.fields[0].type
    )


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_every_aggregate_can_be_called(name: str, open_database: Any) -> None:
    """Over all, by groups, over a window, with a filter; of nothing it is null, a count 0."""
    function = AGGREGATES[name]
    database = open_database()
    run_sql("create table t (_id id, k id, n int, b bool, s string)", database, Budget())
    run_sql("insert into t values (1, 1, 2, true, 'a'), (2, 1, 3, false, 'b')", database, Budget())
    columns = {"string": "s", "bool": "b"}
    arguments = ", ".join(
        (SAMPLES[p.name] if p.name != "string" else "'-'")
        if p.is_literal
        else columns.get(p.name, "n")
        for p in function.parameters[: function.required]
    )
    call = f"{name.lower()}({arguments})"
    for statement in (
        f"select {call} from t",
        f"select k, {call} filter (where n > 2) from t group by k",
        f"select {call} over (order by _id) from t" if name != "HISTOGRAM" else "select 1",
    ):
        assert encode_json(run_sql(statement, database, Budget()), 0), statement
    of_nothing = run_sql(f"select {call} from t where n > 5", database, Budget()).table.column(0)
    assert of_nothing[0].as_py() in (None, 0, []), call


def test_aliases_name_functions() -> None:
    """An alias of nothing would be an unknown function with another name."""
    known = SCALARS.keys() | AGGREGATES.keys() | WINDOW_FUNCTIONS.keys()
    assert [alias for alias, name in ALIASES.items() if name not in known] == []
    assert not ALIASES.keys() & known
