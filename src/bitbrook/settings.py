"""What a server may be told: every setting, its default, and where its value comes from.

A setting `deployments_max` is the TOML key `deployments_max`, the environment variable
`BITBROOK_DEPLOYMENTS_MAX` and the flag `--deployments-max`; a flag beats the environment, which
beats the file, which beats the default. What cannot be is refused before anything starts, all
faults at once, each naming the key, where it stands, the value and the mend. Secrets never appear
in a representation or a message.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from bitbrook.errors import InvalidValue

PREFIX = "BITBROOK_"

CLIENT_VARIABLES = frozenset({"URL", "EMAIL", "PASSWORD", "TOKEN", "API_KEY", "CONFIG"})
"""Variables that configure clients and the command itself; no settings of the server."""

READ_REPLICAS_MAX = 4
"""Each is a copy of all that an owner has in memory."""

SECRETS = frozenset({"admin_password", "metrics_token", "oidc_client_secret"})

Port = Annotated[int, Meta(ge=0, le=65_535)]
Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Copies = Annotated[int, Meta(ge=0, le=READ_REPLICAS_MAX)]
Seconds = Annotated[float, Meta(gt=0)]
Text = Annotated[str, Meta(min_length=1)]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Password = Annotated[str, Meta(min_length=8, max_length=1_024)]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]
NewUsers = Literal["create", "invited"]
EmailTrust = Literal["verified", "always"]
DatabaseUrl = Annotated[str, Meta(pattern=r"^(sqlite|postgres(ql)?(\+psycopg)?)://")]
StorageUrl = Annotated[str, Meta(pattern=r"^((s3|gs|az)://[^/\s]+|file:///)\S*$")]
ComputePlace = Annotated[str, Meta(pattern=r"^(local|ray(://\S+)?)$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server's settings. Sizes in bytes, times in seconds; each one is told in `DESCRIPTIONS`."""

    host: Text = "127.0.0.1"
    port: Port = 8000
    pg_port: Port = 0
    public_url: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    data: Path = Path("bitbrook-data")
    organisation: Text = "Default"
    admin_email: Email = "admin@localhost"
    admin_password: Password | None = None
    trusted_proxies: str | None = None
    cors_origins: str | None = None
    oidc_issuer: str | None = None
    oidc_name: Text = "single sign-on"
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_audiences: str | None = None
    oidc_scopes: Text = "openid email profile"
    oidc_groups_claim: Text = "groups"
    oidc_admin_groups: str | None = None
    oidc_user_groups: str | None = None
    oidc_organisation: str | None = None
    oidc_organisation_claim: str | None = None
    oidc_new_users: NewUsers = "create"
    oidc_email_trust: EmailTrust = "verified"
    oidc_keys_age_s: Seconds = 3_600.0
    oidc_refetch_s: Seconds = 10.0
    catalogue: DatabaseUrl | None = None
    log: DatabaseUrl | None = None
    storage: StorageUrl | None = None
    storage_cache_bytes: Positive = 32 << 30
    compute: ComputePlace = "local"
    partitions: Positive = 16
    owner_memory_bytes: Positive = 16 << 30
    owner_lease_s: Seconds = 2.0
    rebalance_after_s: Natural = 30
    read_replicas: Copies = 0
    body_bytes_max: Positive = 16 << 20
    upload_bytes_max: Positive = 1 << 30
    answer_bytes_max: Positive = 64 << 20
    request_timeout_s: Seconds = 30.0
    query_timeout_s: Seconds = 60.0
    query_memory_bytes_max: Positive = 2 << 30
    queries_memory_bytes_max: Natural = 0
    drain_timeout_s: Seconds = 30.0
    token_ttl_s: Positive = 3_600
    refresh_ttl_s: Positive = 30 * 86_400
    invite_ttl_s: Positive = 7 * 86_400
    password_reset_ttl_s: Positive = 86_400
    signing_key_age_s: Positive = 90 * 86_400
    audit_ttl_s: Positive = 400 * 86_400
    audit_entries_max: Positive = 100_000
    idempotency_ttl_s: Positive = 86_400
    quarantine_records_max: Positive = 10_000
    quarantine_bytes_max: Positive = 16 << 20
    deployments_max: Positive = 10
    deployment_statements_max: Positive = 200
    tables_max: Positive = 1_000
    fields_max: Positive = 4_096
    rows_max: Positive = 50_000_000
    users_max: Positive = 10_000
    api_keys_max: Positive = 1_000
    endpoints_max: Positive = 1_000
    user_requests_per_s: Natural = 0
    endpoint_requests_per_s: Natural = 0
    endpoint_cache_bytes_max: Natural = 64 << 20
    service_rows_max: Positive = 50_000
    service_rows_ttl_s: Positive = 7 * 86_400
    memory_bytes_max: Natural = 0
    source_records_per_s: Natural = 0
    source_bytes_per_s: Natural = 0
    checkpoint_log_bytes: Positive = 64 << 20
    checkpoint_age_s: Seconds = 300.0
    bulk_directories: str | None = None
    bulk_url_prefixes: str | None = None
    log_level: LogLevel = "info"
    log_format: LogFormat = "console"
    slow_statement_s: Seconds = 1.0
    metrics_token: Password | None = None
    trace_url: str | None = None

    @property
    def catalogue_database(self) -> str:
        """The URL of the catalogue's database: SQLite in the data directory by default."""
        return self.catalogue or f"sqlite:///{self.data / 'catalogue.db'}"

    @property
    def log_database(self) -> str:
        """The URL of the log's database: where the catalogue is by default."""
        if self.log is None and self.catalogue is not None and is_postgres(self.catalogue):
            return self.catalogue
        return self.log or f"sqlite:///{self.data / 'log.db'}"

    @property
    def quarantine_database(self) -> str:
        """The URL of the database of refused records: SQLite in the data directory by default."""
        if is_postgres(self.catalogue_database):
            return self.catalogue_database
        return f"sqlite:///{self.data / 'quarantine.db'}"

    @property
    def storage_place(self) -> str:
        """The URL or the directory that holds the snapshots: the data directory by default."""
        return self.storage or str(self.data)

    @property
    def cache_directory(self) -> Path:
        """The directory of what was read of an object storage."""
        return self.data / "cache"

    @property
    def stores_in_data(self) -> bool:
        """Whether the data directory holds anything that is found nowhere else."""
        databases = (self.catalogue_database, self.log_database)
        return self.storage is None or not all(is_postgres(url) for url in databases)

    def shown(self) -> dict[str, Any]:
        """Return every setting by name, fit to be logged: secrets as asterisks."""
        return {name: _shown(name, getattr(self, name)) for name in self.__struct_fields__}

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.shown().items())
        return f"Settings({listed})"

    def __rich_repr__(self) -> Any:
        yield from self.shown().items()


