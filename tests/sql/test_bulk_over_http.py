"""A server reads the files and URLs of its settings for BULK INSERT, and nothing else.

A real server with directories and prefixes is asked for what it may read and for all around it:
paths that climb, links that lead out, neighbours, addresses of its own network, redirections.
"""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from api_client import ask_sql, create_deployment
from server_process import ServerProcess


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves two records below /data, redirects there, and notes what was asked for."""

    asked: list[str] = []  # noqa: RUF012 - of the one server of this module

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/data/away":
            self.send_response(302)
            self.send_header("Location", "/data/records")
            self.end_headers()
        elif self.path in {"/data/records", "/secret"}:
            content = b"1,url\n2,url\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


class Place(NamedTuple):
    """A server that may read `directory` and `url`/data, and a deployment of it with a table."""

    api: httpx.Client
    deployment_id: str
    directory: Path
    url: str

    def bulk(self, name: str, origin: str) -> httpx.Response:
        """The answer to an import from a file or URL."""
        text = (
            f"bulk insert into t (_id, s) map (0 id, 1 string) from '{name}' "
            f"with format 'CSV' input '{origin}'"
        )
        body = {"language": "sql", "statement": text}
        return self.api.post(f"/v1/deployments/{self.deployment_id}/query", json=body)

    def refusal(self, name: str, origin: str) -> str:
        """What it is refused with; nothing was written."""
        answer = self.bulk(name, origin)
        assert answer.status_code == 400, answer.text
        assert ask_sql(self.api, self.deployment_id, "select count(*) from t") == [[0]]
        error: str = answer.json()["error"]
        return error


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    top = tmp_path_factory.mktemp("bulk")
    directory = top / "allowed"
    (directory / "below").mkdir(parents=True)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{web.server_address[1]}"
    flags = ("--bulk-directories", str(directory), "--bulk-url-prefixes", f"{url}/data/")
    with ServerProcess(top / "data", *flags) as server:
        with server.client(server.token()) as api:
            deployment_id = create_deployment(api)
            ask_sql(api, deployment_id, "create table t (_id id, s string)")
            yield Place(api, deployment_id, directory, url)
        assert server.stop() == 0, server.errors()
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture(autouse=True)
def emptied(place: Place) -> Iterator[None]:
    yield
    ask_sql(place.api, place.deployment_id, "delete from t")


def test_what_is_allowed(place: Place) -> None:
    """By relative and by whole path, through links inside, and below the prefix."""
    (place.directory / "below" / "f.csv").write_text("1,file\n2,file\n")
    (place.directory / "inside").unlink(missing_ok=True)
    (place.directory / "inside").symlink_to("below/f.csv")
    whole = str(place.directory / "below" / "f.csv")
    for name, origin in (
        ("below/f.csv", "FILE"),
        (whole, "FILE"),
        ("inside", "FILE"),
        (f"{place.url}/data/records", "URL"),
    ):
        answer = place.bulk(name, origin)
        assert answer.status_code == 200, answer.text
        kind = origin.lower()
        assert ask_sql(place.api, place.deployment_id, "select * from t") == [[1, kind], [2, kind]]
        ask_sql(place.api, place.deployment_id, "delete from t")


def test_files_around_it(place: Place) -> None:
    """Whether they exist is not even told."""
    top = place.directory.parent
    (top / "secret").write_text("1,secret\n")
    (top / "allowed-2").mkdir(exist_ok=True)
    (top / "allowed-2" / "f").write_text("1,secret\n")
    for link, target in (("out", top / "secret"), ("up", top), ("climb", Path("../secret"))):
        (place.directory / link).unlink(missing_ok=True)
        (place.directory / link).symlink_to(target)
    for name in (
        "../secret",
        "below/../../secret",
        str(top / "secret"),
        str(place.directory / ".." / "secret"),
        str(top / "allowed-2" / "f"),
        str(top / "data" / "catalogue.db"),
        "out",
        "climb",
        "up/secret",
        "/etc/passwd",
        "/proc/self/environ",
        "../nope",
    ):
        refusal = place.refusal(name, "FILE")
        assert "is not below a directory of the setting bulk_directories" in refusal, name


def test_urls_around_it(place: Place) -> None:
    """Private addresses, other ports and hosts, paths that climb: none is even connected to."""
    port = place.url.rpartition(":")[2]
    before = list(_Handler.asked)
    for url in (
        f"{place.url}/secret",
        f"{place.url}/data/../secret",
        f"{place.url}/data/%2e%2e/secret",
        f"{place.url}/data/%2E%2E%2Fsecret",
        f"{place.url}/data",
        f"http://localhost:{port}/data/records",
        f"http://[::1]:{port}/data/records",
        f"http://0.0.0.0:{port}/data/records",
        f"http://2130706433:{port}/data/records",
        f"http://user@127.0.0.1:{port}/data/records",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/data/records",
        "http://192.168.0.1/data/records",
        "file:///etc/passwd",
        "ftp://127.0.0.1/data/records",
    ):
        refusal = place.refusal(url, "URL")
        assert "begins like none of the setting bulk_url_prefixes" in refusal, url
    assert _Handler.asked == before


def test_redirections_are_not_followed(place: Place) -> None:
    """Not even to where they might lead by themselves."""
    before = list(_Handler.asked)
    assert "answers 302 Found" in place.refusal(f"{place.url}/data/away", "URL")
    assert _Handler.asked == [*before, "/data/away"]
    assert "answers 404 Not Found" in place.refusal(f"{place.url}/data/nope", "URL")


def test_a_server_without_settings_reads_nothing(server: ServerProcess, place: Place) -> None:
    """A 501 that says what to set."""
    (place.directory / "f.csv").write_text("1,a\n")
    with server.client(server.token()) as api:
        other = Place(api, create_deployment(api), place.directory, place.url)
        ask_sql(api, other.deployment_id, "create table t (_id id, s string)")
        for name, origin, setting in (
            (str(place.directory / "f.csv"), "FILE", "bulk_directories"),
            (f"{place.url}/data/records", "URL", "bulk_url_prefixes"),
        ):
            answer = other.bulk(name, origin)
            assert answer.status_code in {400, 501}, answer.text
            assert setting in answer.text
