"""Which files become pages of the site, and how their text changes on the way.

A page in the repository reads well as it stands. For the site, marks of fenced blocks become
classes, links lead to where the other pages are, pictures are drawn into the page (so that they
follow its light and dark), and a comment `<!-- generate: NAME -->` or `<!-- include: PATH -->` is
replaced by what it names. Knows nothing of the program that makes HTML of it.
"""

import html
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

ADOPTED = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Files outside `docs` and the page that stands for each: itself, or one that includes it."""

MARKS = frozenset({"definition", "serve", "theirs", "elsewhere"})
"""Words that may follow a block's language. They tell the tests what becomes of the block."""

_FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"^!\[([^\]]*)\]\((images/[\w-]+\.svg)\)$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^<!-- (generate|include): (\S+) -->$", re.MULTILINE)
_COMMANDS = frozenset({"sh", "sql", "pql", "console"})
_ANSWERS = frozenset({"json", "text", "error"})
_TABLE_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_PAIR = '<div class="pair"'
_LEXERS = {"pql": "text", "error": "text"}


class PageFault(Exception):
    """A page names what there is not."""


def assemble(directory: Path, generated: Mapping[str, str]) -> None:
    """Write every page of the site into a new directory. `generated`: texts by their names.

    Raises:
        PageFault: a page links to no page, or asks for what nobody generates.
    """
    directory.mkdir(parents=True)
    sources = {path.relative_to(ROOT).as_posix(): path.name for path in DOCS.glob("*.md")}
    sources |= {name: page for name, page in ADOPTED.items() if page not in sources.values()}
    for source, page in sources.items():
        (directory / page).write_text(site_text(source, generated))
    images = directory / "images"
    images.mkdir()
    for picture in (DOCS / "images").glob("*.png"):
        (images / picture.name).write_bytes(picture.read_bytes())
    styles = directory / "assets"
    styles.mkdir()
    for style in (DOCS / "site").glob("*.css"):
        (styles / style.name).write_bytes(style.read_bytes())


def site_text(source: str, generated: Mapping[str, str]) -> str:
    """Return the text of a page for the site. `source`: its path in the repository."""
    text = (ROOT / source).read_text()
    text = _DIRECTIVE.sub(lambda found: _replacement(found, source, generated), text)
    text = _outside_fences(text, lambda part: _with_pictures(_with_links(part, source)))
    text = _outside_fences(text, lambda part: _TABLE_ROW.sub(_with_bars, part))
    return _with_fences(text)


def _replacement(found: re.Match[str], source: str, generated: Mapping[str, str]) -> str:
    kind, name = found.groups()
    if kind == "generate":
        if name not in generated:
            raise PageFault(f"{source}: nobody generates {name!r}")
        return generated[name]
    place = _place(name, source)
    included = (ROOT / place).read_text()
    # Its title is that of the page; its own headings go one down.
    included = re.sub(r"\A# .*\n", "", included)
    return _outside_fences(included, lambda part: _lowered(_rebased(part, place, source)))


def _lowered(text: str) -> str:
    """Return a text whose headings go one level down."""
    return re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)


def _rebased(text: str, old: str, new: str) -> str:
    """Return a text whose links, written for the place of one file, do in that of another."""

    def moved(found: re.Match[str]) -> str:
        words, target = found.groups()
        if _is_elsewhere(target):
            return found.group()
        path, _, anchor = target.partition("#")
        place = posixpath.relpath(_place(path, old), posixpath.dirname(new))
        return f"[{words}]({_suffixed(place, anchor)})"

    return _LINK.sub(moved, text)


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    at = 0
    for fence in _FENCE.finditer(text):
        parts += [change(text[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join([*parts, change(text[at:])])


def _with_links(text: str, source: str) -> str:
    """Return a text whose links to files lead to pages."""

    def moved(found: re.Match[str]) -> str:
        words, target = found.groups()
        if _is_elsewhere(target):
            return found.group()
        path, _, anchor = target.partition("#")
        place = _place(path, source)
        if place in ADOPTED:
            page = _suffixed(ADOPTED[place], anchor)
        elif place.startswith("docs/") and (ROOT / place).is_file():
            page = _suffixed(place.removeprefix("docs/"), anchor)
        else:
            raise PageFault(f"{source}: {target} is no page of the site")
        return f"[{words}]({page})"

    return _LINK.sub(moved, text)


def _is_elsewhere(target: str) -> bool:
    """Whether a link leads to another host, or to a place on its own page."""
    return re.match(r"[a-z]+:|#", target) is not None


def _place(path: str, source: str) -> str:
    """Return the path in the repository that a link in one of its files means."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path))


def _suffixed(path: str, anchor: str) -> str:
    return f"{path}#{anchor}" if anchor else path


def _with_bars(row: re.Match[str]) -> str:
    """Return a row of a table whose code has its bars plain: Python-Markdown shows backslashes."""
    return _CODE.sub(lambda code: code.group().replace("\\|", "|"), row.group())


def _with_pictures(text: str) -> str:
    def drawn(found: re.Match[str]) -> str:
        told, path = found.groups()
        picture = (DOCS / path).read_text()
        # What it looks like by itself, in a page, is said by the page's style.
        picture = re.sub(r"<style>.*?</style>\s*", "", picture, flags=re.DOTALL)
        picture = re.sub(r"<\?xml.*?\?>\s*", "", picture)
        picture = re.sub(r"\n\s*\n", "\n", picture).strip()
        picture = picture.replace("<svg ", f'<svg role="img" aria-label="{html.escape(told)}" ', 1)
        return f'<figure class="picture">\n{picture}\n</figure>'

    return _PICTURE.sub(drawn, text)


def _with_fences(text: str) -> str:
    """Return a text whose blocks carry classes instead of marks."""
    product = _product(text)
    parts: list[str] = []
    at = 0
    command_end = -1
    is_pair = False
    for fence in _FENCE.finditer(text):
        language, mark, body = fence.groups()
        between = text[at : fence.start()]
        classes = [_LEXERS.get(language, language)]
        follows = command_end == at and not between.strip()
        if language in _ANSWERS and follows:
            classes.append("answer")
        if mark is not None:
            classes.append(mark)
        is_pair = between.rfind(_PAIR) > between.rfind("</div>") if "div" in between else is_pair
        title = ""
        if is_pair and "answer" not in classes:
            title = f' title="{product if mark == "theirs" else "bitbrook"}"'
        words = " ".join(f".{each}" for each in classes)
        parts += [between, f"```{{ {words}{title} }}\n{body}```"]
        at = fence.end()
        if language in _COMMANDS:
            command_end = at
    return "".join([*parts, text[at:]])


def _product(text: str) -> str:
    """Return whose commands a page shows beside ours, by its title."""
    found = re.match(r"# From (.+)\n", text)
    return found.group(1) if found else ""
