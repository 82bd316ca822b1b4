"""Traces over OpenTelemetry, if the server is told where to send them: a span a request.

A span is made when its request has ended, with one below it for each of its steps, so that a
request costs nothing while nobody traces. The caller's `traceparent` makes it part of the caller's
trace. Needs the extra `bitbrook[otel]`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bitbrook.errors import InvalidValue
from bitbrook.telemetry.steps import Step

NANOSECONDS = 1_000_000_000


class _Exporter:
    """Where spans go: nowhere, until `begin_tracing`."""

    tracer: Any = None
    provider: Any = None


def begin_tracing(url: str, version: str) -> None:
    """Send spans to an OTLP endpoint over HTTP from now on.

    Raises:
        InvalidValue: the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise InvalidValue(
            "trace_url needs an extra: pip install 'bitbrook[otel]'", field="trace_url"
        ) from None
    resource = Resource.create({"service.name": "bitbrook", "service.version": version})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    _Exporter.provider = provider
    _Exporter.tracer = provider.get_tracer("bitbrook")


def end_tracing() -> None:
    """Send what waits, and nothing more."""
    if _Exporter.provider is not None:
        _Exporter.provider.shutdown()
        _Exporter.provider = _Exporter.tracer = None


def is_tracing() -> bool:
    """Whether spans go anywhere."""
    return _Exporter.tracer is not None


def record_request(
    method: str,
    route: str,
    status: int,
    *,
    ended_s: float,
    duration_s: float,
    request_id: str,
    parent: str | None,
    steps: Sequence[Step] = (),
) -> None:
    """Send the span of a request that ended at that Unix second, and those of its steps.

    `parent`: its `traceparent`. The moments of the steps are in Unix seconds too.
    """
    _record(
        f"{method} {route}",
        (ended_s - duration_s, ended_s),
        parent,
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "bitbrook.request_id": request_id,
        },
        is_failure=status >= 500,
        steps=steps,
    )


def _record(
    name: str,
    between_s: tuple[float, float],
    parent: str | None,
    attributes: Mapping[str, str | int],
    *,
    is_failure: bool,
    steps: Sequence[Step],
) -> None:
    from opentelemetry.trace import (  # noqa: PLC0415
        SpanKind,
        Status,
        StatusCode,
        set_span_in_context,
    )
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    carrier = {} if parent is None else {"traceparent": parent}
    start_ns, end_ns = map(_nanoseconds, between_s)
    span = _Exporter.tracer.start_span(
        name,
        context=TraceContextTextMapPropagator().extract(carrier),
        kind=SpanKind.SERVER,
        attributes=attributes,
        start_time=start_ns,
    )
    if is_failure:
        span.set_status(Status(StatusCode.ERROR))
    within = set_span_in_context(span)
    for step in steps:
        below = _Exporter.tracer.start_span(
            step.name,
            context=within,
            attributes={"bitbrook.kind": step.kind} if step.kind else None,
            start_time=_nanoseconds(step.began_s),
        )
        below.end(end_time=_nanoseconds(step.ended_s))
    span.end(end_time=end_ns)


def _nanoseconds(moment_s: float) -> int:
    return int(moment_s * NANOSECONDS)
