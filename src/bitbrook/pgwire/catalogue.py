"""PostgreSQL's catalogue of a deployment: its tables, views and columns as pg_catalog tells them.

Small tables, made anew for each statement that asks: what is told is what is there. A table's `_id`
is its primary key. Oids are drawn from ids, so that they stay as long as what they name.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from bitbrook.algebra.budget import Budget
from bitbrook.control.database import ControlDatabase
from bitbrook.errors import BitbrookError
from bitbrook.pgwire import types
from bitbrook.pgwire.messages import Column
from bitbrook.query.sql.bind.sources import columns_of
from bitbrook.query.sql.prepared import describe_prepared, prepare_sql
from bitbrook.query.sql.session import fields_of
from bitbrook.schema.field_types import TableSchema

PUBLIC = 2_200
PG_CATALOG = 11
INFORMATION_SCHEMA = 13_000
OWNER = 10
DATABASE = 5
HEAP = 2
BTREE = 403
FIRST_OID = 16_384

_OIDS_OF_TABLES = {
    "pg_class": 1_259,
    "pg_namespace": 2_615,
    "pg_type": 1_247,
    "pg_attribute": 1_249,
    "pg_database": 1_262,
}
"""Of the tables of PostgreSQL that statements name by `'...'::regclass`."""


class Relation(NamedTuple):
    """A table or view as it is told."""

    oid: int
    name: str
    is_view: bool
    description: str
    definition: str
    columns: tuple[Column, ...]


def relations_of(database: ControlDatabase, budget: Budget) -> list[Relation]:
    """Return the tables and views of a deployment, by name."""
    taken: set[int] = set()
    relations = [_of_table(table, taken) for table in database.tables()]
    for name, definition in database.views().items():
        columns = _columns_of(name, database, budget)
        oid = _oid(f"view {database.deployment_id} {name}", taken)
        relations.append(Relation(oid, name, True, "", definition, columns))  # noqa: FBT003
    return sorted(relations, key=lambda each: each.name)


def catalogue_tables(
    relations: Sequence[Relation], *, database: str, owner: str, settings: Iterable[tuple[str, str]]
) -> dict[str, pa.Table]:
    """Return the tables of pg_catalog and information_schema, by `<schema>.<name>`."""
    rows = _rows(relations, database, owner, settings)
    return {name: _table(_SHAPES[name], rows.get(name, [])) for name in _SHAPES}


def _of_table(table: TableSchema, taken: set[int]) -> Relation:
    columns = tuple(map(types.column_of, fields_of(columns_of(table))))
    oid = _oid(table.id, taken)
    return Relation(oid, table.name, False, table.description, "", columns)  # noqa: FBT003


def _columns_of(name: str, database: ControlDatabase, budget: Budget) -> tuple[Column, ...]:
    try:
        # The name of a view that exists is letters, digits and hyphens.
        prepared = prepare_sql(f'select * from "{name}"')  # noqa: S608
        fields = describe_prepared(prepared, {}, database, budget)
    except BitbrookError:
        # A view whose table is gone has no columns that could be told.
        return ()
    return tuple(types.column_of(field) for field in fields)


def _oid(id_: str, taken: set[int]) -> int:
    oid = FIRST_OID + zlib.crc32(id_.encode()) % 1_900_000_000
    # The next one belongs to its primary key.
    while oid in taken or oid + 1 in taken:
        oid += 2
    taken.update((oid, oid + 1))
    return oid


_ARROW: dict[str, pa.DataType] = {
    "int": pa.int64(),
    "short": pa.int32(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "float": pa.float64(),
    "ints": pa.list_(pa.int64()),
    "texts": pa.list_(pa.string()),
}


def _shape(written: str) -> list[tuple[str, str]]:
    """Return the columns that `name:type name ...` lists; text where no type is given."""
    found = []
    for each in written.split():
        name, _, kind = each.partition(":")
        found.append((name, kind or "text"))
    return found


def _table(shape: list[tuple[str, str]], rows: list[dict[str, Any]]) -> pa.Table:
    """Return a table of rows; what a row does not say is the nothing of its type."""
    arrays = [
        pa.array([row.get(name, _NOTHING[kind]) for row in rows], _ARROW[kind])
        for name, kind in shape
    ]
    return pa.Table.from_arrays(arrays, [name for name, _ in shape])


_NOTHING: dict[str, Any] = {
    "int": 0, "short": 0, "text": None, "bool": False, "float": 0.0, "ints": None, "texts": None,
}  # fmt: skip

_SHAPES = {
    name: _shape(written)
    for name, written in {
        "pg_catalog.pg_namespace": "oid:int nspname nspowner:int nspacl:texts",
        "pg_catalog.pg_database": "oid:int datname datdba:int encoding:int datlocprovider "
        "datistemplate:bool datallowconn:bool datconnlimit:int datfrozenxid:int datminmxid:int "
        "dattablespace:int datcollate datctype daticulocale datcollversion datacl:texts",
        "pg_catalog.pg_class": "oid:int relname relnamespace:int reltype:int reloftype:int "
        "relowner:int relam:int relfilenode:int reltablespace:int relpages:int reltuples:float "
        "relallvisible:int reltoastrelid:int relhasindex:bool relisshared:bool relpersistence "
        "relkind relnatts:short relchecks:short relhasrules:bool relhastriggers:bool "
        "relhassubclass:bool relrowsecurity:bool relforcerowsecurity:bool relispopulated:bool "
        "relreplident relispartition:bool relrewrite:int relfrozenxid:int relminmxid:int "
        "relacl:texts reloptions:texts relpartbound relhasoids:bool",
        "pg_catalog.pg_attribute": "attrelid:int attname atttypid:int attstattarget:int "
        "attlen:short attnum:short attndims:short attcacheoff:int atttypmod:int attbyval:bool "
        "attstorage attalign attcompression attnotnull:bool atthasdef:bool atthasmissing:bool "
        "attidentity attgenerated attisdropped:bool attislocal:bool attinhcount:short "
        "attcollation:int attacl:texts attoptions:texts attfdwoptions:texts attmissingval:texts",
        "pg_catalog.pg_type": "oid:int typname typnamespace:int typowner:int typlen:short "
        "typbyval:bool typtype typcategory typispreferred:bool typisdefined:bool typdelim "
        "typrelid:int typsubscript typelem:int typarray:int typinput typoutput typreceive typsend "
        "typmodin typmodout typanalyze typalign typstorage typnotnull:bool typbasetype:int "
        "typtypmod:int typndims:int typcollation:int typdefaultbin typdefault typacl:texts",
        "pg_catalog.pg_index": "indexrelid:int indrelid:int indnatts:short indnkeyatts:short "
        "indisunique:bool indnullsnotdistinct:bool indisprimary:bool indisexclusion:bool "
        "indimmediate:bool indisclustered:bool indisvalid:bool indcheckxmin:bool indisready:bool "
        "indislive:bool indisreplident:bool indkey:ints indcollation:ints indclass:ints "
        "indoption:ints indexprs indpred",
        "pg_catalog.pg_opclass": "oid:int opcmethod:int opcname opcnamespace:int opcowner:int "
        "opcfamily:int opcintype:int opcdefault:bool opckeytype:int",
        "pg_catalog.pg_operator": "oid:int oprname oprnamespace:int oprleft:int oprright:int",
        "pg_catalog.pg_aggregate": "aggfnoid:int aggkind",
        "pg_catalog.pg_cast": "oid:int castsource:int casttarget:int castfunc:int castcontext",
        "pg_catalog.pg_conversion": "oid:int conname connamespace:int",
        "pg_catalog.pg_default_acl": "oid:int defaclrole:int defaclnamespace:int",
        "pg_catalog.pg_largeobject_metadata": "oid:int lomowner:int",
        "pg_catalog.pg_constraint": "oid:int conname connamespace:int contype condeferrable:bool "
        "condeferred:bool convalidated:bool conrelid:int contypid:int conindid:int conparentid:int "
        "confrelid:int confupdtype confdeltype confmatchtype conislocal:bool coninhcount:int "
        "connoinherit:bool conkey:ints confkey:ints conpfeqop:ints conppeqop:ints conffeqop:ints "
        "conexclop:ints conbin",
        "pg_catalog.pg_description": "objoid:int classoid:int objsubid:int description",
        "pg_catalog.pg_shdescription": "objoid:int classoid:int description",
        "pg_catalog.pg_attrdef": "oid:int adrelid:int adnum:short adbin",
        "pg_catalog.pg_am": "oid:int amname amhandler amtype",
        "pg_catalog.pg_roles": "oid:int rolname rolsuper:bool rolinherit:bool rolcreaterole:bool "
        "rolcreatedb:bool rolcanlogin:bool rolreplication:bool rolconnlimit:int rolpassword "
        "rolvaliduntil rolbypassrls:bool rolconfig:texts",
        "pg_catalog.pg_user": "usename usesysid:int usecreatedb:bool usesuper:bool userepl:bool "
        "usebypassrls:bool passwd valuntil useconfig:texts",
        "pg_catalog.pg_auth_members": "roleid:int member:int grantor:int admin_option:bool",
        "pg_catalog.pg_settings": "name setting unit category short_desc extra_desc context "
        "vartype source min_val max_val enumvals:texts boot_val reset_val sourcefile "
        "sourceline:int pending_restart:bool",
        "pg_catalog.pg_proc": "oid:int proname pronamespace:int proowner:int prolang:int "
        "prorettype:int prokind proretset:bool pronargs:short proargtypes:ints prosrc",
        "pg_catalog.pg_inherits": "inhrelid:int inhparent:int inhseqno:int inhdetachpending:bool",
        "pg_catalog.pg_enum": "oid:int enumtypid:int enumsortorder:float enumlabel",
        "pg_catalog.pg_range": "rngtypid:int rngsubtype:int",
        "pg_catalog.pg_collation": "oid:int collname collnamespace:int collowner:int "
        "collprovider collencoding:int collcollate collctype",
        "pg_catalog.pg_extension": "oid:int extname extowner:int extnamespace:int "
        "extrelocatable:bool extversion",
        "pg_catalog.pg_available_extensions": "name default_version installed_version comment",
        "pg_catalog.pg_trigger": "oid:int tgrelid:int tgparentid:int tgname tgfoid:int "
        "tgtype:short tgenabled tgisinternal:bool tgconstrrelid:int tgconstrindid:int "
        "tgconstraint:int",
        "pg_catalog.pg_rewrite": "oid:int rulename ev_class:int ev_type ev_enabled is_instead:bool",
        "pg_catalog.pg_policy": "oid:int polname polrelid:int polcmd polpermissive:bool "
        "polroles:ints polqual polwithcheck",
        "pg_catalog.pg_statistic_ext": "oid:int stxrelid:int stxname stxnamespace:int "
        "stxowner:int stxstattarget:int stxkeys:ints stxkind:texts",
        "pg_catalog.pg_publication": "oid:int pubname pubowner:int puballtables:bool",
        "pg_catalog.pg_publication_rel": "oid:int prpubid:int prrelid:int",
        "pg_catalog.pg_depend": "classid:int objid:int objsubid:int refclassid:int refobjid:int "
        "refobjsubid:int deptype",
        "pg_catalog.pg_tablespace": "oid:int spcname spcowner:int spcacl:texts spcoptions:texts",
        "pg_catalog.pg_language": "oid:int lanname lanowner:int lanispl:bool lanpltrusted:bool",
        "pg_catalog.pg_foreign_table": "ftrelid:int ftserver:int ftoptions:texts",
        "pg_catalog.pg_foreign_server": "oid:int srvname srvowner:int srvfdw:int",
        "pg_catalog.pg_foreign_data_wrapper": "oid:int fdwname",
        "pg_catalog.pg_sequence": "seqrelid:int seqtypid:int seqstart:int seqincrement:int",
        "pg_catalog.pg_partitioned_table": "partrelid:int partstrat",
        "pg_catalog.pg_event_trigger": "oid:int evtname",
        "pg_catalog.pg_locks": "locktype database:int relation:int pid:int mode granted:bool",
        "pg_catalog.pg_stat_activity": "datid:int datname pid:int usename application_name "
        "state query",
        "pg_catalog.pg_tables": "schemaname tablename tableowner tablespace hasindexes:bool "
        "hasrules:bool hastriggers:bool rowsecurity:bool",
        "pg_catalog.pg_views": "schemaname viewname viewowner definition",
        "pg_catalog.pg_matviews": "schemaname matviewname matviewowner definition",
        "pg_catalog.pg_indexes": "schemaname tablename indexname tablespace indexdef",
        "pg_catalog.pg_stat_user_tables": "relid:int schemaname relname n_live_tup:int",
        "information_schema.schemata": "catalog_name schema_name schema_owner",
        "information_schema.tables": "table_catalog table_schema table_name table_type "
        "is_insertable_into is_typed commit_action",
        "information_schema.views": "table_catalog table_schema table_name view_definition "
        "check_option is_updatable",
        "information_schema.columns": "table_catalog table_schema table_name column_name "
        "ordinal_position:short column_default is_nullable data_type "
        "character_maximum_length:int numeric_precision:int numeric_scale:int "
        "datetime_precision:int udt_catalog udt_schema udt_name is_identity "
        "identity_generation is_generated is_updatable collation_name domain_name "
        "character_set_name",
        "information_schema.table_constraints": "constraint_catalog constraint_schema "
        "constraint_name table_catalog table_schema table_name constraint_type is_deferrable "
        "initially_deferred",
        "information_schema.key_column_usage": "constraint_catalog constraint_schema "
        "constraint_name table_catalog table_schema table_name column_name "
        "ordinal_position:short position_in_unique_constraint:short",
        "information_schema.referential_constraints": "constraint_catalog constraint_schema "
        "constraint_name unique_constraint_catalog unique_constraint_schema "
        "unique_constraint_name match_option update_rule delete_rule",
        "information_schema.constraint_column_usage": "table_catalog table_schema table_name "
        "column_name constraint_catalog constraint_schema constraint_name",
        "information_schema.routines": "routine_catalog routine_schema routine_name "
        "routine_type data_type specific_schema specific_name",
        "information_schema.sequences": "sequence_catalog sequence_schema sequence_name data_type",
        "information_schema.table_privileges": "grantor grantee table_catalog table_schema "
        "table_name privilege_type is_grantable",
        "information_schema.role_table_grants": "grantor grantee table_catalog table_schema "
        "table_name privilege_type is_grantable",
    }.items()
}


def _rows(
    relations: Sequence[Relation], database: str, owner: str, settings: Iterable[tuple[str, str]]
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {
        "pg_catalog.pg_namespace": [
            {"oid": PUBLIC, "nspname": "public", "nspowner": OWNER},
            {"oid": PG_CATALOG, "nspname": "pg_catalog", "nspowner": OWNER},
            {"oid": INFORMATION_SCHEMA, "nspname": "information_schema", "nspowner": OWNER},
        ],
        "pg_catalog.pg_database": [
            {"oid": DATABASE, "datname": database, "datdba": OWNER, "encoding": 6,
             "datlocprovider": "c", "datallowconn": True, "datconnlimit": -1,
             "dattablespace": 1_663, "datcollate": "C", "datctype": "C"}
        ],
        "pg_catalog.pg_am": [
            {"oid": HEAP, "amname": "heap", "amtype": "t"},
            {"oid": BTREE, "amname": "btree", "amtype": "i"},
        ],
        "pg_catalog.pg_roles": [
            {"oid": OWNER, "rolname": owner, "rolinherit": True, "rolcanlogin": True,
             "rolconnlimit": -1}
        ],
        "pg_catalog.pg_user": [{"usename": owner, "usesysid": OWNER}],
        "pg_catalog.pg_tablespace": [{"oid": 1_663, "spcname": "pg_default", "spcowner": OWNER}],
        "pg_catalog.pg_settings": [
            {"name": name, "setting": value, "context": "user", "vartype": "string",
             "source": "default", "boot_val": value, "reset_val": value}
            for name, value in settings
        ],
        "pg_catalog.pg_type": [_type_row(each) for each in types.TYPES],
        "information_schema.schemata": [
            {"catalog_name": database, "schema_name": name, "schema_owner": owner}
            for name in ("public", "pg_catalog", "information_schema")
        ],
    }  # fmt: skip
    found["pg_catalog.pg_class"] = [
        {"oid": oid, "relname": name, "relnamespace": PG_CATALOG, "relkind": "r",
         "relowner": OWNER, "relpersistence": "p", "relreplident": "n"}
        for name, oid in _OIDS_OF_TABLES.items()
    ]  # fmt: skip
    for relation in relations:
        for name, row in _rows_of(relation, database, owner):
            found.setdefault(name, []).append(row)
    return found


def _type_row(each: types.TypeInfo) -> dict[str, Any]:
    return {
        "oid": each.oid, "typname": each.name, "typnamespace": PG_CATALOG, "typowner": OWNER,
        "typlen": each.size, "typtype": "b", "typcategory": each.category, "typisdefined": True,
        "typdelim": ",", "typelem": each.element, "typarray": each.array, "typtypmod": -1,
        "typinput": f"{each.name}in", "typoutput": f"{each.name}out", "typalign": "i",
        "typstorage": "p",
    }  # fmt: skip


def _rows_of(relation: Relation, database: str, owner: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Give the rows that tell of one table or view, each with its table's name."""
    name, columns = relation.name, relation.columns
    kind = "v" if relation.is_view else "r"
    place = {"table_catalog": database, "table_schema": "public", "table_name": name}
    yield "pg_catalog.pg_class", {
        "oid": relation.oid, "relname": name, "relnamespace": PUBLIC, "relowner": OWNER,
        "relam": 0 if relation.is_view else HEAP, "reltuples": -1.0, "relpersistence": "p",
        "relkind": kind, "relnatts": len(columns), "relhasindex": not relation.is_view,
        "relispopulated": True, "relreplident": "d", "relhasrules": relation.is_view,
    }  # fmt: skip
    if relation.description:
        yield "pg_catalog.pg_description", {
            "objoid": relation.oid, "classoid": _OIDS_OF_TABLES["pg_class"],
            "description": relation.description,
        }  # fmt: skip
    yield "information_schema.tables", {
        **place, "table_type": "VIEW" if relation.is_view else "BASE TABLE",
        "is_insertable_into": "NO", "is_typed": "NO",
    }  # fmt: skip
    for number, column in enumerate(columns, 1):
        yield "pg_catalog.pg_attribute", _attribute_row(relation, number, column)
        yield "information_schema.columns", _column_row(place, database, relation, number, column)
    if relation.is_view:
        yield "pg_catalog.pg_views", {
            "schemaname": "public", "viewname": name, "viewowner": owner,
            "definition": relation.definition,
        }  # fmt: skip
        yield "information_schema.views", {
            **place, "view_definition": relation.definition, "check_option": "NONE",
            "is_updatable": "NO",
        }  # fmt: skip
        return
    yield "pg_catalog.pg_tables", {
        "schemaname": "public", "tablename": name, "tableowner": owner, "hasindexes": True,
    }  # fmt: skip
    yield from _key_rows(relation, place, database)


