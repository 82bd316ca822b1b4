"""The site is whole: built strictly, every link and anchor leads somewhere, nothing is fetched.

Builds all of it with a real server, whose every route must have its section and its example, then
reads the HTML as a browser would. Broken pages are given to the checks too, which must name what
is wrong.
"""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from docs.site.__main__ import build_site
from docs.site.checks import faults_of
from docs.site.http_page import MissingExample, http_page
from docs.site.pages import DOCS, PageFault, site_text
from docs.site.server import EMAIL as SITE_EMAIL
from docs.site.server import PASSWORD as SITE_PASSWORD
from docs.site.tables import errors_table
from tests.docs.pages import EMAIL, PASSWORD

from bitbrook.errors import BitbrookError
from bitbrook.settings import describe_settings
from server_process import ServerProcess


@pytest.fixture(scope="module")
def description(docs_server: ServerProcess) -> dict:
    return httpx.get(f"{docs_server.url}/openapi.json").json()


@pytest.fixture(scope="module")
def site(docs_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert (SITE_EMAIL, SITE_PASSWORD) == (EMAIL, PASSWORD)
    return build_site(tmp_path_factory.mktemp("site") / "build", docs_server.url)


def test_nothing_is_wrong_with_it(site: Path) -> None:
    assert len(list(site.glob("*.html"))) > 20
    faults = list(faults_of(site))
    assert not faults, "\n".join(faults)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_a_browser_asks_nobody_else(site: Path) -> None:
    """Nor are pages wider than a desk's window or a telephone's."""
    pages = ("index", "concepts", "http", "from-tinybird")
    program = [sys.executable, str(Path(__file__).with_name("browse.py"))]
    ran = subprocess.run(
        [*program, str(site), *pages], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stdout, ran.stdout


def test_every_page_is_in_it(site: Path) -> None:
    home = (site / "index.html").read_text()
    for page in DOCS.glob("*.md"):
        assert (site / f"{page.stem}.html").is_file(), page
        assert f'href="./{page.stem}.html"' in home or page.stem == "index", page


def test_every_route_has_its_section(site: Path, description: dict) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", (site / "http.html").read_text()))
    for path, item in description["paths"].items():
        assert path in text, path
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            # The first line of what it does, as a browser shows it.
            first = item[method]["summary"].partition("\n")[0].replace("`", "")
            assert first in text, path
    assert "A deployment. endpoint: where its statements go." in text, "what structs say"
    assert "correct horse" in text
    assert "eyJ" in text, "an example shows a token"
    assert not re.search(r"eyJ[\w-]{40}", text), "and no more than its beginning"


def test_every_setting_and_code_is_told(site: Path) -> None:
    settings = (site / "settings.html").read_text()
    for each in describe_settings():
        assert f"<code>{each.name}</code>" in settings
    told = errors_table()
    pending = [BitbrookError]
    while pending:
        below = [e for e in pending.pop().__subclasses__() if e.__module__ == "bitbrook.errors"]
        pending += below
        for error in below:
            assert re.search(rf"\| `{error.code}` \| {error.status} \| (yes)? *\| \w", told)


def test_figures_are_those_that_benchmarks_wrote(site: Path) -> None:
    """The newest of each kind, none typed by hand."""
    text = html.unescape(re.sub(r"<[^>]+>", "", (site / "benchmarks.html").read_text()))
    newest = max((DOCS.parent / "benchmarks" / "results").glob("*-1e+07.md")).read_text()
    for row in re.findall(r"^\| (.+) \|$", newest, re.MULTILINE):
        for cell in row.split(" | "):
            assert cell.strip() in text or cell.startswith("-"), cell
    hand_written = (DOCS / "benchmarks.md").read_text()
    assert not re.search(r"\d+(\.\d+)? (ms|s|MB|GB|x)\b", hand_written)
    assert "middle third" in text


def test_pictures_are_drawn_into_the_page(site: Path) -> None:
    concepts = (site / "concepts.html").read_text()
    pictures = list((DOCS / "images").glob("*.svg"))
    assert len(pictures) >= 6
    assert concepts.count('<figure class="picture">') == len(pictures)
    assert concepts.count('role="img" aria-label="') == len(pictures)


def test_a_route_without_an_example_is_a_fault(description: dict) -> None:
    with pytest.raises(MissingExample, match=r"tour\.py has no call of .*GET /healthz"):
        http_page(description, {})


def test_a_link_to_no_page_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from docs.site import pages

    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "docs" / "a.md"
    page.write_text("# A\n\nSee [there](nowhere.md).\n")
    with pytest.raises(PageFault, match=r"nowhere\.md is no page"):
        site_text("docs/a.md", {})
    page.write_text("# A\n\n<!-- generate: nothing -->\n")
    with pytest.raises(PageFault, match="nobody generates 'nothing'"):
        site_text("docs/a.md", {})


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html">b</a>', "b.html leads to no file"),
        ('<a href="#there">b</a>', "#there leads to no place"),
        ('<a href="a.html#there">b</a>', "a.html#there leads to no place"),
        ('<script src="https://cdn.example/x.js"></script>', "fetches https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "fetches //fonts.example/x.css"),
        ('<p style="background: url(https://x.example/p.png)">', "fetches https://x.example/p.png"),
        ('<img src="a.png">', "does not say what it shows"),
        ("<deployment>", "<deployment> is no element"),
    ],
)
def test_the_checks_find_faults(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "a.html").write_text(f'<html><body><h1 id="here">A</h1>{body}</body></html>')
    assert any(fault in found for found in faults_of(tmp_path)), list(faults_of(tmp_path))


def test_styles_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text('@import "https://fonts.example/inter.css"; a { color: red }')
    assert list(faults_of(tmp_path)) == ["a.css: fetches https://fonts.example/inter.css"]
