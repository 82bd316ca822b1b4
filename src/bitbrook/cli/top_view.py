"""Two looks at a server's metrics as tables of what happened between them."""

import time
from collections.abc import Iterable

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

TIMEOUT_S = 10.0
ROUTES_MAX = 12
_ROW_CACHE = "thawed_rows"

Labels = tuple[tuple[str, str], ...]


class LookFailed(Exception):
    """The server does not answer, or not with metrics."""


class Look:
    """A server's metrics at one moment: values by name and labels."""

    def __init__(self, text: str, at_s: float) -> None:
        self.at_s = at_s
        self.values: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                by_labels = self.values.setdefault(sample.name, {})
                by_labels[tuple(sorted(sample.labels.items()))] = sample.value

    def value(self, name: str) -> float:
        """Return the sum of a metric over all its labels."""
        return sum(self.values.get(name, {}).values())

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return a metric's values by these labels, summed over the others."""
        sums: dict[tuple[str, ...], float] = {}
        for given, value in self.values.get(name, {}).items():
            held = dict(given)
            key = tuple(held.get(label, "") for label in labels)
            sums[key] = sums.get(key, 0.0) + value
        return sums


def watch(url: str, token: str | None, *, every_s: float, is_once: bool) -> None:
    """Show a server's doings until interrupted, or once.

    Raises:
        LookFailed: the server does not answer, or not with metrics.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S) as client:
        before = _look(client)
        if is_once:
            time.sleep(every_s)
            Console().print(view(before, _look(client), url))
            return
        with Live(screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every_s)
                now = _look(client)
                live.update(view(before, now, url), refresh=True)
                before = now


def view(before: Look, now: Look, url: str) -> RenderableType:
    """Return what happened between two looks as tables."""
    parts: list[RenderableType] = [_server(before, now, url), _routes(before, now)]
    statements = _statements(before, now)
    others = (statements, _deployments(now), _tables(now), _sources(before, now))
    parts += [each for each in others if each.row_count]
    return Group(*parts)


def _look(client: httpx.Client) -> Look:
    try:
        answer = client.get("/metrics")
    except httpx.TransportError as error:
        raise LookFailed(f"the server at {client.base_url} does not answer: {error}") from None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise LookFailed("the server asks for its metrics_token; set BITBROOK_METRICS_TOKEN")
    if not answer.is_success:
        raise LookFailed(f"the server at {client.base_url} answers {answer.status_code}")
    return Look(answer.text, time.monotonic())


def _server(before: Look, now: Look, url: str) -> Table:
    table = Table(title=url, title_justify="left", show_header=False, box=None, padding=(0, 2))
    held, allowed = (
        now.by(name, "cache").get((_ROW_CACHE,), 0.0)
        for name in ("bitbrook_cache_bytes", "bitbrook_cache_bytes_max")
    )
    facts = [
        ("requests/s", _number(_rate(before, now, "bitbrook_requests_total"))),
        ("records/s", _number(_rate(before, now, "bitbrook_records_total"))),
        ("statements/s", _number(_rate(before, now, "bitbrook_statements_total"))),
        ("slow statements", _number(now.value("bitbrook_slow_statements_total"))),
        ("statements running", _number(now.value("bitbrook_statements_running"))),
        ("write queue", _bytes(now.value("bitbrook_write_queue_bytes"))),
        ("log append", _mean(before, now, "bitbrook_log_append_seconds")),
        ("apply", _mean(before, now, "bitbrook_apply_seconds")),
        ("checkpoint", _mean(before, now, "bitbrook_checkpoint_seconds")),
        ("checkpoints failed", _number(_failed_checkpoints(now))),
        ("log refusals", _number(now.value("bitbrook_log_refusals_total"))),
        ("log", f"{_bytes(_rate(before, now, 'bitbrook_log_bytes_total'))}/s"),
        ("row cache", f"{_bytes(held)} of {_bytes(allowed)}"),
        ("resident", _bytes(now.value("process_resident_memory_bytes"))),
        ("descriptors", _number(now.value("process_open_fds"))),
        ("tables refusing", _number(now.value("bitbrook_tables_refusing"))),
    ]
    width = 4
    for start in range(0, len(facts), width):
        row = [f"[dim]{name}[/] {value}" for name, value in facts[start : start + width]]
        table.add_row(*row)
    return table


def _routes(before: Look, now: Look) -> Table:
    table = _table("route", "requests/s", "errors/s", "mean")
    was = before.by("bitbrook_requests_total", "route", "status")
    counts: dict[str, tuple[float, float]] = {}
    for (route, status), value in now.by("bitbrook_requests_total", "route", "status").items():
        grown = value - was.get((route, status), 0.0)
        requests, errors = counts.get(route, (0.0, 0.0))
        counts[route] = (requests + grown, errors + (grown if status[:1] == "5" else 0.0))
    busiest = sorted(counts.items(), key=lambda item: -item[1][0])[:ROUTES_MAX]
    seconds = now.at_s - before.at_s
    for route, (requests, errors) in busiest:
        if requests:
            mean = _mean(before, now, "bitbrook_request_seconds", ("route", route))
            table.add_row(route, _number(requests / seconds), _number(errors / seconds), mean)
    return table


def _statements(before: Look, now: Look) -> Table:
    table = _table("statement", "per second", "mean")
    name = "bitbrook_statement_seconds_count"
    was = before.by(name, "language", "kind")
    for (language, kind), value in sorted(now.by(name, "language", "kind").items()):
        grown = value - was.get((language, kind), 0.0)
        if grown:
            at = (("language", language), ("kind", kind))
            mean = _mean(before, now, "bitbrook_statement_seconds", *at)
            table.add_row(f"{language} {kind}", _number(grown / (now.at_s - before.at_s)), mean)
    return table


def _failed_checkpoints(now: Look) -> float:
    outcomes = now.by("bitbrook_checkpoints_total", "outcome")
    return sum(count for (outcome,), count in outcomes.items() if outcome != "success")


def _deployments(now: Look) -> Table:
    table = _table("deployment", "memory", "shape", "filled")
    shapes = now.by("bitbrook_deployment_memory_bytes_max", "deployment")
    held = now.by("bitbrook_deployment_memory_bytes", "deployment")
    for key, size_bytes in sorted(held.items()):
        shape_bytes = shapes.get(key, 0.0)
        filled = f"{100 * size_bytes / shape_bytes:.0f} %" if shape_bytes else "-"
        table.add_row("/".join(key), _bytes(size_bytes), _bytes(shape_bytes), filled)
    return table


def _tables(now: Look) -> Table:
    table = _table("table", "records", "memory", "snapshots", "log")
    names = [f"bitbrook_table_{each}" for each in ("memory_bytes", "stored_bytes", "log_bytes")]
    for key, records in sorted(now.by("bitbrook_table_records", "deployment", "table").items()):
        sizes = [now.by(name, "deployment", "table").get(key, 0.0) for name in names]
        table.add_row("/".join(key), _number(records), *map(_bytes, sizes))
    return table


def _sources(before: Look, now: Look) -> Table:
    table = _table("source", "records/s", "errors/s", "bytes/s")
    seconds = now.at_s - before.at_s
    names = [f"bitbrook_source_{each}_total" for each in ("records", "errors", "bytes")]
    for key in sorted(now.by(names[0], "deployment", "source")):
        grown = [
            now.by(name, "deployment", "source").get(key, 0.0)
            - before.by(name, "deployment", "source").get(key, 0.0)
            for name in names
        ]
        records, errors, size_bytes = (each / seconds for each in grown)
        table.add_row("/".join(key), _number(records), _number(errors), _bytes(size_bytes))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _rate(before: Look, now: Look, name: str) -> float:
    return (now.value(name) - before.value(name)) / (now.at_s - before.at_s)


def _mean(before: Look, now: Look, name: str, *at: tuple[str, str]) -> str:
    """Return the mean of a histogram between two looks, where these labels have these values."""
    count, total = (
        _at(now, f"{name}_{part}", at) - _at(before, f"{name}_{part}", at)
        for part in ("count", "sum")
    )
    return f"{1_000 * total / count:.2f} ms" if count else "-"


def _at(look: Look, name: str, at: Iterable[tuple[str, str]]) -> float:
    wanted = set(at)
    return sum(
        value for labels, value in look.values.get(name, {}).items() if wanted <= set(labels)
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _bytes(value: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1_000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} TB"
