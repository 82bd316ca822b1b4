"""`python -m docs.site`: build the documentation site into `build/docs/site`, and check it.

Starts a server, whose description and answers become the HTTP reference. Ends with 1 and tells why
if a page is at fault: nothing is left out silently and no link leads nowhere.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
from docs.site.checks import faults_of
from docs.site.http_page import MissingExample, http_page, with_docstrings
from docs.site.pages import ROOT, PageFault, assemble
from docs.site.server import serving
from docs.site.tables import benchmark_results, errors_table, settings_table, soak_results
from docs.site.tour import TourFailed, take_tour

BUILD = ROOT / "build" / "docs"


def build_site(directory: Path, url: str) -> Path:
    """Build the site below a directory, with the server at `url`; return where its pages are.

    Raises:
        PageFault: a page names what there is not, or the site cannot be made of the pages.
        MissingExample: the server has a route without an example.
        TourFailed: the server did not answer as it should.
    """
    description = httpx.get(f"{url}/openapi.json", timeout=60.0).json()
    generated = {
        "http": http_page(with_docstrings(description), take_tour(url)),
        "settings": settings_table(),
        "errors": errors_table(),
        "benchmark-results": benchmark_results(),
        "soak": soak_results(),
    }
    shutil.rmtree(directory, ignore_errors=True)
    assemble(directory / "pages", generated)
    text = (ROOT / "mkdocs.yml").read_text()
    text = re.sub(r"^docs_dir: .*$", "docs_dir: pages", text, flags=re.MULTILINE)
    text = re.sub(r"^site_dir: .*$", "site_dir: site", text, flags=re.MULTILINE)
    (directory / "mkdocs.yml").write_text(text)
    ran = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise PageFault(f"{ran.stdout}{ran.stderr}")
    return directory / "site"


def main() -> int:
    """Build and check; return the exit code."""
    try:
        with serving() as url:
            site = build_site(BUILD, url)
    except (PageFault, MissingExample, TourFailed) as fault:
        print(fault, file=sys.stderr)
        return 1
    faults = list(faults_of(site))
    for fault in faults:
        print(fault, file=sys.stderr)
    pages = len(list(site.rglob("*.html")))
    print(f"{pages} pages in {site.relative_to(ROOT)}, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
