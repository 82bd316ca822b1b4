"""What can be repeated is, without harm; what cannot be is told.

A witness between the client and a real server loses requests and answers; a server of its own has
small allowances; another is not there at all. Tries above all to have something applied twice, or a
used refresh token sent again, which would end the session.
"""

import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import pytest

from api_client import unique_name
from bitbrook.client import (
    Client,
    ConnectionFailed,
    Deployment,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    Retries,
    ServerFault,
    Source,
    SourceSchema,
    UnexpectedAnswer,
)
from bitbrook.client._exchange import refusal_of
from client.faulty_transport import FaultyTransport
from server_process import EMAIL, PASSWORD, ServerProcess

QUICK = Retries(for_s=0.5, first_wait_s=0.01, wait_s_max=0.05)


@pytest.fixture
def faults() -> FaultyTransport:
    return FaultyTransport()


@pytest.fixture
def shaky(server: ServerProcess, faults: FaultyTransport) -> Iterator[Client]:
    """A client with the witness in between."""
    retries = Retries(first_wait_s=0.01)
    with Client(
        server.url, email=EMAIL, password=PASSWORD, retries=retries, transport=faults
    ) as client:
        yield client


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with small allowances."""
    flags = ("--deployments-max", "1", "--source-records-per-s", "1000")
    with ServerProcess(tmp_path_factory.mktemp("strict") / "data", *flags) as running:
        yield running


def is_of_records(request: httpx.Request) -> bool:
    return request.method == "POST" and "/sinks/" in request.url.path


def test_records_whose_answer_was_lost_are_not_applied_again(
    shaky: Client, faults: FaultyTransport, deployment: Deployment, source: Source
) -> None:
    # Between the lost answer and the repetition somebody else overwrites the record.
    faults.rule, faults.lose_answer = is_of_records, 1
    faults.after_loss = lambda: source.send([{"id": 1, "n": 2}])
    outcomes = shaky.sources.send(source, [{"id": 1, "n": 1}, {"id": "bad"}])
    assert (outcomes.success_count, outcomes.error_count) == (1, 1)
    first, second = faults.seen("POST", f"/v1/sinks/{source.id}")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content
    assert deployment.sql("select n from t where _id = 1").scalar() == 2


def test_records_that_never_arrived_come_again(
    shaky: Client, faults: FaultyTransport, deployment: Deployment, source: Source
) -> None:
    faults.rule, faults.lose_request = is_of_records, 3
    assert shaky.sources.send(source, [{"id": 1, "n": 1}]).success_count == 1
    assert len(faults.seen("POST", f"/v1/sinks/{source.id}")) == 4
    assert deployment.pql("[t]Count(All())") == [1]


def test_each_sending_has_a_key_of_its_own(
    shaky: Client, faults: FaultyTransport, source: Source
) -> None:
    for _ in range(2):
        shaky.sources.send(source, [{"id": 1}])
    shaky.sources.send(source, [{"id": 1}], idempotency_key="mine")
    keys = [r.headers["idempotency-key"] for r in faults.seen("POST", f"/v1/sinks/{source.id}")]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


def test_a_creation_whose_answer_was_lost_is_told(shaky: Client, faults: FaultyTransport) -> None:
    faults.rule, faults.lose_answer = (lambda r: r.url.path == "/v1/deployments"), 1
    name = unique_name("d")
    with pytest.raises(OutcomeUnknown, match="POST /v1/deployments"):
        shaky.deployments.create(name)
    assert len(faults.seen("POST", "/v1/deployments")) == 1
    assert shaky.deployments.find(name) is not None


def test_a_deletion_whose_answer_was_lost_is_done(
    shaky: Client, faults: FaultyTransport, deployment: Deployment
) -> None:
    path = f"/v1/deployments/{deployment.id}"
    faults.rule, faults.lose_answer = (lambda r: r.method == "DELETE"), 1
    faults.after_loss = deployment.wait_until_gone
    shaky.deployments.delete(deployment)
    assert len(faults.seen("DELETE", path)) == 2


@pytest.mark.parametrize(
    ("statement", "requests"), [("select count(*) from t", 2), ("insert into t values (1, 2)", 1)]
)
def test_only_statements_that_read_are_repeated(
    shaky: Client, faults: FaultyTransport, deployment: Deployment, statement: str, requests: int
) -> None:
    deployment.sql("create table t (_id id, n int)")
    faults.rule, faults.lose_answer = (lambda r: r.url.path.endswith("/query")), 1
    if requests == 1:
        with pytest.raises(OutcomeUnknown):
            shaky.deployments.sql(deployment, statement)
        assert deployment.sql("select n from t").rows() == [(2,)]
    else:
        assert shaky.deployments.sql(deployment, statement).scalar() == 0
    assert len([r for r in faults.requests if r.url.path.endswith("/query")]) == requests


def test_nobody_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        Client("http://127.0.0.1:9", token="x", retries=QUICK) as client,
        pytest.raises(ConnectionFailed, match="is it running"),
    ):
        client.deployments.create("d")


class Pages(SimpleHTTPRequestHandler):
    """A web server that knows nothing of bitbrook, and keeps silent."""

    def log_message(self, *arguments: object) -> None: ...


def test_somebody_else_there(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "deployments").write_text("<p>Welcome!</p>")
    (tmp_path / "v1" / "sinks").mkdir()
    pages = ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=tmp_path))
    thread = threading.Thread(target=pages.serve_forever)
    thread.start()
    try:
        with Client(f"http://127.0.0.1:{pages.server_port}", token="x") as client:
            with pytest.raises(UnexpectedAnswer, match="Welcome"):
                client.deployments.list()
            with pytest.raises(UnexpectedAnswer, match=r"answered 301 .*/v1/sinks/"):
                client.sources.list()
            with pytest.raises(NotFound, match="404"):
                client.sources.get("x")
            with pytest.raises(ServerFault, match="501"):
                client.deployments.create("x")
    finally:
        pages.shutdown()
        thread.join()
        pages.server_close()


def is_of_tokens(request: httpx.Request) -> bool:
    return request.url.path == "/"


def expire(client: Client) -> None:
    """Let the client's clock be at the end of its tokens."""
    client._link.session._renew_at_s = 0.0


