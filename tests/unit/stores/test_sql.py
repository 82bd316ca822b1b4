"""SQLite keeps what the stores rely on: synced commits, readers beside a writer, order of writers.

Tried by asking a connection for its settings, reading during a transaction, and two threads that
each read a number and write the next one.
"""

import threading
from pathlib import Path

import sqlalchemy as sa

from bitbrook.stores.sql import open_engine, reading


def test_every_connection_is_prepared(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/some/where/test.db")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    engine.dispose()


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/test.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
    with engine.begin() as writer:
        writer.exec_driver_sql("INSERT INTO numbers VALUES (1)")
        with reading(engine) as reader:
            assert reader.exec_driver_sql("SELECT count(*) FROM numbers").scalar() == 0
    with reading(engine) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM numbers").scalar() == 1
    engine.dispose()


def test_transactions_that_read_and_write_take_turns(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/test.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (number INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")

    def count() -> None:
        for _ in range(20):
            with engine.begin() as connection:
                number = connection.exec_driver_sql("SELECT number FROM counter").scalar()
                assert number is not None
                connection.execute(sa.text("UPDATE counter SET number = :n"), {"n": number + 1})

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT number FROM counter").scalar() == 40
    engine.dispose()
