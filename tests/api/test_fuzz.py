"""Bodies that nobody would send give no 5xx, no silence and no half of a batch.

A few thousand of the bodies of `benchmarks/fuzz.py`, over HTTP and held against its models; `make
fuzz BODIES=1000000` sends as many as one likes.
"""

from pathlib import Path

from benchmarks import fuzz
from benchmarks.server import Server


def test_generated_bodies(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    try:
        figures = fuzz.run_against(server)
    finally:
        server.close()
    assert figures["bodies"] == fuzz.BODIES >= 1_000
    # Of everything some: else nothing was tried.
    for name in ("stored", "refused", "refused_bodies"):
        assert figures[name] > fuzz.BODIES / 10, figures
    assert figures["checks"] >= fuzz.CLIENTS