def _key_rows(
    relation: Relation, place: dict[str, Any], database: str
) -> Iterable[tuple[str, dict[str, Any]]]:
    """Give the rows that tell that `_id` is a table's primary key."""
    key, oid = f"{relation.name}_pkey", relation.oid + 1
    yield "pg_catalog.pg_class", {
        "oid": oid, "relname": key, "relnamespace": PUBLIC, "relowner": OWNER, "relkind": "i",
        "relam": BTREE,
        "relpersistence": "p", "relnatts": 1, "relreplident": "n",
    }  # fmt: skip
    yield "pg_catalog.pg_index", {
        "indexrelid": oid, "indrelid": relation.oid, "indnatts": 1, "indnkeyatts": 1,
        "indisunique": True, "indisprimary": True, "indimmediate": True, "indisvalid": True,
        "indisready": True, "indislive": True, "indkey": [1], "indcollation": [0],
        "indclass": [0], "indoption": [0],
    }  # fmt: skip
    yield "pg_catalog.pg_constraint", {
        "oid": oid, "conname": key, "connamespace": PUBLIC, "contype": "p", "convalidated": True,
        "conrelid": relation.oid, "conindid": oid, "confupdtype": " ", "confdeltype": " ",
        "confmatchtype": " ", "conislocal": True, "conkey": [1],
    }  # fmt: skip
    yield "pg_catalog.pg_indexes", {
        "schemaname": "public", "tablename": relation.name, "indexname": key,
        "indexdef": f"CREATE UNIQUE INDEX {key} ON public.{relation.name} (_id)",
    }  # fmt: skip
    named = {
        "constraint_catalog": database, "constraint_schema": "public", "constraint_name": key,
    }  # fmt: skip
    yield "information_schema.table_constraints", {
        **named, **place, "constraint_type": "PRIMARY KEY", "is_deferrable": "NO",
        "initially_deferred": "NO",
    }  # fmt: skip
    yield "information_schema.key_column_usage", {
        **named, **place, "column_name": "_id", "ordinal_position": 1,
    }  # fmt: skip
    yield "information_schema.constraint_column_usage", {**named, **place, "column_name": "_id"}


