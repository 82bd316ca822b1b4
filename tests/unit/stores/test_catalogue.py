"""The catalogue keeps rows as they were given, changes wholly or not at all, and knows its form.

Tried with one row of every kind across a reopening, transactions that fail half-way, rows that
clash, a database of a later release, and one with bytes overwritten.
"""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec.structs import replace

from bitbrook.errors import Conflict, Damaged
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.catalogue_rows import (
    ApiKeyRow,
    AuditRow,
    DeploymentRow,
    ExternalIdentityRow,
    FieldRow,
    InviteRow,
    OrganisationRow,
    PasswordResetRow,
    Row,
    SessionRow,
    SigningKeyRow,
    SourceRow,
    SourceTrafficRow,
    TableRow,
    UserRow,
    ViewRow,
)
from bitbrook.stores.catalogue_tables import METADATA

ROWS: tuple[Row, ...] = (
    OrganisationRow(id="o1", name="Ä", created_s=1.25),
    UserRow(
        id="u1", organisation_id="o1", email="ada@x", role="admin", status="active",
        password_hash="$", created_s=2.0,
    ),
    SessionRow(
        id="s1", user_id="u1", refresh_id="r1", refresh_digest="d", created_s=1.0, expires_s=9.0
    ),
    InviteRow(
        id="i1", organisation_id="o1", email="bob@x", role="user", token_digest="d",
        created_s=1.0, expires_s=9.0,
    ),
    ApiKeyRow(
        id="k1", organisation_id="o1", user_id="u1", name="n", prefix="bb_", digest="d",
        scopes="ingest query", bound_kind=None, bound_id=None, created_s=1.0,
    ),
    SigningKeyRow(id="g1", private_key="PEM", created_s=1.0),
    DeploymentRow(
        id="d1", organisation_id="o1", name="one", shape="8GB", status="RUNNING", created_s=1.0,
        created_by="ada@x",
    ),
    TableRow(
        id="t1", organisation_id="o1", deployment_id="d1", name="things", description="",
        is_keyed=None, partition_count=1, next_field_id=2**40, status="RUNNING", created_s=1.0,
    ),
    FieldRow(table_id="t1", id=2**33, name="f", definition="{}"),
    ViewRow(deployment_id="d1", name="v", statement="SELECT 1"),
    SourceRow(
        id="c1", organisation_id="o1", deployment_id="d1", table_id="t1", name="src",
        definition="{}", status="CREATING", created_s=1.0, created_by="ada@x",
        records_per_s=2**40, bytes_per_s=0,
    ),
    SourceTrafficRow(source_id="c1", body=b"\x00\xff"),
    PasswordResetRow(id="w1", user_id="u1", token_digest="d", created_s=1.0, expires_s=9.0),
    ExternalIdentityRow(id="e1", user_id="u1", issuer="https://x", subject="s", created_s=1.0),
    AuditRow(
        id="a1", at_s=1.0, organisation_id="o1", address="::1", request_id="r", action="sign_in",
        resource="/", outcome="refused", status=401,
    ),
)  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/catalogue.db"


def filled(url: str) -> Catalogue:
    catalogue = Catalogue.open(url)
    with catalogue.changing() as rows:
        rows.insert(*ROWS)
    return catalogue


def test_rows_come_back_as_they_were_given(url: str) -> None:
    filled(url).close()
    catalogue = Catalogue.open(url)
    with catalogue.reading() as rows:
        for row in ROWS:
            assert rows.all(type(row)) == [row]
    catalogue.close()


def test_rows_are_found_changed_and_removed(url: str) -> None:
    catalogue = filled(url)
    session = ROWS[2]
    assert isinstance(session, SessionRow)
    with catalogue.changing() as rows:
        assert rows.find(SessionRow, refresh_id="r1", ended_s=None) == session
        ended = replace(session, ended_s=5.0)
        assert rows.update(ended)
        assert not rows.update(replace(session, id="other"))
        assert rows.find(SessionRow, ended_s=None) is None
        assert rows.sessions_ended_since(5.0) == [ended]
        assert rows.sessions_ended_since(5.1) == []
        assert rows.delete_expired(SessionRow, 9.0) == 0
        assert rows.delete_expired(SessionRow, 9.1) == 1
        assert rows.delete(InviteRow, id="i1", organisation_id="other") == 0
        assert rows.delete(InviteRow, id="i1", organisation_id="o1") == 1
    catalogue.close()


def test_a_transaction_happens_wholly_or_not_at_all(url: str) -> None:
    catalogue = Catalogue.open(url)
    with pytest.raises(Conflict, match="already"), catalogue.changing() as rows:
        rows.insert(ROWS[0], ROWS[0])

    def insert_and_fail() -> None:
        with catalogue.changing() as rows:
            rows.insert(ROWS[0])
            raise KeyError

    with pytest.raises(KeyError):
        insert_and_fail()
    with catalogue.reading() as rows:
        assert rows.all(OrganisationRow) == []
    catalogue.close()


@pytest.mark.parametrize(
    "clashing",
    [
        UserRow(
            id="u2", organisation_id="o1", email="ada@x", role="user", status="active",
            password_hash="$", created_s=1.0,
        ),
        DeploymentRow(
            id="d2", organisation_id="o1", name="one", shape="8GB", status="CREATING",
            created_s=1.0, created_by="x",
        ),
        FieldRow(table_id="t1", id=7, name="f", definition="{}"),
        FieldRow(table_id="nowhere", id=7, name="g", definition="{}"),
        replace(ROWS[7], id="t2"),
        replace(ROWS[10], id="c2"),
        ROWS[9],
    ],
)  # fmt: skip
def test_rows_that_cannot_be_are_refused_without_secrets(url: str, clashing: Row) -> None:
    catalogue = filled(url)
    with pytest.raises(Conflict) as refusal, catalogue.changing() as rows:
        rows.insert(clashing)
    assert "INSERT" not in refusal.value.message
    catalogue.close()


def test_what_others_need_is_not_removed(url: str) -> None:
    catalogue = filled(url)
    with pytest.raises(Conflict), catalogue.changing() as rows:
        rows.delete(TableRow, id="t1")
    catalogue.close()


def test_an_address_is_free_once_its_user_left(url: str) -> None:
    catalogue = filled(url)
    user = ROWS[1]
    with catalogue.changing() as rows:
        rows.update(replace(user, status="left"))
        rows.insert(replace(user, id="u2"))
    with pytest.raises(Conflict), catalogue.changing() as rows:
        rows.insert(replace(user, id="u3"))
    catalogue.close()


def test_the_migrations_make_what_the_code_expects(url: str) -> None:
    Catalogue.open(url).close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "catalogue_version"}
        )
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
    for row in ROWS:
        columns = {column.name for column in METADATA.tables[row.table].columns}
        assert columns == set(row.__struct_fields__)
        assert {c.name for c in METADATA.tables[row.table].primary_key} == set(row.key)


def test_a_later_release_is_not_touched(url: str, tmp_path: Path) -> None:
    Catalogue.open(url).close()
    with sqlite3.connect(tmp_path / "catalogue.db") as database:
        database.execute("UPDATE catalogue_version SET version_num = '9999'")
    database.close()
    with pytest.raises(Damaged, match="another release"):
        Catalogue.open(url)


def test_overwritten_bytes_are_named(url: str, tmp_path: Path) -> None:
    filled(url).close()
    file = tmp_path / "catalogue.db"
    content = bytearray(file.read_bytes())
    content[100:] = b"\x5a" * (len(content) - 100)
    file.write_bytes(content)
    with pytest.raises(Damaged, match=r"catalogue\.db"):
        Catalogue.open(url)
