"""Functions of PostgreSQL that statements about its catalogue call, as macros of DuckDB.

What they would tell of things that there are none of here is null. Each line is one macro; one of
several lengths lists its forms.
"""

# ruff: noqa: S608 - of our own words alone

import re

from bitbrook.pgwire import types

PREFIX = "pg_catalog__"
"""Begins the names of the catalogue's tables in DuckDB, whose own are called as PostgreSQL's."""


def macros() -> list[str]:
    """Return the statements that make them."""
    found = [f"CREATE MACRO {name}{forms}" for name, forms in _MACROS.items()]
    return [*found, f"CREATE MACRO format_type(a, b) AS {_format_type()}"]


def _format_type() -> str:
    cases = []
    for each in types.TYPES:
        name = types.SQL_NAMES.get(each.oid, each.name)
        if each.element:
            inner = next(t for t in types.TYPES if t.oid == each.element)
            name = types.SQL_NAMES.get(inner.oid, inner.name) + "[]"
        if each.oid == types.NUMERIC:
            scaled = "'numeric(' || ((b - 4) >> 16) || ',' || ((b - 4) & 65535) || ')'"
            cases.append(f"WHEN {each.oid} THEN CASE WHEN b > 4 THEN {scaled} ELSE 'numeric' END")
        else:
            cases.append(f"WHEN {each.oid} THEN '{name}'")
    return f"CASE a {' '.join(cases)} ELSE CASE WHEN a IS NULL THEN NULL ELSE '???' END END"


def _select(what: str, table: str, where: str) -> str:
    return f"(SELECT any_value({what}) FROM {PREFIX}{table} WHERE {where})"


_NULL = "NULL::VARCHAR"
_KEY_OF = (
    f"(SELECT any_value('CREATE UNIQUE INDEX ' || i.relname || ' ON public.' || c.relname || "
    f"' USING btree (_id)') FROM {PREFIX}pg_index x JOIN {PREFIX}pg_class i "
    f"ON i.oid = x.indexrelid JOIN {PREFIX}pg_class c ON c.oid = x.indrelid "
    "WHERE x.indexrelid = a)"
)
_DESCRIPTION = _select("description", "pg_description", "objoid = a AND objsubid = 0")
_SETTING = _select("setting", "pg_settings", "name = lower(a)")
_CLASS_OF = _select(
    "oid", "pg_class", "relname = replace(regexp_replace(a, '^.*\\.', ''), '\"', '')"
)
_TYPE_OF = _select("oid", "pg_type", "typname = replace(regexp_replace(a, '^.*\\.', ''), '\"', '')")
_VIEW = (
    f"(SELECT any_value(v.definition) FROM {PREFIX}pg_views v JOIN {PREFIX}pg_class c "
    "ON c.relname = v.viewname WHERE c.oid = a)"
)

