"""The frame of every page: what is loaded, how much of it, from where, and how one gets about.

Weighs the whole console as it comes over the wire, reads the browser's own paint times, forbids
every other origin and inline script, and goes everywhere by shortcut, palette, menu and link.
"""

import re

import pytest
from playwright.sync_api import Browser, expect

from console.driver import NARROW, Console
from console.stage import Stage
from server_process import ServerProcess

KINDS = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
WEIGHT_BYTES_MAX = 400_000
FIRST_PAINT_MS_MAX = 1_000
PLACES = [("o", "Overview"), ("s", "Sources"), ("q", "Query"), ("k", "API keys"), ("u", "Users"),
          ("l", "Audit log")]  # fmt: skip

PHONE_PAGES = {
    "/": "Overview",
    "/d/{stage.deployment_id}": "{stage.deployment}",
    "/d/{stage.deployment_id}/t/{stage.table}": "{stage.table}",
    "/sources": "Sources",
    "/s/{stage.source_id}": "{stage.source}",
    "/new-source?d={stage.deployment_id}": "New source",
    "/query?d={stage.deployment_id}&run=1&q=select%20*%20from%20iris_table": "Query",
    "/users": "Users",
    "/keys": "API keys",
    "/audit": "Audit log",
    "/account": "Account",
}


def test_the_page_is_light_and_paints_at_once(
    chromium: Browser, console_server: ServerProcess
) -> None:
    """All that the console ever loads, compressed; the best of three first paints."""
    paints = []
    for _ in range(3):
        console = Console.open(chromium, console_server.url)
        expect(console.heading("Sign in")).to_be_visible()
        loaded = console.evaluate(
            "performance.getEntriesByType('resource').concat("
            "performance.getEntriesByType('navigation'))"
            ".map(entry => [new URL(entry.name).pathname, entry.transferSize])"
        )
        paints.append(
            console.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        )
        console.close()
    assert len([path for path, _ in loaded if path.endswith(".js")]) > 30, "modules came at once"
    weight = sum(size for _, size in loaded)
    assert 20_000 < weight < WEIGHT_BYTES_MAX, f"{weight:,} bytes"
    assert min(paints) < FIRST_PAINT_MS_MAX, paints


def test_files_are_compressed_kept_and_of_one_release(console_server: ServerProcess) -> None:
    with console_server.client() as client:
        page = client.get("/")
        assert page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'")
        assert "unsafe" not in policy
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        paths = re.findall(r'(?:src|href)="(/console/[^"]+)"', page.text)
        assert len(paths) > 40
        for path in paths:
            file = client.get(path)
            assert file.status_code == 200, path
            assert "immutable" in file.headers["cache-control"]
            assert file.headers["content-encoding"] == "gzip"
            assert file.headers["x-content-type-options"] == "nosniff"
            assert file.headers["content-type"] == KINDS[path.rpartition(".")[2]], path
        plain = client.get(paths[0], headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        other = re.sub(r"/console/\w+/", "/console/0123456789abcdef/", paths[-1])
        assert client.get(other).status_code == 404
        assert client.get("/console/../../etc/passwd").status_code == 404
        assert client.get(paths[0] + "/%2e%2e/%2e%2e/serve.py").status_code == 404


def test_nothing_is_asked_of_other_hosts_and_nothing_runs_inline(
    chromium: Browser, console_server: ServerProcess
) -> None:
    console = Console.open(chromium, console_server.url)
    asked: list[str] = []
    console.page.on("request", lambda request: asked.append(request.url))
    console.page.reload()
    console.sign_in()
    for key, title in PLACES:
        console.page.keyboard.press("g")
        console.page.keyboard.press(key)
        expect(console.heading(title)).to_be_visible()
    assert asked
    strangers = [url for url in asked if not url.startswith((console_server.url, "blob:", "data:"))]
    assert not strangers
    markup = console.page.content()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", markup)
    assert not re.search(r"\son\w+=", markup)
    console.check_quiet()
    console.close()


def test_every_place_by_two_keys(console: Console) -> None:
    for key, title in PLACES:
        console.page.keyboard.press("g")
        console.page.keyboard.press(key)
        expect(console.heading(title)).to_be_visible()
        expect(console.page).to_have_title(f"{title} · bitbrook")
        here = console.page.locator(".nav [aria-current=page]")
        expect(here).to_have_text(title)


def test_shortcuts_do_not_fire_while_typing(console: Console, stage: Stage) -> None:
    console.go(f"/query?d={stage.deployment_id}", "Query")
    console.statement.fill("")
    console.statement.press_sequentially("go?")
    expect(console.statement).to_have_value("go?")
    expect(console.heading("Query")).to_be_visible()
    expect(console.dialog()).to_have_count(0)


def test_the_sheet_of_shortcuts(console: Console) -> None:
    console.page.keyboard.press("?")
    expect(console.dialog()).to_contain_text("Keyboard shortcuts")
    console.shot("shortcuts")
    console.page.keyboard.press("Escape")
    expect(console.dialog()).to_have_count(0)


def test_the_palette_finds_tables_and_sources(console: Console, stage: Stage) -> None:
    console.page.keyboard.press("Control+k")
    console.page.keyboard.type(f"iris {stage.deployment}")
    found = console.page.get_by_role("option", name=re.compile("iris_table"))
    expect(found).to_have_count(1)
    console.shot("palette")
    console.page.keyboard.press("Enter")
    expect(console.heading("iris_table")).to_be_visible()


def test_skip_link_and_themes(console: Console) -> None:
    console.page.locator("body").press("Tab")
    skip = console.page.get_by_role("link", name="Skip to the content")
    for _ in range(30):
        if skip.evaluate("node => node === document.activeElement"):
            break
        console.page.keyboard.press("Shift+Tab")
    expect(skip).to_be_focused()
    console.page.keyboard.press("Enter")
    expect(console.page.locator("#main")).to_be_focused()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = console.evaluate(ground)
    console.button("Theme: system").click()
    console.button("Theme: light").click()
    expect(console.button("Theme: dark")).to_be_visible()
    assert console.evaluate(ground) != light
    console.page.reload()
    expect(console.heading("Overview")).to_be_visible()
    expect(console.button("Theme: dark")).to_be_visible()
    assert console.evaluate(ground) != light
    console.shot("dark")


def test_an_address_that_leads_nowhere(console: Console) -> None:
    console.go("/nowhere", "This could not be shown")
    console.button("Go to the overview").click()
    expect(console.heading("Overview")).to_be_visible()
    console.expected = {404}
    console.go("/d/0123456789abcdef", "Not here")
    expect(console.page.get_by_role("alert")).to_contain_text("There is no deployment")


@pytest.mark.parametrize("place", list(PHONE_PAGES))
def test_a_phone_scrolls_down_and_not_sideways(
    chromium: Browser, console_server: ServerProcess, stage: Stage, place: str
) -> None:
    console = Console.open(chromium, console_server.url, size=NARROW)
    console.sign_in()
    console.button("menu").click()
    expect(console.page.get_by_role("navigation", name="main")).to_be_visible()
    console.page.keyboard.press("Escape")
    console.go(place.format(stage=stage), PHONE_PAGES[place].format(stage=stage))
    # Figures and samples come a moment after the page.
    console.page.wait_for_timeout(1_000)
    assert console.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    console.shot(f"narrow{re.sub(r'[^a-z]+', '-', place.split('{', maxsplit=1)[0])}", is_whole=True)
    console.check_quiet()
    console.close()
