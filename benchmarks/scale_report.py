"""What a run over several processes found, and the tables that say so."""

import statistics

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Of whole requests."""

    p50_ms: float
    p99_ms: float


class Measured(msgspec.Struct, frozen=True):
    """What one set-up took in, how long its answers to bodies took, and those to questions."""

    name: str
    records_per_s: float
    bodies: Latency
    queries: dict[str, Latency]


class FannedOut(msgspec.Struct, frozen=True):
    """A count asked of so many owners. `moved_s`: until the partitions were at that many."""

    owners: int
    count: Latency
    moved_s: float


class Recovered(msgspec.Struct, frozen=True):
    """From kill -9 of an owner to the next answer, sorted; so many records were in its log."""

    records: int
    seconds: list[float]


class Report(msgspec.Struct, frozen=True):
    """One run. The first measured set-up is the embedded default."""

    taken_on: str
    machine: str
    scale: int
    measured: list[Measured]
    fanned_out: list[FannedOut]
    recovered: list[Recovered]


def markdown(report: Report) -> str:
    """Return the run as Markdown tables."""
    embedded = report.measured[0]
    titles = list(embedded.queries)
    [embedded_count, *_] = embedded.queries.values()
    return "\n".join(
        [
            f"# More than one process: {report.scale:,} records, {report.taken_on}",
            "",
            f"{report.machine}; servers, Ray nodes, PostgreSQL and clients share them.",
            "String keys, six fields, bodies of 1,000 records over 4 connections, every answer",
            "durable; questions over one connection; p50 / p99 in milliseconds.",
            "",
            "| partitions | records/s | answer to a body | " + " | ".join(titles) + " |",
            "|---|" + "---:|" * (2 + len(titles)),
            *(_line(each) for each in report.measured),
            "",
            "The same count of the same 8 partitions, on two nodes, by the number of owners asked:",
            "",
            "| owners | p50 / p99 ms | p50 more than in one process | partitions moved in |",
            "|---|---:|---:|---:|",
            f"| none: one process | {_shown(embedded_count)} | | |",
            *(_fan_out_line(each, embedded_count) for each in report.fanned_out),
            "",
            "kill -9 of an owner of 8 partitions that were never checkpointed: seconds until its",
            "next answer, which has every record:",
            "",
            "| records in its log | median s | longest s |",
            "|---:|---:|---:|",
            *(
                f"| {each.records:,} | {statistics.median(each.seconds):.2f} "
                f"| {max(each.seconds):.2f} |"
                for each in report.recovered
            ),
            "",
        ]
    )


def _line(each: Measured) -> str:
    cells = [f"{each.records_per_s:,.0f}", _shown(each.bodies)]
    cells += [_shown(latency) for latency in each.queries.values()]
    return f"| {each.name} | " + " | ".join(cells) + " |"


def _fan_out_line(each: FannedOut, embedded: Latency) -> str:
    moved = f"{each.moved_s:.1f} s" if each.moved_s else ""
    more_ms = each.count.p50_ms - embedded.p50_ms
    return f"| {each.owners} | {_shown(each.count)} | {more_ms:+.2f} ms | {moved} |"


def _shown(latency: Latency) -> str:
    return f"{latency.p50_ms:.3g} / {latency.p99_ms:.3g}"
