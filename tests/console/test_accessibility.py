"""axe finds nothing to blame on any page, wide and narrow, light and dark.

Every rule of WCAG 2.0 to 2.2, levels A and AA, over each page with something on it, over open
dialogs, an error, a chart, and the list of completions.
"""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from console.driver import NARROW, WIDE, Console
from console.stage import Stage
from server_process import ServerProcess

OPTIONS = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "resultTypes": ["violations"],
}


def check(console: Console, place: str) -> None:
    """Note every rule that what is in sight breaks, and the elements that break it."""
    # What fades in is looked at once it is there.
    console.page.wait_for_timeout(250)
    found: dict[str, Any] = Axe().run(console.page, options=OPTIONS).response
    console.faults += [
        f"{place}: {each['id']}: {each['help']}: "
        f"{[node['html'][:160] for node in each['nodes'][:4]]}"
        for each in found["violations"]
    ]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page(
    chromium: Browser,
    console_server: ServerProcess,
    stage: Stage,
    size: tuple[int, int],
    theme: str,
) -> None:
    console = Console.open(chromium, console_server.url, size=size, theme=theme)
    console.expected = {400}
    expect(console.heading("Sign in")).to_be_visible()
    check(console, "sign in")
    console.sign_in()
    expect(console.link(stage.deployment)).to_be_visible()
    check(console, "overview")
    pages = [
        (f"/d/{stage.deployment_id}", stage.deployment),
        (f"/d/{stage.deployment_id}/t/{stage.table}", stage.table),
        ("/sources", "Sources"),
        (f"/s/{stage.source_id}", stage.source),
        (f"/new-source?d={stage.deployment_id}", "New source"),
        ("/endpoints", "Endpoints"),
        ("/account", "Account"),
        ("/keys", "API keys"),
        ("/users", "Users"),
        ("/audit", "Audit log"),
        ("/nowhere", "This could not be shown"),
    ]
    for address, heading in pages:
        console.go(address, heading)
        console.page.wait_for_timeout(600)
        check(console, address)
        name = heading.replace(" ", "-").lower()
        console.shot(f"{theme}-{size[0]}-{name}", is_whole=True)
    _check_query(console, stage)
    console.check_quiet()
    console.close()


def _check_query(console: Console, stage: Stage) -> None:
    console.go(f"/query?d={stage.deployment_id}", "Query")
    console.run("select species, count(*) as n from iris_table group by species")
    expect(console.grid).to_be_visible()
    check(console, "an answer")
    console.tab("Chart").click()
    check(console, "a chart")
    console.tab("Explain").click()
    expect(console.page.locator(".plan")).to_be_visible()
    check(console, "a plan")
    console.tab("History").click()
    expect(console.page.locator(".query-side .statement").first).to_be_visible()
    check(console, "the history")
    console.run("select nothing from nowhere")
    expect(console.page.get_by_role("alert")).to_be_visible()
    check(console, "a mistake")
    console.statement.fill("")
    console.statement.press_sequentially("sel")
    expect(console.page.get_by_role("listbox", name="completions")).to_be_visible()
    check(console, "completions")
    console.statement.press("Escape")


def test_dialogs(console: Console, stage: Stage) -> None:
    console.button("New deployment").click()
    expect(console.dialog()).to_be_visible()
    check(console, "new deployment")
    console.page.keyboard.press("Escape")
    console.go("/keys", "API keys")
    console.button("New API key").click()
    expect(console.dialog()).to_be_visible()
    check(console, "new API key")
    console.page.keyboard.press("Escape")
    console.go(f"/s/{stage.source_id}", stage.source)
    console.button("Delete").click()
    expect(console.dialog()).to_be_visible()
    check(console, "delete by name")
    console.page.keyboard.press("Escape")
    console.page.keyboard.press("Control+k")
    expect(console.page.get_by_role("option").first).to_be_visible()
    check(console, "palette")
    console.page.keyboard.press("Escape")
    console.page.keyboard.press("?")
    check(console, "shortcuts")