def _attribute_row(relation: Relation, number: int, column: Column) -> dict[str, Any]:
    is_key = number == 1 and not relation.is_view
    return {
        "attrelid": relation.oid, "attname": column.name, "atttypid": column.oid,
        "attlen": column.size, "attnum": number, "atttypmod": column.modifier,
        "attstattarget": -1, "attnotnull": is_key, "attidentity": "", "attgenerated": "",
        "attislocal": True, "attstorage": "p", "attalign": "i", "attcompression": "",
    }  # fmt: skip


def _column_row(
    place: dict[str, Any], database: str, relation: Relation, number: int, column: Column
) -> dict[str, Any]:
    is_key = number == 1 and not relation.is_view
    info = next(each for each in types.TYPES if each.oid == column.oid)
    is_number = info.category == "N"
    scale = (column.modifier - 4) & 0xFFFF if column.modifier > 0 else 0
    return {
        **place, "column_name": column.name, "ordinal_position": number,
        "is_nullable": "NO" if is_key else "YES",
        "data_type": "ARRAY" if info.element else types.SQL_NAMES.get(column.oid, info.name),
        "character_maximum_length": None,
        "numeric_precision": (19 if column.oid == types.NUMERIC else 64) if is_number else None,
        "numeric_scale": scale if is_number else None,
        "datetime_precision": 6 if info.category == "D" else None,
        "udt_catalog": database, "udt_schema": "pg_catalog", "udt_name": info.name,
        "is_identity": "NO", "is_generated": "NEVER", "is_updatable": "NO",
    }  # fmt: skip
