"""What a run found, and the table that says so. Losses are printed like wins."""

import msgspec


class Measured(msgspec.Struct, frozen=True):
    """One workload: the median milliseconds of each system, and what is owed.

    `first_ms`: the same of the first answer of each turn, when the caches are others'.
    """

    name: str
    title: str
    median_ms: dict[str, float]
    first_ms: dict[str, float]
    owed_ratio: float | None = None
    owed_ms: float | None = None
    scanned_bytes: float = 0

    @property
    def ratio(self) -> float | None:
        """How many times faster than the faster peer bitbrook answers."""
        ours = self.median_ms.get("bitbrook")
        peers = [ms for name, ms in self.median_ms.items() if name != "bitbrook"]
        return min(peers) / ours if peers and ours else None


class Sizes(msgspec.Struct, frozen=True):
    """What tables take: resident right after they were loaded and once settled, and on disk."""

    loaded_bytes: int
    resident_bytes: int
    stored_bytes: int


class Report(msgspec.Struct, frozen=True):
    """One run."""

    taken_on: str
    machine: str
    scale: int
    bandwidth_bytes_per_s: float
    sizes: dict[str, Sizes]
    iris_sizes: dict[str, Sizes]
    measured: list[Measured]


def markdown(report: Report) -> str:
    """Return the run as Markdown tables."""
    systems = list(report.sizes)
    lines = [
        f"# {report.scale:,} records, {report.taken_on}",
        "",
        f"{report.machine}; memory is read at {report.bandwidth_bytes_per_s / 1e9:.1f} GB/s.",
        "Milliseconds, medians; the ratio is to the faster peer. First: bitbrook's first answer",
        "after the others had the processor.",
        "",
        "| question | " + " | ".join(systems) + " | first | ratio | aim | of bandwidth |",
        "|---|" + "---:|" * (len(systems) + 4),
        *(_line(each, systems, report.bandwidth_bytes_per_s) for each in report.measured),
        "",
        *_sizes("the tables asked", report.sizes, report.scale),
        *_sizes("six fields of iris", report.iris_sizes, report.scale),
    ]
    return "\n".join(lines)


def _line(each: Measured, systems: list[str], bandwidth_bytes_per_s: float) -> str:
    cells = [f"{each.median_ms[s]:.3g}" if s in each.median_ms else "-" for s in systems]
    ratio = f"{each.ratio:.1f}x" if each.ratio is not None else "-"
    owed = f"{each.owed_ms:g} ms" if each.owed_ms else "-"
    if each.owed_ratio:
        owed = f"{each.owed_ratio:g}x"
    first = f"{each.first_ms['bitbrook']:.3g}" if "bitbrook" in each.first_ms else "-"
    share = "-"
    if each.scanned_bytes and "bitbrook" in each.median_ms:
        least_ms = each.scanned_bytes / bandwidth_bytes_per_s * 1000
        share = f"{100 * least_ms / each.median_ms['bitbrook']:.0f} %"
    return f"| {each.title} | " + " | ".join([*cells, first, ratio, owed, share]) + " |"


def _sizes(title: str, sizes: dict[str, Sizes], scale: int) -> list[str]:
    if not sizes:
        return []
    lines = {
        "resident, once loaded": [each.loaded_bytes for each in sizes.values()],
        "resident, settled": [each.resident_bytes for each in sizes.values()],
        "on disk, settled": [each.stored_bytes for each in sizes.values()],
    }
    return [
        f"| bytes a record, {title} | " + " | ".join(sizes) + " |",
        "|---|" + "---:|" * len(sizes),
        *(
            f"| {name} | " + " | ".join(f"{size / scale:.1f}" for size in found) + " |"
            for name, found in lines.items()
        ),
        "",
    ]