DESCRIPTIONS: dict[str, str] = {
    "host": "address to listen on; 0.0.0.0 is every interface",
    "port": "port to listen on; 0 takes a free one",
    "pg_port": "port to speak PostgreSQL's protocol on, for reading; 0 is off",
    "public_url": "where clients reach the server, for links in answers; by default as they asked",
    "tls_cert": "PEM file of a certificate, with which https is served; by default http is",
    "tls_key": "PEM file of its key, if that is not in the same file",
    "data": "directory of everything that is stored; one server at a time owns it",
    "organisation": "name of the organisation that the first start creates",
    "admin_email": "e-mail address of its administrator",
    "admin_password": "the administrator's password; by default one is made and shown once",
    "trusted_proxies": "addresses, parted by commas, of proxies whose X-Forwarded-... are believed",
    "cors_origins": "origins, parted by commas, whose pages may call the API; by default none",
    "oidc_issuer": "URL of an OpenID Connect provider; by default there is none",
    "oidc_name": "what the provider is called where people sign in",
    "oidc_client_id": "client id at the provider; its ID tokens must be for it",
    "oidc_client_secret": "client secret at the provider; by default the client is a public one",
    "oidc_audiences": "audiences, parted by commas, whose access tokens are taken too",
    "oidc_scopes": "scopes asked for at a sign-in, parted by spaces",
    "oidc_groups_claim": "claim of the tokens that lists a user's groups",
    "oidc_admin_groups": "groups, parted by commas, whose members are administrators",
    "oidc_user_groups": "groups, parted by commas, one of which a user must be in; by default none",
    "oidc_organisation": "name of the organisation of new users; by default the first one",
    "oidc_organisation_claim": "claim of the tokens that names a new user's organisation",
    "oidc_new_users": "create: whom the provider knows is let in; invited: only who was invited",
    "oidc_email_trust": "verified: addresses that the provider has checked; always: all it names",
    "oidc_keys_age_s": "seconds after which the provider's keys are fetched again",
    "oidc_refetch_s": "seconds between two fetches of the provider's keys at least",
    "catalogue": "database of users, deployments, tables and sources; by default a SQLite file",
    "log": "database of the log; by default the catalogue's PostgreSQL, else a SQLite file",
    "storage": "where snapshots lie: s3://, gs://, az:// or file://; by default the data directory",
    "storage_cache_bytes": "bytes of disk that keep what was read of an object storage",
    "compute": "where partitions run: local (in this process), ray, or ray://HOST:PORT",
    "partitions": "partitions of a new table, where compute is not local",
    "owner_memory_bytes": "bytes of a process that holds partitions, where compute is not local",
    "owner_lease_s": "seconds after which a process cut off from the log answers nothing any more",
    "rebalance_after_s": "seconds of quiet after which a process moves to a roomier node; 0: never",
    "read_replicas": "copies of each such process that answer when it is late or away, 0 to 4",
    "body_bytes_max": "bytes of a request body, decompressed",
    "upload_bytes_max": "bytes of the files that may come with one statement",
    "answer_bytes_max": "bytes of an answer to a statement",
    "request_timeout_s": "seconds that a client may be silent within its request",
    "query_timeout_s": "seconds a statement may run",
    "query_memory_bytes_max": "bytes that a statement may gather beside the tables it reads",
    "queries_memory_bytes_max": "the same of all that run; 0 is a quarter of the machine's memory",
    "drain_timeout_s": "seconds that a stopping server gives requests that are under way",
    "token_ttl_s": "seconds that an access or ID token is good",
    "refresh_ttl_s": "seconds that a session can be continued with its refresh token",
    "invite_ttl_s": "seconds that an invite can be accepted",
    "password_reset_ttl_s": "seconds that a password reset can be used",
    "signing_key_age_s": "seconds after which tokens are signed with a new key",
    "audit_ttl_s": "seconds that entries of the audit log are kept",
    "audit_entries_max": "entries of the audit log kept of an organisation, refusals apart",
    "idempotency_ttl_s": "seconds that an Idempotency-Key is remembered",
    "quarantine_records_max": "refused records of one source that are kept; the oldest go first",
    "quarantine_bytes_max": "bytes of refused records of one source that are kept",
    "deployments_max": "deployments an organisation may have at a time",
    "deployment_statements_max": "statements of one deployment that may run or wait at a time",
    "tables_max": "tables a deployment may have at a time",
    "fields_max": "fields a table may have at a time",
    "rows_max": "different rows a field may have before its table takes no more records",
    "users_max": "users an organisation may have at a time, open invites included",
    "api_keys_max": "API keys an organisation may have at a time",
    "endpoints_max": "endpoints an organisation may have at a time",
    "user_requests_per_s": "requests a second that one user may send; 0 is no limit",
    "endpoint_requests_per_s": "calls a second of one endpoint by one caller; 0 is no limit",
    "endpoint_cache_bytes_max": "bytes of endpoints' answers that are kept to be reused; 0: none",
    "service_rows_max": "rows that each service table keeps of an organisation",
    "service_rows_ttl_s": "seconds that rows of service tables are kept",
    "memory_bytes_max": "bytes that the shapes of all deployments may add up to; 0 is no limit",
    "source_records_per_s": "records a second that one source may send; 0 is no limit",
    "source_bytes_per_s": "bytes a second that one source may send; 0 is no limit",
    "checkpoint_log_bytes": "bytes logged of a table after which it is checkpointed",
    "checkpoint_age_s": "seconds after which what was logged of a table is checkpointed",
    "bulk_directories": "directories, parted by commas, whose files BULK INSERT may read",
    "bulk_url_prefixes": "beginnings, parted by commas, of the URLs that BULK INSERT may read",
    "log_level": "least severe messages that are written: debug, info, warning or error",
    "log_format": "console (for people) or json (one object a line)",
    "slow_statement_s": "seconds after which a statement counts as slow and is logged",
    "metrics_token": "token that /metrics asks for, and then names tables and sources to",
    "trace_url": "OTLP endpoint (http) that traces are sent to; needs bitbrook[otel]",
}


