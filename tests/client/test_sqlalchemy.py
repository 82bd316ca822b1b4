"""SQLAlchemy's tables, queries, reflection and pandas work through `bitbrook://`.

Writes tables of every type through SQLAlchemy, asks for them with its expressions (empty IN lists,
OFFSET without LIMIT, truth tests, joins), reflects them back, and lets pandas read and write.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import entry_points

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import CompileError, NoSuchTableError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bitbrook.client import Deployment
from bitbrook.client.sqlalchemy import (
    ID,
    IDSET,
    STRINGSET,
    STRINGSETQ,
    VECTOR,
    BitbrookDialect,
    BitbrookHttpsDialect,
)
from server_process import EMAIL, PASSWORD, ServerProcess

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = [
    {
        "_id": at,
        "species": f"it's {at % 3}?",
        "n": -at,
        "amount": Decimal("1.25") * at,
        "at": MOMENT.replace(microsecond=at),
        "ok": None if at % 3 == 2 else at % 3 == 0,
        "tags": ["a", "b?"],
        "ids": [at],
        "when-x": 3,
    }
    for at in range(50)
]


@pytest.fixture
def engine(server: ServerProcess, deployment: Deployment) -> Iterator[sa.Engine]:
    """An engine for a deployment of the test's own."""
    port = int(server.url.rpartition(":")[2])
    url = sa.URL.create("bitbrook", EMAIL, PASSWORD, "127.0.0.1", port, deployment.name)
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def flowers(engine: sa.Engine) -> sa.Table:
    """A table of every type with fifty records."""
    table = sa.Table(
        "flowers",
        sa.MetaData(),
        sa.Column("_id", sa.BigInteger, primary_key=True),
        sa.Column("species", sa.String(20)),
        sa.Column("n", sa.Integer),
        sa.Column("amount", sa.Numeric(18, 2)),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("ok", sa.Boolean),
        sa.Column("tags", STRINGSET),
        sa.Column("ids", IDSET),
        sa.Column("when-x", sa.Integer),
        comment="it's iris",
    )
    table.metadata.create_all(engine)
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), ROWS)
    return table


def test_the_entry_points() -> None:
    found = {each.name: each.load() for each in entry_points(group="sqlalchemy.dialects")}
    assert found["bitbrook"] is found["bitbrook.http"] is BitbrookDialect
    assert found["bitbrook.https"] is BitbrookHttpsDialect


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        (
            "bitbrook://a%40b.c:p%3Aw@h:8000/d",
            {"deployment": "d", "url": "http://h:8000", "email": "a@b.c", "password": "p:w"},
        ),
        ("bitbrook+https://h/d?api_key=k", {"deployment": "d", "url": "https://h", "api_key": "k"}),
        (
            "bitbrook://[::1]:1/d?token=t",
            {"deployment": "d", "url": "http://[::1]:1", "token": "t"},
        ),
        ("bitbrook://", {"deployment": None}),
    ],
)
def test_urls(url: str, arguments: dict[str, object]) -> None:
    parsed = sa.make_url(url)
    assert parsed.get_dialect()().create_connect_args(parsed) == ([], arguments)


def test_queries(engine: sa.Engine, flowers: sa.Table) -> None:
    columns = flowers.c
    other = flowers.alias()
    with engine.connect() as connection:

        def ask(query: sa.Executable) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(query)]

        everything = connection.execute(sa.select(flowers).order_by(columns._id)).mappings().all()
        assert [dict(row) for row in everything] == ROWS
        ids = sa.select(columns._id)
        ordered = ids.order_by(columns._id)
        assert ask(ordered.offset(48)) == [(48,), (49,)]
        assert ask(ordered.limit(2).offset(1)) == [(1,), (2,)]
        assert ask(ids.where(columns.n.in_([]))) == []
        assert len(ask(ids.where(columns.n.not_in([])))) == 50
        assert ask(ids.where(columns.n.in_([-1, -3])).order_by(columns._id)) == [(1,), (3,)]
        counts = sa.select(columns.species, sa.func.count(), sa.func.sum(columns.amount).label("x"))
        grouped = counts.where(columns._id < 6).group_by(columns.species).order_by(columns.species)
        assert ask(grouped)[0] == ("it's 0?", 2, Decimal("3.75"))
        assert len(ask(ids.where(columns.ok.is_(True)))) == 17
        assert len(ask(ids.where(columns.ok.is_not(True)))) == 33
        assert len(ask(ids.where(columns.ok.is_(None)))) == 16
        assert len(ask(ids.where(columns.ok.is_not(None)))) == 34
        assert len(ask(ids.where(columns.ok))) == 17
        late = columns.at >= MOMENT.replace(microsecond=49)
        assert ask(ids.where(late, columns["when-x"] == 3)) == [(49,)]
        assert len(ask(ids.where(columns.species.like("it's%")))) == 50
        joined = sa.select(columns._id, other.c.n).join(other, columns._id == other.c._id)
        assert ask(joined.order_by(columns._id.desc()).limit(2)) == [(49, -49), (48, -48)]
        contains = sa.func.setcontains(columns.tags, "b?")
        assert ask(sa.select(sa.func.count()).select_from(flowers).where(contains)) == [(50,)]
        assert ask(sa.select(sa.exists().where(columns.n == -3))) == [(True,)]
        assert ask(sa.select(sa.literal("a'?"))) == [("a'?",)]
        assert connection.exec_driver_sql("select 1 + ?", (1,)).scalar() == 2
        with pytest.raises(ProgrammingError, match="nosuch"):
            connection.execute(sa.text("select * from nosuch"))


