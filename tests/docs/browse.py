"""`python browse.py SITE PAGE...`: open pages in Chromium and print what is wrong, a line each.

A process of its own, because what drives a browser keeps an event loop in its thread. Wrong is what
is asked of another host, an error of a script, and a page that is wider than its window.
"""

import functools
import http.server
import shutil
import sys
import threading
from typing import Any

from playwright.sync_api import Browser, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WINDOWS = ((1280, "light"), (390, "dark"))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def look(browser: Browser, address: str, pages: list[str], width: int, scheme: Any) -> list[str]:
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("request", lambda request: note_request(wrong, address, request.url))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    for name in pages:
        page.goto(f"{address}/{name}.html")
        beyond = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if beyond > 0:
            wrong.append(f"{name} is {beyond} pixels wider than a window of {width}")
    context.close()
    return wrong


def note_request(wrong: list[str], address: str, url: str) -> None:
    if not url.startswith((address, "data:", "blob:")):
        wrong.append(f"asks for {url}")


def main(site: str, pages: list[str]) -> None:
    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with sync_playwright() as running:
            browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for width, scheme in WINDOWS:
                for line in look(browser, address, pages, width, scheme):
                    sys.stdout.write(f"{line}\n")
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
