"""`make bench`: every workload on every system in one run, as ratios of medians.

The systems take turns at each workload, so that a machine whose speed drifts treats them alike. In
its turn a system is asked a few times, since whoever had the processor before has left nothing of
its own in the caches: the first answer of a turn is told beside the median of all. Answers are
compared: a system that answered something else ends the run.
"""

import os
import platform
import shutil
import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from benchmarks.bandwidth import bytes_per_s
from benchmarks.page import keep
from benchmarks.records import ensure_files
from benchmarks.report import Measured, Report, Sizes, markdown
from benchmarks.systems.base import Answer
from benchmarks.worker import Worker
from benchmarks.workloads import COUNTRIES_ASKED, WORKLOADS, Workload, literals
from bitbrook.clock import SYSTEM_CLOCK

HERE = Path(__file__).parent
TURNS = int(os.environ.get("TURNS", "9"))
WARM_UP = COUNTRIES_ASKED
ASKED_TABLES = ("events", "people")
IRIS = "iris"
REST_S = 3
SYSTEMS = os.environ.get("SYSTEMS", "bitbrook,duckdb,chdb").split(",")
TABLES = os.environ.get("TABLES", "events,people,iris").split(",")
QUESTIONS = os.environ.get("QUESTIONS", "")


def main() -> None:
    """Measure, print, and write the results."""
    scale = int(float(os.environ.get("SCALE", "1e7")))
    files = ensure_files(HERE / "cache", scale)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=HERE / "cache"))
    try:
        write(measure(scale, files, directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def write(report: Report) -> None:
    """Print a report, and write it to the results if all was asked."""
    table = markdown(report)
    print(table)
    if not QUESTIONS:
        keep(f"{report.scale:.0e}", report, table)


def measure(scale: int, files: dict[str, list[Path]], directory: Path) -> Report:
    """Measure memory with the iris table, then load every system and ask each workload in turns."""
    iris = [load(name, (IRIS,), files, directory) for name in SYSTEMS if IRIS in TABLES]
    for worker, _ in iris:
        worker.close()
    asked = tuple(table for table in ASKED_TABLES if table in TABLES)
    loaded = [load(name, asked, files, directory) for name in SYSTEMS]
    return ask_all(loaded, iris, scale)


def ask_all(
    loaded: list[tuple[Worker, Sizes]], iris: list[tuple[Worker, Sizes]], scale: int
) -> Report:
    """Ask each workload whose table is there in turns, and close the systems."""
    workers = [worker for worker, _ in loaded]
    asked = QUESTIONS.split(",") if QUESTIONS else [workload.name for workload in WORKLOADS]
    there = [each for each in WORKLOADS if each.table in TABLES and each.name in asked]
    measured = [measure_workload(workload, workers, scale) for workload in there]
    for worker in workers:
        worker.close()
    return Report(
        taken_on=f"{SYSTEM_CLOCK.now():%Y-%m-%d}",
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        scale=scale,
        bandwidth_bytes_per_s=bytes_per_s(),
        sizes={worker.name: sizes for worker, sizes in loaded},
        iris_sizes={worker.name: sizes for worker, sizes in iris},
        measured=measured,
    )


def load(
    name: str, tables: tuple[str, ...], files: dict[str, list[Path]], directory: Path
) -> tuple[Worker, Sizes]:
    """Return a system with these tables, and how large they are."""
    home = directory / f"{name}-{tables[0]}"
    home.mkdir()
    worker = Worker(name, home)
    seconds = worker.load({table: files[table] for table in tables})
    time.sleep(REST_S)
    memory_loaded = worker.memory_bytes()
    worker.settle()
    print(f"{name}: {' and '.join(tables)} in {seconds:.0f} s", flush=True)
    return worker, Sizes(memory_loaded, worker.memory_bytes(), worker.stored_bytes())


def measure_workload(workload: Workload, workers: list[Worker], scale: int) -> Measured:
    """Ask one workload of all systems, in turns."""
    seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
    firsts: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for turn in range(WARM_UP + TURNS):
        asked = [
            literals(workload, workload.asks * turn + ask, scale) for ask in range(workload.asks)
        ]
        answers: dict[str, list[Answer]] = {}
        for worker in workers:
            timed = [worker.time(workload.name, each) for each in asked]
            found = [each for each in timed if each is not None]
            if not found:
                continue
            answers[worker.name] = [answer for _, answer in found]
            if turn >= WARM_UP:
                seconds[worker.name] += [taken for taken, _ in found]
                firsts[worker.name].append(found[0][0])
        if workload.compares_answers:
            for ask, each in enumerate(asked):
                compare(workload.name, each, {name: a[ask] for name, a in answers.items()})
    print(f"{workload.name}: done", flush=True)
    return Measured(
        workload.name,
        workload.title,
        median_ms(seconds),
        first_ms=median_ms(firsts),
        owed_ratio=workload.owed_ratio,
        owed_ms=workload.owed_ms,
        scanned_bytes=workload.scanned_bytes * scale,
    )


def median_ms(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return the median milliseconds of each system that has an answer."""
    return {name: statistics.median(each) * 1000 for name, each in seconds.items() if each}


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
