"""The Python SDK: it speaks the HTTP API and knows nothing of the server.

`Client` for threads and `AsyncClient` for asyncio; `bitbrook.client.dbapi` is a DB-API 2.0 module,
`bitbrook.client.sqlalchemy` a dialect for SQLAlchemy. Needs httpx and msgspec; pyarrow, pandas,
polars and SQLAlchemy only where they are asked for.
"""

from bitbrook.client._async_deployments import AsyncDeployment, AsyncDeployments
from bitbrook.client._async_people import AsyncApiKeys, AsyncInvites, AsyncUsers
from bitbrook.client._async_queries import AsyncQueries
from bitbrook.client._async_sources import AsyncSource, AsyncSources
from bitbrook.client._async_tables import AsyncDeploymentTables, AsyncTable, AsyncTables
from bitbrook.client._async_writer import AsyncWriter
from bitbrook.client._client import AsyncClient, Client
from bitbrook.client._deployments import Deployment, Deployments
from bitbrook.client._exceptions import (
    BitbrookError,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    CreationFailed,
    InexactValue,
    InvalidRequest,
    InvalidStatement,
    InvalidValue,
    LimitExceeded,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    QuotaExceeded,
    RecordsRefused,
    Refused,
    ServerFault,
    TimedOut,
    UnexpectedAnswer,
    WaitTimedOut,
    WriterClosed,
    WriterFailed,
)
from bitbrook.client._exchange import Retries
from bitbrook.client._models import (
    DeploymentModel,
    DeploymentOptions,
    Field,
    FieldDefinition,
    FieldOptions,
    Minute,
    Outcome,
    Outcomes,
    RateLimits,
    Refusal,
    Shape,
    SourceDetails,
    SourceError,
    SourceModel,
    SourceSchema,
    TableModel,
    TableOptions,
)
from bitbrook.client._people import ApiKeys, Invites, Users
from bitbrook.client._people_models import ApiKey, Binding, Invite, Query, User
from bitbrook.client._queries import Queries
from bitbrook.client._result import Column, Result
from bitbrook.client._sources import Source, Sources
from bitbrook.client._tables import DeploymentTables, Table, Tables
from bitbrook.client._writer import Writer

__all__ = [
    "ApiKey",
    "ApiKeys",
    "AsyncApiKeys",
    "AsyncClient",
    "AsyncDeployment",
    "AsyncDeploymentTables",
    "AsyncDeployments",
    "AsyncInvites",
    "AsyncQueries",
    "AsyncSource",
    "AsyncSources",
    "AsyncTable",
    "AsyncTables",
    "AsyncUsers",
    "AsyncWriter",
    "Binding",
    "BitbrookError",
    "Client",
    "Column",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "CreationFailed",
    "Deployment",
    "DeploymentModel",
    "DeploymentOptions",
    "DeploymentTables",
    "Deployments",
    "Field",
    "FieldDefinition",
    "FieldOptions",
    "InexactValue",
    "InvalidRequest",
    "InvalidStatement",
    "InvalidValue",
    "Invite",
    "Invites",
    "LimitExceeded",
    "Minute",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "Outcome",
    "OutcomeUnknown",
    "Outcomes",
    "Overloaded",
    "Queries",
    "Query",
    "QuotaExceeded",
    "RateLimits",
    "RecordsRefused",
    "Refusal",
    "Refused",
    "Result",
    "Retries",
    "ServerFault",
    "Shape",
    "Source",
    "SourceDetails",
    "SourceError",
    "SourceModel",
    "SourceSchema",
    "Sources",
    "Table",
    "TableModel",
    "TableOptions",
    "Tables",
    "TimedOut",
    "UnexpectedAnswer",
    "User",
    "Users",
    "WaitTimedOut",
    "Writer",
    "WriterClosed",
    "WriterFailed",
]

# Tracebacks and documentation show where a name is imported from, not where it is written.
for _name in __all__:
    globals()[_name].__module__ = __name__