def test_changes(engine: sa.Engine, flowers: sa.Table) -> None:
    with engine.begin() as connection:
        connection.execute(flowers.update().where(flowers.c._id == 3).values(n=77))
        connection.execute(flowers.delete().where(flowers.c._id == 4))
    query = sa.select(flowers.c._id, flowers.c.n).where(flowers.c._id.between(2, 5))
    with engine.connect() as connection:
        assert connection.execute(query).all() == [(2, -2), (3, 77), (5, -5)]
    flowers.metadata.drop_all(engine)
    assert sa.inspect(engine).get_table_names() == []


class Base(DeclarativeBase):
    """The mapped classes."""


class Bird(Base):
    """A mapped class."""

    __tablename__ = "birds"
    id: Mapped[str] = mapped_column("_id", sa.String, primary_key=True)
    weight: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 3))
    seen: Mapped[list[str] | None] = mapped_column(STRINGSET)


def test_mapped_classes(engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Bird(id="wren", weight=Decimal("0.009")), Bird(id="kite", seen=["here"])])
        session.commit()
        wren = session.scalars(sa.select(Bird).where(Bird.id == "wren")).one()
        assert (wren.weight, wren.seen) == (Decimal("0.009"), None)
        wren.weight += 1
        session.delete(session.get(Bird, "kite"))
        session.commit()
        assert session.execute(sa.select(Bird.id, Bird.weight)).all() == [
            ("wren", Decimal("1.009"))
        ]


def test_reflection(engine: sa.Engine, flowers: sa.Table) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("create view few as select _id, amount from flowers")
        connection.exec_driver_sql(
            "create table more (_id string, seen stringsetq timequantum 'YMD', spot vector(3))"
        )
    inspector = sa.inspect(engine)
    assert inspector.get_table_names() == ["flowers", "more"]
    assert inspector.get_view_names() == ["few"]
    assert inspector.get_schema_names() == []
    assert inspector.has_table("few")
    assert not inspector.has_table("nosuch")
    assert inspector.get_pk_constraint("flowers")["constrained_columns"] == ["_id"]
    assert inspector.get_pk_constraint("few")["constrained_columns"] == []
    assert inspector.get_table_comment("flowers") == {"text": "it's iris"}
    assert inspector.get_foreign_keys("flowers") == inspector.get_indexes("flowers") == []
    for look in (inspector.get_columns, inspector.get_table_comment):
        with pytest.raises(NoSuchTableError):
            look("nosuch")
    found = sa.MetaData()
    found.reflect(engine, views=True)
    kinds = {column.name: type(column.type) for column in found.tables["flowers"].columns}
    assert kinds == {
        "_id": ID,
        "species": sa.String,
        "n": sa.BigInteger,
        "amount": sa.Numeric,
        "at": sa.DateTime,
        "ok": sa.Boolean,
        "tags": STRINGSET,
        "ids": IDSET,
        "when-x": sa.BigInteger,
    }
    assert found.tables["flowers"].c.amount.type.scale == 2
    assert isinstance(found.tables["more"].c.seen.type, STRINGSETQ | STRINGSET)
    assert isinstance(found.tables["more"].c.spot.type, VECTOR)
    assert found.tables["more"].c.spot.type.compile(engine.dialect) == "VECTOR(3)"
    with pytest.raises(CompileError, match=r"VECTOR\(768\)"):
        VECTOR().compile(engine.dialect)
    assert [column.name for column in found.tables["few"].columns] == ["_id", "amount"]
    # What was reflected makes the same table again.
    flowers.metadata.drop_all(engine)
    found.tables["flowers"].create(engine)
    again = sa.MetaData()
    again.reflect(engine, only=["flowers"])
    first, second = ([repr(c) for c in m.tables["flowers"].columns] for m in (found, again))
    assert first == second


def test_pandas(engine: sa.Engine, flowers: sa.Table) -> None:
    frame = pd.read_sql(sa.select(flowers).order_by(flowers.c._id), engine)
    assert frame.shape == (50, 9)
    assert frame["at"].tolist() == [row["at"] for row in ROWS]
    assert frame["tags"][0] == ["a", "b?"]
    exact = pd.read_sql("select amount from flowers where _id = ?", engine, params=(3,))
    assert exact["amount"].tolist() == [3.75]
    assert pd.read_sql_table("flowers", engine, columns=["n"])["n"].sum() == -1225
    written = pd.DataFrame({"_id": range(3000), "k": ["a", None, "c"] * 1000, "n": range(3000)})
    written.to_sql("up", engine, index=False, if_exists="replace")
    read = pd.read_sql("select * from up", engine)
    assert read["n"].sum() == written["n"].sum()
    assert read["k"].isna().sum() == 1000


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (sa.Column("x", sa.Float), "floating-point"),
        (sa.Column("x", sa.Numeric), "scale"),
        (sa.Column("x", sa.Integer, primary_key=True), "_id"),
    ],
)
def test_what_bitbrook_does_not_have(column: sa.Column[object], message: str) -> None:
    table = sa.Table("t", sa.MetaData(), column)
    with pytest.raises(CompileError, match=message):
        sa.schema.CreateTable(table).compile(dialect=BitbrookDialect())
