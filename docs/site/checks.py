"""What is wrong with a built site: links that lead nowhere, and anything fetched from elsewhere.

Reads the HTML that browsers get, so that nothing is taken on trust of what made it. A link to
another host is a reader's choice; a script, style, font or picture of another host is a fault.
"""

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
_UNFETCHED_LINKS = frozenset({"canonical", "next", "prev", "author", "alternate", "edit"})
_STYLE_ADDRESS = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])([^"')]+)""")
_HTML = (
    "a abbr article aside b body br button circle clippath code col colgroup dd defs del "
    "details dialog div dl dt em figcaption figure footer form g h1 h2 h3 h4 h5 h6 head "
    "header hr html i iframe img input ins kbd label li line link main mark marker meta nav "
    "ol optgroup option p path polygon polyline pre rect script section select small source "
    "span strong style sub summary sup svg table tbody td text textarea tfoot th thead title "
    "tr tspan tt ul use var video "
)
_ELEMENTS = frozenset(_HTML.split())


class _Page(HTMLParser):
    """What one page has and names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.unknown: set[str] = set()
        self.untold: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Take an element's part in all of it."""
        given = {name: value or "" for name, value in attributes}
        if tag not in _ELEMENTS:
            self.unknown.add(tag)
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img" and not given.get("alt"):
            self.untold.append(given.get("src", ""))
        address = given.get(_FETCHED.get(tag, ""), "")
        is_fetched = tag != "link" or not _UNFETCHED_LINKS & set(given.get("rel", "").split())
        if address and is_fetched:
            self.fetched.append(address)
        self.fetched += _STYLE_ADDRESS.findall(given.get("style", ""))


def faults_of(site: Path) -> Iterator[str]:
    """Give what is wrong with the site in a directory, one line each."""
    pages = {path: _Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        for tag in sorted(page.unknown):
            yield f"{name}: <{tag}> is no element; write it as code"
        for picture in page.untold:
            yield f"{name}: the picture {picture} does not say what it shows"
        for address in page.fetched:
            if _is_elsewhere(address):
                yield f"{name}: fetches {address}"
            elif not address.startswith("data:"):
                yield from _lost(address, path, site, pages)
        for link in page.links:
            if not _is_elsewhere(link):
                yield from _lost(link, path, site, pages)
    for style in sorted(site.rglob("*.css")):
        for address in _STYLE_ADDRESS.findall(style.read_text()):
            if _is_elsewhere(address):
                yield f"{style.relative_to(site).as_posix()}: fetches {address}"


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in {"http", "https", "mailto"}


def _lost(link: str, page: Path, site: Path, pages: dict[Path, _Page]) -> Iterator[str]:
    """Give why a link leads nowhere, nothing if it leads somewhere."""
    parts = urlsplit(link)
    path = unquote(parts.path)
    start = site if path.startswith("/") else page.parent
    target = Path(posixpath.normpath(start / path.lstrip("/"))) if path else page
    if target.is_dir():
        target /= "index.html"
    name = page.relative_to(site).as_posix()
    if not target.is_file():
        yield f"{name}: {link} leads to no file"
    elif parts.fragment and target in pages:
        anchor = unquote(parts.fragment)
        if anchor not in pages[target].anchors and not anchor.startswith("__"):
            yield f"{name}: {link} leads to no place on its page"
