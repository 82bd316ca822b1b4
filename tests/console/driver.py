"""A browser with the console in it, used as a person would; it remembers what went wrong."""

import re
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Download,
    Locator,
    Page,
    expect,
)

from server_process import EMAIL, PASSWORD

SCREENSHOTS = Path(__file__).with_name("screenshots")

# Debian's browser, headless, that talks to nobody but the server under test.
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WIDE = (1280, 860)
NARROW = (390, 844)

_REFUSED = re.compile(r"the server responded with a status of (\d+)")


class Console:
    """The console in a browser. `expected`: statuses that the test provokes on purpose."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.page: Page = context.new_page()
        self.expected: set[int] = set()
        self.faults: list[str] = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))

    @classmethod
    def open(
        cls,
        browser: Browser,
        url: str,
        *,
        size: tuple[int, int] = WIDE,
        theme: str = "light",
    ) -> Self:
        """Return the console at its first page."""
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            permissions=["clipboard-read", "clipboard-write"],
            locale="en-GB",
        )
        context.set_default_timeout(20_000)
        opened = cls(context, url)
        opened.page.goto(url)
        return opened

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        """Sign in, as far as the first page."""
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.button("Sign in").click()
        expect(self.heading("Overview")).to_be_visible()

    def go(self, address: str, heading: str) -> None:
        """Go to an address of the console and wait for its heading."""
        self.page.evaluate("address => { location.hash = address }", address)
        expect(self.heading(heading)).to_be_visible()

    def heading(self, name: str) -> Locator:
        """The heading of a page."""
        return self.page.get_by_role("heading", level=1, name=re.compile(re.escape(name)))

    def button(self, name: str, *, exact: bool = True) -> Locator:
        """A button."""
        return self.page.get_by_role("button", name=name, exact=exact)

    def link(self, name: str) -> Locator:
        """A link in the page itself, not beside it."""
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=True)

    def row(self, name: str) -> Locator:
        """The row of a table that leads to something of that name."""
        link = self.page.get_by_role("link", name=name, exact=True)
        return self.page.get_by_role("main").locator("tr", has=link)

    def tab(self, name: str) -> Locator:
        """A tab."""
        return self.page.get_by_role("tab", name=name, exact=True)

    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")

    @property
    def statement(self) -> Locator:
        """The editor of the query page."""
        return self.page.get_by_role("textbox", name="statement")

    @property
    def grid(self) -> Locator:
        """The grid of a result."""
        return self.page.get_by_role("grid", name="result")

    def run(self, statement: str) -> None:
        """Write a statement and run it by the keyboard."""
        self.statement.fill(statement)
        self.statement.press("Escape")
        self.statement.press("Control+Enter")

    def cells(self) -> list[list[str]]:
        """The rows of the result that are in sight."""
        rows: list[list[str]] = self.grid.evaluate(
            "grid => [...grid.querySelectorAll('.grid-row')]"
            ".map(row => [...row.children].map(cell => cell.textContent))"
        )
        return rows

    def download(self, name: str) -> tuple[str, bytes]:
        """Click a button that saves a file; return the file's name and bytes."""
        with self.page.expect_download() as waiting:
            self.button(name).click()
        saved: Download = waiting.value
        return saved.suggested_filename, Path(saved.path()).read_bytes()

    def shot(self, name: str, *, is_whole: bool = False) -> None:
        """Keep a picture of what is in sight."""
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=is_whole)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Return what a script in the page answers."""
        return self.page.evaluate(script, argument)

    def check_quiet(self) -> None:
        """Fail if the browser complained about anything that was not provoked."""
        assert not self.faults, self.faults

    def close(self) -> None:
        """Close the browser's window."""
        self.context.close()

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        refused = _REFUSED.search(message.text)
        if refused is None or int(refused.group(1)) not in self.expected:
            self.faults.append(f"{message.type}: {message.text}")
