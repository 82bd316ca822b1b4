"""Settings come from four places in a fixed order, and what cannot be is refused with a mend.

Tried by setting the same thing in several places, by misspelt names and bad values in each of them,
and by looking for secrets wherever settings are shown.
"""

from pathlib import Path
from typing import Any

import pytest

from bitbrook.errors import InvalidValue
from bitbrook.settings import DESCRIPTIONS, Settings, describe_settings, load_settings


def test_defaults_need_nothing() -> None:
    settings = load_settings(None, {}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.data) == (
        "127.0.0.1",
        8000,
        Path("bitbrook-data"),
    )
    assert settings.catalogue_database == "sqlite:///bitbrook-data/catalogue.db"
    assert settings.log_database == "sqlite:///bitbrook-data/log.db"


def test_stores_are_independent_of_each_other() -> None:
    postgres = "postgresql+psycopg://me:hidden@db/bitbrook"
    settings = Settings(catalogue=postgres)
    assert settings.catalogue_database == settings.log_database == postgres
    assert settings.storage_place == "bitbrook-data"
    assert settings.stores_in_data, "the snapshots"
    settings = Settings(log=postgres, storage="s3://bucket/x")
    assert settings.catalogue_database == "sqlite:///bitbrook-data/catalogue.db"
    assert settings.log_database == postgres
    assert settings.stores_in_data, "the catalogue"
    settings = Settings(catalogue="sqlite:////var/catalogue.db")
    assert settings.log_database == "sqlite:///bitbrook-data/log.db"
    settings = Settings(catalogue=postgres, storage="s3://bucket/x", compute="ray://head:6379")
    assert not settings.stores_in_data
    assert settings.cache_directory == Path("bitbrook-data/cache")
    assert "hidden" not in repr(settings)


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "bitbrook.toml"
    file.write_text('port = 1\nhost = "file"\nlog_level = "error"\nquery_timeout_s = 5\n')
    environ = {"BITBROOK_PORT": "2", "BITBROOK_HOST": "environment", "PATH": "/bin"}
    settings = load_settings(file, environ, {"port": 3, "deployments_max": None})
    assert settings.port == 3
    assert settings.host == "environment"
    assert settings.log_level == "error"
    assert settings.query_timeout_s == 5.0
    assert settings.deployments_max == 10


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_can_be_set_in_the_environment_and_by_flag(name: str) -> None:
    value = {
        "log_level": "debug",
        "log_format": "json",
        "admin_email": "ada@example.org",
        "admin_password": "correct horse",
        "metrics_token": "correct horse",
        "oidc_new_users": "invited",
        "oidc_email_trust": "always",
        "catalogue": "postgresql+psycopg://db/catalogue",
        "log": "sqlite:////var/log.db",
        "storage": "s3://bucket/prefix",
        "compute": "ray://head:10001",
        "read_replicas": "2",
    }.get(name, "12")
    by_environment = load_settings(None, {f"BITBROOK_{name.upper()}": value}, {})
    by_flag = load_settings(None, {}, {name: value})
    assert by_environment == by_flag
    assert str(getattr(by_flag, name)) in {value, f"{value}.0"}
    assert by_flag != Settings()


@pytest.mark.parametrize(
    ("environ", "overrides", "field", "words"),
    [
        ({"BITBROOK_PORT": "eighty"}, {}, "port", ["BITBROOK_PORT", "'eighty'", "port to listen"]),
        ({"BITBROOK_PORT": "65536"}, {}, "port", ["'65536'", "<= 65535"]),
        ({"BITBROOK_PROT": "80"}, {}, "prot", ["BITBROOK_PROT", "did you mean port?"]),
        ({}, {"query_timeout_s": 0}, "query_timeout_s", ["--query-timeout-s", "0", "> 0"]),
        ({}, {"log_level": "loud"}, "log_level", ["'loud'", "debug, info, warning or error"]),
        ({}, {"admin_email": "ada"}, "admin_email", ["'ada'", "e-mail"]),
        ({}, {"body_bytes_max": "16M"}, "body_bytes_max", ["'16M'", "bytes of a request body"]),
        ({"BITBROOK_STORAGE": "ftp://x"}, {}, "storage", ["'ftp://x'", "s3://, gs://, az://"]),
        ({"BITBROOK_STORAGE": "s3://"}, {}, "storage", ["'s3://'"]),
        ({"BITBROOK_STORAGE": "file://a/b"}, {}, "storage", ["'file://a/b'"]),
        ({}, {"catalogue": "mysql://db/x"}, "catalogue", ["--catalogue", "'mysql://db/x'"]),
        ({}, {"log": "log.db"}, "log", ["'log.db'", "database of the log"]),
        ({}, {"compute": "dask"}, "compute", ["'dask'", "ray://HOST:PORT"]),
        ({}, {"read_replicas": 5}, "read_replicas", ["--read-replicas", "<= 4"]),
        ({}, {"nothing_like_it": 1}, "nothing_like_it", ["--nothing-like-it", "--help"]),
    ],
)
def test_what_cannot_be_names_key_value_and_mend(
    environ: dict[str, str], overrides: dict[str, Any], field: str, words: list[str]
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        load_settings(None, environ, overrides)
    assert refusal.value.field == field
    for word in words:
        assert word in refusal.value.message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bitbrook.toml"
    file.write_text('prot = 1\nhost = ""\n[data]\nx = 1\n')
    with pytest.raises(InvalidValue) as refusal:
        load_settings(file, {"BITBROOK_PORT": "x"}, {})
    assert len(refusal.value.details) == 4
    assert all("bitbrook.toml" in fault for fault in refusal.value.details[:3])


@pytest.mark.parametrize("content", ["port = ", "\xff"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bitbrook.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidValue, match=r"bitbrook\.toml is not TOML"):
        load_settings(file, {}, {})
    with pytest.raises(InvalidValue, match=r"missing\.toml cannot be read"):
        load_settings(tmp_path / "missing.toml", {}, {})


def test_a_bad_value_of_another_layer_is_told_even_if_overridden() -> None:
    with pytest.raises(InvalidValue, match="BITBROOK_PORT"):
        load_settings(None, {"BITBROOK_PORT": "x"}, {"port": 1})


def test_client_variables_and_empty_ones_are_no_settings() -> None:
    environ = {"BITBROOK_URL": "http://x", "BITBROOK_TOKEN": "t", "BITBROOK_PORT": ""}
    assert load_settings(None, environ, {}) == Settings()


def test_secrets_are_never_shown() -> None:
    secret = "correct horse battery"
    settings = load_settings(
        None,
        {"BITBROOK_ADMIN_PASSWORD": secret, "BITBROOK_LOG": "postgresql://me:hidden@db/log"},
        {},
    )
    assert settings.admin_password == secret
    for shown in (repr(settings), str(settings.shown()), str(dict(settings.__rich_repr__()))):
        assert secret not in shown
        assert "hidden" not in shown
        assert "postgresql://me:***@db/log" in shown
    with pytest.raises(InvalidValue) as refusal:
        load_settings(None, {"BITBROOK_ADMIN_PASSWORD": "short77"}, {})
    assert "short77" not in str(refusal.value)


def test_every_setting_is_described() -> None:
    assert set(DESCRIPTIONS) == set(Settings.__struct_fields__)
    described = {info.name: info for info in describe_settings()}
    assert described["deployments_max"].flag == "--deployments-max"
    assert described["deployments_max"].variable == "BITBROOK_DEPLOYMENTS_MAX"
    assert described["admin_password"].is_secret
