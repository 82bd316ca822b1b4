"""Structured logs, for people on a console or as one JSON object a line.

Everything goes through one chain, the standard library's loggers included, so that a request's id
is on every line written on its behalf. Values under names that are secrets' are never written.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

from bitbrook.telemetry.requests import add_request_id

SECRET_NAMES = frozenset(
    {"password", "admin_password", "token", "access", "refresh", "api_key", "key", "authorization"}
)

_HANDLER_NAME = "bitbrook"

# A traceback never shows local variables: passwords and records are among them.
_TRACEBACKS_AS_OBJECTS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure_logging(
    level: str = "info",
    style: Literal["console", "json"] = "console",
    *,
    stream: TextIO | None = None,
) -> None:
    """Write everything from `level` on to `stream` (standard error), in place of what was set."""
    structlog.configure(
        processors=_chain(),
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.name = _HANDLER_NAME
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_facts(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(style, target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if each.name != _HANDLER_NAME] + [handler]
    root.setLevel(level.upper())
    # It tells of every start that nothing was to be migrated.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def get_logger(name: str) -> Any:
    """Return a logger whose methods take an event in words and its values by name.

    Unless `configure_logging` was called it says what the standard library's loggers would say.
    """
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=_chain(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _chain() -> list[Any]:
    """Return what an event goes through on its way to a handler of the standard library."""
    return [
        structlog.stdlib.filter_by_level,
        *_facts(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]


def _facts() -> list[Any]:
    """Return what adds to every event: the request, who says it, how severe it is, and when."""
    return [
        add_request_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_secrets,
    ]


def _renderers(style: str, stream: TextIO) -> list[Any]:
    if style == "json":
        return [_TRACEBACKS_AS_OBJECTS, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


def _mask_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in event.keys() & SECRET_NAMES:
        event[name] = "***"
    return event