class SettingInfo(NamedTuple):
    """One setting, for whoever makes flags or pages of it. `default` is fit to be shown."""

    name: str
    flag: str
    variable: str
    description: str
    default: Any
    is_secret: bool


def describe_settings() -> tuple[SettingInfo, ...]:
    """Return every setting, in order."""
    defaults = Settings().shown()
    return tuple(
        SettingInfo(
            name=name,
            flag="--" + name.replace("_", "-"),
            variable=PREFIX + name.upper(),
            description=DESCRIPTIONS[name],
            default=defaults[name],
            is_secret=name in SECRETS,
        )
        for name in Settings.__struct_fields__
    )


def is_postgres(url: str) -> bool:
    """Whether a database URL names a PostgreSQL server rather than a file of SQLite."""
    return url.startswith("postgres")


def load_settings(
    toml_path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> Settings:
    """Return the settings of a file (if given), an environment and flags, later ones winning.

    `overrides`: by setting name; None stands for a flag that was not given.

    Raises:
        InvalidValue: the file cannot be read, or names or values cannot be; `details` lists all.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    layers = (
        _read_file(toml_path),
        _read_environment(environ),
        {f"--{name.replace('_', '-')}": (name, value) for name, value in overrides.items()},
    )
    for layer in layers:
        for place, (name, value) in layer.items():
            if name not in Settings.__struct_fields__:
                faults.append(f"{place} is no setting{_closest(name)}")
            elif value is not None:
                fault = _value_fault(place, name, value)
                if fault is None:
                    values[name] = value
                else:
                    faults.append(fault)
    if faults:
        raise InvalidValue("; ".join(faults), field=_first_name(faults, layers), details=faults)
    return _convert(values)


_Layer = dict[str, tuple[str, Any]]


def _read_file(path: Path | None) -> _Layer:
    """Return a TOML file's settings by where they stand."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); name a TOML file that exists"
        raise InvalidValue(message, field="config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path} is not TOML: {error}", field="config") from None
    return {f"{path}: {name}": (name, value) for name, value in table.items()}


def _read_environment(environ: Mapping[str, str]) -> _Layer:
    """Return an environment's settings by variable; an empty variable is as good as none."""
    return {
        variable: (name.lower(), value or None)
        for variable, value in environ.items()
        if variable.startswith(PREFIX)
        and (name := variable.removeprefix(PREFIX)) not in CLIENT_VARIABLES
    }


def _convert(values: dict[str, Any]) -> Settings:
    return msgspec.convert(values, Settings, strict=False, dec_hook=_to_path)


def _to_path(_type: type, value: Any) -> Path:
    """Return a path from its text; the only type of a setting that msgspec does not know."""
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("expected the path of a directory")
    return Path(value)


def _value_fault(place: str, name: str, value: Any) -> str | None:
    """Return what is wrong with the value of a setting, None if nothing is."""
    if isinstance(value, bool | dict | list):
        reason = "expected text or a number"
    else:
        try:
            _convert({name: value})
        except msgspec.ValidationError as error:
            reason = re.sub(r" - at `.*`$", "", str(error)).lower()
        else:
            return None
    shown = "of the given length" if name in SECRETS else repr(_shown(name, value))
    return f"{place} cannot be {shown}: {reason}; give {DESCRIPTIONS[name]}"


def _closest(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
    return f"; did you mean {near[0]}?" if near else "; see `bitbrook serve --help` for all of them"


def _first_name(faults: list[str], layers: tuple[_Layer, ...]) -> str:
    """Return the name of the setting that the first fault is about."""
    return next(
        name
        for layer in layers
        for place, (name, _) in layer.items()
        if faults[0].startswith(f"{place} ")
    )


def _shown(name: str, value: Any) -> Any:
    if name in SECRETS:
        return None if value is None else "***"
    if isinstance(value, str) and "://" in value:
        return re.sub(r"(://[^:/@]*:)[^/]*@", r"\1***@", value)
    return str(value) if isinstance(value, Path) else value
