"""A real Chromium on a real server: what every browser test begins with and is held to."""

import shutil
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from console.driver import CHROMIUM_FLAGS, SCREENSHOTS, Console
from console.stage import Stage, make_stage
from server_process import ServerProcess

TIMEOUT_MS = 20_000.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WITHOUT = "there is no chromium here; `make debian` (apt-get install chromium) brings it"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what needs a browser last, and skip it where there is none.

    What drives the browser keeps an event loop in this thread to the end of the session, beside
    which other tests could not run one of theirs.
    """
    items.sort(key=_needs_browser)
    if CHROMIUM is None:
        for item in filter(_needs_browser, items):
            item.add_marker(pytest.mark.skip(reason=WITHOUT))


def _needs_browser(item: pytest.Item) -> bool:
    return "chromium" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """Playwright, which speaks to browsers."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    SCREENSHOTS.mkdir(exist_ok=True)
    expect.set_options(timeout=TIMEOUT_MS)
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def console_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for browsers alone; what it logs as an error fails the session."""
    data = tmp_path_factory.mktemp("console") / "data"
    with ServerProcess(data, "--deployments-max", "100") as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture(scope="session")
def console_api(console_server: ServerProcess) -> Iterator[httpx.Client]:
    """A client of the same server, to prepare what a page shows and to see what it did."""
    with console_server.client(console_server.token()) as client:
        yield client


@pytest.fixture(scope="module")
def stage(console_api: httpx.Client) -> Stage:
    """A deployment of the module's own, with the iris records in it."""
    return make_stage(console_api)


@pytest.fixture
def visitor(chromium: Browser, console_server: ServerProcess) -> Iterator[Console]:
    """A browser whose user is not signed in."""
    yield from _visit(chromium, console_server.url)


@pytest.fixture
def console(visitor: Console) -> Console:
    """A browser whose user is signed in as the administrator."""
    visitor.sign_in()
    return visitor


def _visit(chromium: Browser, url: str) -> Iterator[Console]:
    opened = Console.open(chromium, url)
    try:
        yield opened
        opened.check_quiet()
    finally:
        opened.close()
