"""Every command on every page is run and prints what stands below it; what is not run is listed.

Each page's `sh` blocks run in one shell after another, against one real server; the languages that
have their own tests are named with them. A block that nobody runs must say why by its mark, and be
counted here, so that it is a decision and no oversight.
"""

import re
import shlex
from pathlib import Path

import httpx
import pytest
from docs.site.pages import MARKS
from tests.docs.pages import (
    ADDRESS,
    EMAIL,
    FLAGS,
    PAGES,
    PASSWORD,
    ROOT,
    blocks,
    run_page,
    steps,
)

from api_client import create_deployment
from server_process import ServerProcess

WITH_SHELLS_OF_THEIR_OWN = {"operations.md", "scale.md"}
"""Pages whose commands want a data directory that nobody else uses."""

RUN_ELSEWHERE = {
    ("python", "sdk.md"): "tests/client/test_docs.py",
    ("pycon", "sdk.md"): "tests/client/test_docs.py",
    ("sql", "sql.md"): "tests/sql/test_docs.py",
    ("pql", "pql.md"): "tests/pql/test_docs.py",
    ("sh", "operations.md"): "tests/docs/test_operations_page.py",
    ("sh", "scale.md"): "tests/docs/test_scale_page.py",
}
"""Who runs the blocks of a language on a page, where it is not this module."""

SHOWN = {"json", "text", "error", "toml", "yaml", "http"}
"""Languages of what is no command: answers, and files."""

NOT_RUN = {
    "CONTRIBUTING.md elsewhere": 1,  # cloning and everything that make does
    "README.md elsewhere": 1,  # make quickstart, make test
    "benchmarks.md elsewhere": 1,  # minutes and hours
    "benchmarks/README.md elsewhere": 1,  # likewise
    "loading.md elsewhere": 1,  # a Kafka broker; tests/kafka has one
    "postgres.md elsewhere": 1,  # a certificate, and a port that is always the same
    "quickstart.md elsewhere": 1,  # pip, from an index of packages
    "scale.md elsewhere": 3,  # Docker, Kubernetes, machines; tests/scale has two nodes
    "from-clickhouse.md theirs": 11,
    "from-featurebase.md theirs": 7,
    "from-rockset.md theirs": 10,
    "from-tinybird.md theirs": 11,
}
"""Commands and files of other products, and what needs what a test has not: how many on a page."""

SHELL_PAGES = [page for page in PAGES if steps(page) and page.name not in WITH_SHELLS_OF_THEIR_OWN]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix().removeprefix("docs/")


@pytest.mark.parametrize("page", SHELL_PAGES, ids=name_of)
def test_commands_print_what_is_shown(
    page: Path, docs_server: ServerProcess, docs_api: httpx.Client, directory: Path, pg_port: int
) -> None:
    run_page(page, docs_server, directory, create_deployment(docs_api), PG_PORT=str(pg_port))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    for block in blocks(page):
        assert not block.mark or block.mark in MARKS, block
        if block.mark or block.language in SHOWN:
            continue
        runner = RUN_ELSEWHERE.get((block.language, page.name))
        assert runner is not None or (block.language == "sh" and page in SHELL_PAGES), block
        assert runner is None or (ROOT / runner).is_file()
    # A command in a block without a fence would be seen by nobody.
    unfenced = re.findall(
        r"(?<=\n\n) {4}(?:\$|curl|bitbrook|python|docker|sudo)\b.*", page.read_text()
    )
    assert not unfenced


def test_what_is_not_run_is_listed() -> None:
    counts: dict[str, int] = {}
    for page in PAGES:
        for block in blocks(page):
            if block.mark in {"theirs", "elsewhere"}:
                key = f"{name_of(page)} {block.mark}"
                counts[key] = counts.get(key, 0) + 1
    assert counts == NOT_RUN


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "quickstart.md"], ids=name_of)
def test_the_server_starts_as_is_shown(
    page: Path, docs_server: ServerProcess, said: list[str]
) -> None:
    """The server of all these tests was started with these very words."""
    (block,) = [block for block in blocks(page) if block.mark == "serve"]
    command, *shown = block.text.splitlines()
    words = shlex.split(command.removeprefix("$ "))
    assert words[0].endswith("bitbrook")
    assert words[1:] == ["serve", *FLAGS]
    for expected, line in zip(shown, said, strict=True):
        pattern = re.escape(expected).replace(re.escape("..."), ".*")
        assert re.fullmatch(pattern, line.replace(docs_server.url, ADDRESS)), (expected, line)
    assert docs_server.token(EMAIL, PASSWORD)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    """As they stand, before any site is made of them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target
