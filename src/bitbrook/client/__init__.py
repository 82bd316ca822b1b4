"""The Python SDK: it speaks the HTTP API and knows nothing of the server.

`Client` for threads and `AsyncClient` for asyncio; `bitbrook.client.dbapi` is a DB-API 2.0 module,
`bitbrook.client.sqlalchemy` a dialect for SQLAlchemy. Needs httpx and msgspec; pyarrow, pandas,
polars and SQLAlchemy only where they are asked for.
"""

from bitbrook.client._async_deployments import AsyncDeployment, AsyncDeployments
from bitbrook.client._async_endpoints import AsyncEndpoints
from bitbrook.client._async_people import AsyncApiKeys, AsyncInvites, AsyncUsers
from bitbrook.client._async_queries import AsyncQueries
from bitbrook.client._async_sources import AsyncSource, AsyncSources
from bitbrook.client._async_tables import AsyncDeploymentTables, AsyncTable, AsyncTables
from bitbrook.client._async_writer import AsyncWriter
from bitbrook.client._client import AsyncClient, Client
from bitbrook.client._deployments import Deployment, Deployments
from bitbrook.client._disk_outbox import DiskOutbox, OutboxCounts, RejectedRecord
from bitbrook.client._endpoint_models import Endpoint, EndpointParameter, EndpointVersion
from bitbrook.client._endpoints import Endpoints
from bitbrook.client._exceptions import (
    AnswerCut,
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
    RecordsRejected,
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
    RetryError,
    RetryResult,
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
    "AnswerCut",
    "ApiKey",
    "ApiKeys",
    "AsyncApiKeys",
    "AsyncClient",
    "AsyncDeployment",
    "AsyncDeploymentTables",
    "AsyncDeployments",
    "AsyncEndpoints",
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
    "DiskOutbox",
    "Endpoint",
    "EndpointParameter",
    "EndpointVersion",
    "Endpoints",
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
    "OutboxCounts",
    "Outcome",
    "OutcomeUnknown",
    "Outcomes",
    "Overloaded",
    "Queries",
    "Query",
    "QuotaExceeded",
    "RateLimits",
    "RecordsRefused",
    "RecordsRejected",
    "Refusal",
    "Refused",
    "RejectedRecord",
    "Result",
    "Retries",
    "RetryError",
    "RetryResult",
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
