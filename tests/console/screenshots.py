"""Makes the pictures of README.md: `make screenshots`.

Starts a server of its own, streams records into it, and photographs the console as it is then.
Run as a module (`python -m console.screenshots` from `tests`), not collected as a test.
"""

import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect, sync_playwright

from api_client import stream, wait_for_status
from console.driver import CHROMIUM_FLAGS, Console
from server_process import ServerProcess

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = (1280, 800)
BYTES_MAX = 150_000

CITIES = ("berlin", "lima", "oslo", "osaka", "quito", "turin")
KINDS = ("order", "refund", "search", "view")
SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": False,
    "definition": [
        {"name": "id", "type": "id"},
        {"name": "city", "type": "string", "config": {"Mutex": True}},
        {"name": "kind", "type": "string", "config": {"Mutex": True}},
        {"name": "amount", "type": "decimal", "config": {"Scale": 2}},
        {"name": "tags", "type": "strings"},
    ],
}
STATEMENT = """-- Where does it sell, and what?
select city, kind, count(*) as events, sum(amount) as total
from events
where amount > 20
group by city, kind
order by total desc"""


def make_screenshots() -> None:
    """Write both pictures to docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        ServerProcess(Path(data) / "data") as server,
        server.client(server.token()) as api,
        sync_playwright() as driver,
    ):
        source_id = _set_up(api)
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        with _streaming(api, source_id):
            _overview(browser, server.url)
        _query(browser, server.url)
        browser.close()


def _set_up(api: httpx.Client) -> str:
    ids = {}
    for name, shape in (("shop", "8GB"), ("sensors", "64GB")):
        body = {"name": name, "deployment_options": {"shape": shape}}
        ids[name] = api.post("/v1/deployments", json=body).json()["id"]
        wait_for_status(api, f"/v1/deployments/{ids[name]}", "RUNNING")
    api.post(f"/v1/tables/{ids['shop']}", json={"name": "events"}).raise_for_status()
    body = {
        "name": "web_events",
        "sink_details": {"deployment_id": ids["shop"], "table": "events"},
        "schema": SCHEMA,
    }
    source_id: str = api.post("/v1/sinks", json=body).json()["id"]
    wait_for_status(api, f"/v1/sinks/{source_id}", "RUNNING")
    dice = random.Random(7)
    for start in range(0, 200_000, 20_000):
        stream(api, source_id, [_event(dice, start + n) for n in range(20_000)])
    return source_id


def _event(dice: random.Random, id_: int) -> dict[str, Any]:
    city = dice.choices(CITIES, weights=(9, 4, 5, 7, 2, 3))[0]
    kind = dice.choices(KINDS, weights=(5, 1, 4, 8))[0]
    amount = round(dice.lognormvariate(3.2, 0.6), 2)
    return {"id": id_, "city": city, "kind": kind, "amount": amount, "tags": ["web", kind]}


@contextmanager
def _streaming(api: httpx.Client, source_id: str) -> Iterator[None]:
    """Send records in waves while the block lasts."""
    has_ended = threading.Event()

    def send() -> None:
        dice = random.Random(8)
        id_ = 200_000
        for wave in range(10_000):
            many = 250 + 150 * (wave // 8 % 3) + dice.randrange(120)
            stream(api, source_id, [_event(dice, id_ + n) for n in range(many)])
            id_ += many
            if has_ended.wait(0.25):
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        has_ended.set()
        sender.join()


def _overview(browser: Browser, url: str) -> None:
    console = Console.open(browser, url, size=SIZE)
    console.sign_in()
    expect(console.row("shop")).to_contain_text("running")
    console.page.wait_for_timeout(60_000)
    _keep(console, "console-overview")


def _query(browser: Browser, url: str) -> None:
    console = Console.open(browser, url, size=SIZE, theme="dark")
    console.sign_in()
    console.go("/query", "Query")
    console.page.get_by_label("deployment").select_option(label="shop")
    console.run(STATEMENT)
    expect(console.grid).to_be_visible()
    console.tab("Chart").click()
    console.page.get_by_label("Kind", exact=True).select_option("heat")
    console.page.get_by_label("Value", exact=True).select_option(label="total")
    expect(console.page.get_by_role("img", name="heat map")).to_be_visible()
    _keep(console, "console-query")


def _keep(console: Console, name: str) -> None:
    path = IMAGES / f"{name}.png"
    console.page.screenshot(path=path)
    size = path.stat().st_size
    assert size < BYTES_MAX, f"{path} has {size:,} bytes, {BYTES_MAX:,} are allowed"
    console.close()


if __name__ == "__main__":
    make_screenshots()