def test_tokens_are_renewed_before_they_expire(shaky: Client, faults: FaultyTransport) -> None:
    for _ in range(3):
        shaky.deployments.list()
        session = shaky._link.session
        # An hour, less a minute.
        assert time.monotonic() + 3_000 < session._renew_at_s < time.monotonic() + 3_541
        expire(shaky)
    flows = [msgspec.json.decode(r.content).get("AuthFlow") for r in faults.seen("POST", "/")]
    assert flows == [None, "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN_AUTH"]
    assert set(faults.statuses) == {200}
    tokens = [r.headers["authorization"] for r in faults.seen("GET", "/v1/deployments")]
    assert len(set(tokens)) == len(tokens) == 3


def test_threads_renew_once(shaky: Client, faults: FaultyTransport) -> None:
    rounds, threads_count = 5, 8
    barrier = threading.Barrier(threads_count, action=lambda: expire(shaky))

    def ask() -> None:
        for _ in range(rounds):
            barrier.wait()
            shaky.deployments.list()

    threads = [threading.Thread(target=ask) for _ in range(threads_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A refresh token that came twice would have ended the session: 401, and a sign-in.
    assert set(faults.statuses) == {200}
    bodies = [r.content for r in faults.seen("POST", "/")]
    assert [b"REFRESH" in body for body in bodies] == [False, *[True] * (rounds - 1)]


def test_a_session_that_ended_is_begun_again(shaky: Client, faults: FaultyTransport) -> None:
    listed = shaky.deployments.list()
    # Somebody ends the session behind the client's back.
    url, token = str(faults.requests[0].url), shaky._link.session._refresh_token
    assert httpx.post(f"{url}v1/sign-out", json={"refresh_token": token}).status_code == 204
    assert shaky.deployments.list() == listed
    assert faults.statuses.count(401) == 2
    assert b"PASSWORD" in faults.seen("POST", "/")[-1].content


def test_a_refresh_whose_answer_was_lost_costs_a_sign_in(
    shaky: Client, faults: FaultyTransport
) -> None:
    shaky.deployments.list()
    expire(shaky)
    faults.rule, faults.lose_answer = is_of_tokens, 1
    shaky.deployments.list()
    bodies = [r.content for r in faults.seen("POST", "/")]
    assert [b"REFRESH" in body for body in bodies] == [False, True, False]
    assert set(faults.statuses) == {200}


def test_what_cannot_be_renewed_is_refused_once(server: ServerProcess) -> None:
    for given in ({"token": "not a token"}, {"api_key": "nope"}):
        faults = FaultyTransport()
        with Client(server.url, transport=faults, **given) as client:
            with pytest.raises(NotAuthenticated) as refused:
                client.deployments.list()
            assert refused.value.status == 401
            assert len(faults.requests) == 1


def test_a_wrong_password_is_told_as_it_is(server: ServerProcess) -> None:
    faults = FaultyTransport()
    with Client(server.url, email=EMAIL, password="wrong", transport=faults) as client:
        with pytest.raises(NotAuthenticated, match="Incorrect username or password"):
            client.deployments.list()
        assert len(faults.requests) == 1


def test_tokens_and_keys_call_without_signing_in(
    server: ServerProcess, client: Client, source: Source
) -> None:
    with Client(server.url, token=server.token()) as with_token:
        assert source in with_token.sources.list()
    with server.client(server.token()) as api:
        body = {"name": unique_name("k"), "scopes": ["ingest"], "source_id": source.id}
        answer = api.post("/v1/api-keys", json=body)
        assert answer.status_code == 201, answer.text
    key = next(
        answer.json()[name] for name in ("key", "api_key", "secret") if name in answer.json()
    )
    with Client(server.url, api_key=key) as with_key:
        assert with_key.sources.send(source.id, [{"id": 1}]).success_count == 1
        with pytest.raises(NotAllowed):
            with_key.sources.list()


def test_allowances(strict: ServerProcess, schema: SourceSchema) -> None:
    faults = FaultyTransport()
    with Client(strict.url, email=EMAIL, password=PASSWORD, transport=faults) as client:
        deployment = client.deployments.create("only").wait_until_running()
        # Time gives no other deployment: told at once.
        with pytest.raises(QuotaExceeded) as refused:
            client.deployments.create("another")
        assert refused.value.retry_after_s is None
        assert faults.statuses.count(429) == 1
        deployment.tables.create("t")
        source = client.sources.create("s", deployment, "t", schema).wait_until_running()
        # Time gives another thousand records: waited for.
        for start in range(0, 3000, 1000):
            source.send([{"id": at} for at in range(start, start + 1000)])
        assert faults.statuses.count(429) > 1
        assert deployment.pql("[t]Count(All())") == [3000]
        with Client(strict.url, email=EMAIL, password=PASSWORD, retries=Retries(for_s=0)) as hasty:
            with pytest.raises(QuotaExceeded) as refused:  # noqa: PT012 - at some time
                for _ in range(10):
                    hasty.sources.send(source, [{"id": at} for at in range(1000)])
            assert refused.value.retry_after_s >= 1


@pytest.mark.parametrize("attempt", [0, 1, 5, 10_000])
def test_waits_grow_and_never_undercut_the_server(attempt: int) -> None:
    retries = Retries(for_s=1e9, first_wait_s=0.1, wait_s_max=3.0)
    longest = min(3.0, 0.1 * 2 ** min(attempt, 30))
    waits = {retries.next_wait_s(attempt, 0.0, None) for _ in range(200)}
    assert all(longest / 2 <= wait <= longest for wait in waits if wait is not None)
    assert len(waits) > 100
    asked = {retries.next_wait_s(attempt, 0.0, 7.0) for _ in range(200)}
    assert all(7.0 <= wait <= 7.1 for wait in asked if wait is not None)
    assert len(asked) > 100
    assert Retries(for_s=5.0).next_wait_s(attempt, 4.99, 1.0) is None


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        (
            {
                "date": "Tue, 24 Nov 2026 17:00:00 GMT",
                "retry-after": "Tue, 24 Nov 2026 17:01:30 GMT",
            },
            90.0,
        ),
        ({"retry-after": "Tue, 24 Nov 2026 17:01:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_when_to_come_again(headers: dict[str, str], wait_s: float | None) -> None:
    assert refusal_of(httpx.Response(503, headers=headers, text="busy")).retry_after_s == wait_s
