"""`make bench`: every workload on every system in one run, as ratios of medians.

The systems take turns at each workload, so that a machine whose speed drifts treats them alike.
Answers are compared: a system that answered something else ends the run.
"""

import os
import platform
import shutil
import statistics
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec

from benchmarks.bandwidth import bytes_per_s
from benchmarks.records import ensure_files
from benchmarks.report import Measured, Report, markdown
from benchmarks.systems.base import Answer
from benchmarks.worker import Worker
from benchmarks.workloads import COUNTRIES_ASKED, WORKLOADS, Workload, literals
from bitbrook.clock import SYSTEM_CLOCK

HERE = Path(__file__).parent
TURNS = int(os.environ.get("TURNS", "9"))
WARM_UP = COUNTRIES_ASKED
SYSTEMS = os.environ.get("SYSTEMS", "bitbrook,duckdb,chdb").split(",")


def main() -> None:
    """Measure, print, and write the results."""
    scale = int(float(os.environ.get("SCALE", "1e7")))
    files = ensure_files(HERE / "cache", scale)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=HERE / "cache"))
    try:
        report = measure(scale, files, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    table = markdown(report)
    print(table)
    stem = HERE / "results" / f"{report.taken_on}-{scale:.0e}"
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    stem.with_suffix(".md").write_text(table)


def measure(scale: int, files: dict[str, list[Path]], directory: Path) -> Report:
    """Load every system, then ask each workload in turns."""
    workers = []
    for name in SYSTEMS:
        (directory / name).mkdir()
        worker = Worker(name, directory / name)
        seconds = worker.load(files)
        print(f"{name}: {scale:,} records of each table in {seconds:.0f} s", flush=True)
        workers.append(worker)
    memory = {worker.name: worker.memory_bytes() for worker in workers}
    stored = {worker.name: worker.stored_bytes() for worker in workers}
    measured = [measure_workload(workload, workers, scale) for workload in WORKLOADS]
    for worker in workers:
        worker.close()
    return Report(
        taken_on=f"{SYSTEM_CLOCK.now():%Y-%m-%d}",
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        scale=scale,
        bandwidth_bytes_per_s=bytes_per_s(),
        memory_bytes=memory,
        stored_bytes=stored,
        measured=measured,
    )


def measure_workload(workload: Workload, workers: list[Worker], scale: int) -> Measured:
    """Ask one workload of all systems, in turns."""
    seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for turn in range(WARM_UP + TURNS):
        asked = literals(workload, turn, scale)
        answers: dict[str, Answer] = {}
        for worker in workers:
            timed = worker.time(workload.name, asked)
            if timed is None:
                continue
            answers[worker.name] = timed[1]
            if turn >= WARM_UP:
                seconds[worker.name].append(timed[0])
        if workload.compares_answers:
            compare(workload.name, asked, answers)
    print(f"{workload.name}: done", flush=True)
    return Measured(
        workload.name,
        workload.title,
        {name: statistics.median(each) * 1000 for name, each in seconds.items() if each},
        owed_ratio=workload.owed_ratio,
        owed_ms=workload.owed_ms,
        scanned_bytes=workload.scanned_bytes * scale,
    )


def compare(name: str, asked: dict[str, object], answers: dict[str, Answer]) -> None:
    """Return if all systems gave the same rows."""
    plain = {system: [_plain(row) for row in rows] for system, rows in answers.items()}
    first = next(iter(plain.values()))
    for system, rows in plain.items():
        assert rows == first, f"{name} {asked}: {system} answered {rows[:3]}, not {first[:3]}"


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """Return a row with every number as a Decimal of two places, whatever type it came as."""
    return tuple(
        value if isinstance(value, str) else Decimal(str(value)).quantize(Decimal("0.01"))
        for value in row
    )


if __name__ == "__main__":
    main()
