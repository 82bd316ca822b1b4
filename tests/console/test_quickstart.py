"""The whole quickstart in a browser, once by mouse and once by keyboard, from nothing to nothing.

On a server of its own, since the guided start is for an empty organisation: make everything, ask in
SQL and PQL, and delete source, table and deployment again, each confirmed by its typed name. What
the pages say is compared with what the API says.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from console.driver import Console
from server_process import EMAIL, PASSWORD, ServerProcess

PQL = "[iris_table]GroupBy(Rows(species))"
GROUPS = [["setosa", "50"], ["versicolor", "50"], ["virginica", "50"]]


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("quickstart") / "data"
    with ServerProcess(data) as running:
        yield running
        assert running.stop() == 0, running.errors()


@pytest.fixture
def newcomer(chromium: Browser, empty_server: ServerProcess) -> Iterator[Console]:
    opened = Console.open(chromium, empty_server.url)
    yield opened
    opened.check_quiet()
    opened.close()


@pytest.fixture
def bare_api(empty_server: ServerProcess) -> Iterator[httpx.Client]:
    with empty_server.client(empty_server.token()) as client:
        yield client


def confirm(console: Console, name: str) -> None:
    dialog = console.dialog()
    act = dialog.locator("[type=submit]")
    expect(act).to_be_disabled()
    dialog.get_by_label("Type its name to confirm").fill(name)
    act.click()


def test_by_mouse(newcomer: Console, bare_api: httpx.Client) -> None:
    newcomer.shot("sign-in")
    newcomer.sign_in()
    expect(newcomer.page.get_by_text("Nothing runs here yet")).to_be_visible()
    newcomer.shot("guided-start")
    newcomer.button("Start with the iris records").click()

    expect(newcomer.grid).to_be_visible()
    assert [row[:2] for row in newcomer.cells()] == GROUPS
    assert [row[2] for row in newcomer.cells()] == ["5.0060", "5.9360", "6.5880"]
    newcomer.shot("guided-start-query")
    made = bare_api.get("/v1/deployments").json()["deployments"]
    assert [each["name"] for each in made] == ["flowers"]
    table = bare_api.get(f"/v1/tables/{made[0]['id']}/iris_table").json()
    assert table["record_count"] == 150

    newcomer.page.get_by_text("PQL", exact=True).click()
    newcomer.statement.fill(PQL)
    newcomer.button("Run (Ctrl+Enter)").click()
    expect(newcomer.page.get_by_role("columnheader", name="count")).to_be_visible()
    assert newcomer.cells() == GROUPS

    newcomer.page.get_by_role("navigation", name="main").get_by_text("Sources").click()
    newcomer.link("iris_streaming_source").click()
    expect(newcomer.heading("iris_streaming_source")).to_be_visible()
    newcomer.button("Delete").click()
    confirm(newcomer, "iris_streaming_source")
    expect(newcomer.page.get_by_text("No source yet")).to_be_visible()
    newcomer.page.get_by_role("navigation", name="main").get_by_text("Overview").click()
    newcomer.link("flowers").click()
    expect(newcomer.heading("flowers")).to_be_visible()
    newcomer.link("iris_table").click()
    expect(newcomer.heading("iris_table")).to_be_visible()
    newcomer.button("Delete").click()
    confirm(newcomer, "iris_table")
    expect(newcomer.heading("flowers")).to_be_visible()
    expect(newcomer.page.get_by_text("No table yet")).to_be_visible()
    newcomer.button("Delete").click()
    confirm(newcomer, "flowers")
    expect(newcomer.heading("Overview")).to_be_visible()
    expect(newcomer.page.get_by_text("Nothing runs here yet")).to_be_visible()
    assert bare_api.get("/v1/deployments").json()["deployments"] == []


def test_by_keyboard(newcomer: Console, bare_api: httpx.Client) -> None:
    """Nothing but keys: every control is reached with Tab or a shortcut, and shows that it is."""
    keys = newcomer.page.keyboard

    def press_until(name: str, role: str = "button", *, key: str = "Tab", most: int = 60) -> None:
        wanted = newcomer.page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
        expect(wanted).to_be_visible()
        for _ in range(most):
            if wanted.evaluate("node => node === document.activeElement"):
                return
            keys.press(key)
        raise AssertionError(f"{name} is not reached with {key}")

    expect(newcomer.heading("Sign in")).to_be_visible()
    expect(newcomer.page.get_by_label("E-mail address")).to_be_focused()
    keys.type(EMAIL)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(newcomer.heading("Overview")).to_be_visible()
    press_until("Start with the iris records")
    outline = newcomer.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    newcomer.shot("focus")
    keys.press("Enter")
    expect(newcomer.grid).to_be_visible()
    assert [row[:2] for row in newcomer.cells()] == GROUPS

    press_until("SQL", "radio")
    keys.press("ArrowRight")
    press_until("statement", "textbox")
    keys.press("Control+a")
    keys.type("[iris_table]Gro")
    expect(newcomer.page.get_by_role("option", name=re.compile("GroupBy"))).to_be_visible()
    keys.press("Enter")
    keys.type("Rows(spe")
    expect(newcomer.page.get_by_role("option", name=re.compile("species"))).to_be_visible()
    keys.press("Tab")
    keys.type("))")
    keys.press("Control+Enter")
    expect(newcomer.page.get_by_role("columnheader", name="count")).to_be_visible()
    assert newcomer.cells() == GROUPS
    expect(newcomer.statement).to_have_value(PQL)

    for name, page in (("iris_streaming_source", "Sources"), ("iris_table", "flowers")):
        newcomer.evaluate("document.activeElement.blur()")
        keys.press("Control+k")
        keys.type(name)
        expect(newcomer.page.get_by_role("option", name=re.compile(name))).to_be_visible()
        keys.press("Enter")
        expect(newcomer.heading(name)).to_be_visible()
        press_until("Delete")
        keys.press("Enter")
        keys.type(name)
        keys.press("Enter")
        expect(newcomer.heading(page)).to_be_visible()
    expect(newcomer.page.get_by_text("No table yet")).to_be_visible()
    press_until("Delete")
    keys.press("Enter")
    keys.type("flowers")
    keys.press("Enter")
    expect(newcomer.page.get_by_text("Nothing runs here yet")).to_be_visible()
    assert bare_api.get("/v1/deployments").json()["deployments"] == []