_MACROS = {
    "pg_get_userbyid": f"(a) AS {_select('rolname', 'pg_roles', 'oid = a')}",
    "pg_get_expr": f"(a, b) AS {_NULL}, (a, b, c) AS {_NULL}",
    "pg_get_viewdef": f"(a) AS {_VIEW}, (a, b) AS {_VIEW}",
    "pg_get_ruledef": f"(a) AS {_NULL}, (a, b) AS {_NULL}",
    "pg_get_indexdef": f"(a) AS {_KEY_OF}, "
    f"(a, b, c) AS CASE WHEN b > 0 THEN '_id' ELSE {_KEY_OF} END",
    "pg_get_constraintdef": "(a) AS 'PRIMARY KEY (_id)', (a, b) AS 'PRIMARY KEY (_id)'",
    "pg_get_partkeydef": f"(a) AS {_NULL}",
    "pg_get_triggerdef": f"(a) AS {_NULL}, (a, b) AS {_NULL}",
    "pg_get_functiondef": f"(a) AS {_NULL}",
    "pg_get_function_arguments": f"(a) AS {_NULL}",
    "pg_get_function_identity_arguments": f"(a) AS {_NULL}",
    "pg_get_function_result": f"(a) AS {_NULL}",
    "pg_get_serial_sequence": f"(a, b) AS {_NULL}",
    "pg_get_statisticsobjdef_columns": f"(a) AS {_NULL}",
    "pg_get_replica_identity_index": "(a) AS NULL::BIGINT",
    "pg_table_is_visible": "(a) AS true",
    "pg_type_is_visible": "(a) AS true",
    "pg_function_is_visible": "(a) AS true",
    "pg_opclass_is_visible": "(a) AS true",
    "pg_relation_is_publishable": "(a) AS false",
    "pg_is_other_temp_schema": "(a) AS false",
    "pg_my_temp_schema": "() AS 0",
    "pg_encoding_to_char": "(a) AS 'UTF8'",
    "pg_char_to_encoding": "(a) AS 6",
    "pg_tablespace_location": "(a) AS ''",
    "pg_relation_size": "(a) AS 0, (a, b) AS 0",
    "pg_table_size": "(a) AS 0",
    "pg_indexes_size": "(a) AS 0",
    "pg_total_relation_size": "(a) AS 0",
    "pg_database_size": "(a) AS 0",
    "pg_size_pretty": "(a) AS a || ' bytes'",
    "pg_stat_get_numscans": "(a) AS 0",
    "pg_is_in_recovery": "() AS false",
    "pg_last_xact_replay_timestamp": "() AS NULL::TIMESTAMP",
    "pg_available_extension_versions": f"() AS {_NULL}",
    "obj_description": f"(a) AS {_DESCRIPTION}, (a, b) AS {_DESCRIPTION}",
    "col_description": f"(a, b) AS {_NULL}",
    "shobj_description": f"(a, b) AS {_NULL}",
    "has_table_privilege": "(a, b) AS true, (a, b, c) AS true",
    "has_any_column_privilege": "(a, b) AS true, (a, b, c) AS true",
    "has_column_privilege": "(a, b, c) AS true, (a, b, c, d) AS true",
    "has_schema_privilege": "(a, b) AS true, (a, b, c) AS true",
    "has_database_privilege": "(a, b) AS true, (a, b, c) AS true",
    "pg_has_role": "(a, b) AS true, (a, b, c) AS true",
    "current_schemas": "(a) AS CASE WHEN a THEN ['pg_catalog', 'public'] ELSE ['public'] END",
    "current_setting": f"(a) AS {_SETTING}, (a, b) AS {_SETTING}",
    "set_config": "(a, b, c) AS b",
    "array_upper": "(a, b) AS len(a)",
    "array_lower": "(a, b) AS 1",
    "array_remove": "(a, b) AS list_filter(a, lambda x: x IS DISTINCT FROM b)",
    "pg_get_keywords": f"() AS {_NULL}",
    "pg_stat_get_live_tuples": "(a) AS 0",
    "pg_blocking_pids": "(a) AS []::BIGINT[]",
    "quote_ident": "(a) AS a",
    "txid_current": "() AS 1",
    "inet_server_addr": f"() AS {_NULL}",
    "inet_client_addr": f"() AS {_NULL}",
    "to_regclass": f"(a) AS {_CLASS_OF}",
    "to_regtype": f"(a) AS {_TYPE_OF}",
    "regclass_name": f"(a) AS {_select('relname', 'pg_class', 'oid = a')}",
    "regnamespace_name": f"(a) AS {_select('nspname', 'pg_namespace', 'oid = a')}",
    "_pg_expandarray": "(a) AS unnest([{'x': a[i], 'n': i} for i in range(1, len(a) + 1)])",
    "pg_format": "(f) AS f, "
    "(f, a) AS regexp_replace(f, '%[sIL]', a::VARCHAR), "
    "(f, a, b) AS regexp_replace(regexp_replace(f, '%[sIL]', a::VARCHAR), '%[sIL]', b::VARCHAR)",
}

TABLES_OF_MACROS = {
    table: frozenset(name for name, forms in _MACROS.items() if table in forms)
    for table in {
        found for forms in _MACROS.values() for found in re.findall(rf"{PREFIX}\w+", forms)
    }
}
"""Which macros read a table."""
