"""What a run found, and the table that says so. Losses are printed like wins."""

import msgspec


class Measured(msgspec.Struct, frozen=True):
    """One workload: the median milliseconds of each system, and what is owed."""

    name: str
    title: str
    median_ms: dict[str, float]
    owed_ratio: float | None = None
    owed_ms: float | None = None
    scanned_bytes: int = 0

    @property
    def ratio(self) -> float | None:
        """How many times faster than the faster peer bitbrook answers."""
        peers = [ms for name, ms in self.median_ms.items() if name != "bitbrook"]
        return min(peers) / self.median_ms["bitbrook"] if peers else None


class Report(msgspec.Struct, frozen=True):
    """One run."""

    taken_on: str
    machine: str
    scale: int
    bandwidth_bytes_per_s: float
    memory_bytes: dict[str, int]
    stored_bytes: dict[str, int]
    measured: list[Measured]


def markdown(report: Report) -> str:
    """Return the run as Markdown tables."""
    systems = list(report.memory_bytes)
    lines = [
        f"# {report.scale:,} records, {report.taken_on}",
        "",
        f"{report.machine}; memory is read at {report.bandwidth_bytes_per_s / 1e9:.1f} GB/s.",
        "Milliseconds, medians; the ratio is to the faster peer.",
        "",
        "| question | " + " | ".join(systems) + " | ratio | owed | of bandwidth |",
        "|---|" + "---:|" * (len(systems) + 3),
        *(_line(each, systems, report.bandwidth_bytes_per_s) for each in report.measured),
        "",
        "| bytes a record (both tables) | " + " | ".join(systems) + " |",
        "|---|" + "---:|" * len(systems),
        _bytes_line("resident memory", report.memory_bytes, systems, report.scale),
        _bytes_line("on disk", report.stored_bytes, systems, report.scale),
        "",
    ]
    return "\n".join(lines)


def _line(each: Measured, systems: list[str], bandwidth_bytes_per_s: float) -> str:
    cells = [f"{each.median_ms[s]:.3g}" if s in each.median_ms else "-" for s in systems]
    ratio = f"{each.ratio:.1f}x" if each.ratio is not None else "-"
    owed = f"{each.owed_ratio:g}x" if each.owed_ratio else f"{each.owed_ms:g} ms"
    share = "-"
    if each.scanned_bytes:
        least_ms = each.scanned_bytes / bandwidth_bytes_per_s * 1000
        share = f"{100 * least_ms / each.median_ms['bitbrook']:.0f} %"
    return f"| {each.title} | " + " | ".join([*cells, ratio, owed, share]) + " |"


def _bytes_line(title: str, sizes: dict[str, int], systems: list[str], scale: int) -> str:
    return f"| {title} | " + " | ".join(f"{sizes[s] / scale:.1f}" for s in systems) + " |"
