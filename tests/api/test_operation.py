"""Operators and readers find what they need: probes, metrics, the API's description and its pages.

Compares the description with the routes that answer, and looks for anything a page would fetch from
another host.
"""

import re

import httpx


def test_probes(anonymous: httpx.Client) -> None:
    assert anonymous.get("/healthz").json() == {"status": "alive"}
    assert anonymous.get("/readyz/").json() == {"status": "ready"}


def test_metrics_count_requests_by_route(api: httpx.Client, source_id: str) -> None:
    for _ in range(3):
        api.get(f"/v1/sinks/{source_id}")
        api.post(f"/v1/sinks/{source_id}", json={"records": []})
    api.get("/v1/no/such/path")
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        r'bitbrook_requests_total{route="/v1/sinks/{source_id}",status="200"} ',
        r'bitbrook_requests_total{route="/sinks/{source_id}",status="200"} ',
        r'bitbrook_requests_total{route="unmatched",status="404"} ',
    ):
        assert line in answer.text
    # Labels take few values: no id may be among them.
    assert source_id not in answer.text


def test_description_lists_every_route(anonymous: httpx.Client) -> None:
    description = anonymous.get("/openapi.json").json()
    assert description["openapi"].startswith("3.0.")
    paths = description["paths"]
    for path, methods in {
        "/": {"post"},
        "/v1/deployments": {"get", "post"},
        "/v2/databases": {"get", "post"},
        "/v1/deployments/{deployment_id}": {"get", "delete"},
        "/v1/service-properties/deployment:shapes": {"get"},
        "/v1/tables/{deployment_id}/{table}/fields/{field}": {"post", "delete"},
        "/v1/sinks/{source_id}": {"get", "post", "delete"},
        "/v1/sinks/{source_id}/errors": {"get"},
        "/v1/sinks/{source_id}/metrics": {"get"},
        "/v1/deployments/{deployment_id}/query": {"post"},
        "/v2/databases/{database_id}/query": {"post"},
        "/databases/{database_id}/query/sql": {"post"},
        "/sql": {"post"},
        "/healthz": {"get"},
    }.items():
        assert methods <= paths[path].keys(), path
    operations = [
        operation
        for item in paths.values()
        for method, operation in item.items()
        if method in {"get", "post", "patch", "delete"}
    ]
    assert all(operation["summary"] for operation in operations)
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_description_holds_together(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/openapi.json")
    components = answer.json()["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert references <= components.keys()
    # OpenAPI 3.0 knows no lists of types.
    assert '"type":[' not in answer.text


def test_described_routes_answer(anonymous: httpx.Client) -> None:
    for path, item in anonymous.get("/openapi.json").json()["paths"].items():
        for method in item.keys() & {"get", "post", "patch", "delete"}:
            answer = anonymous.request(method.upper(), re.sub(r"\{\w+\}", "x", path))
            is_open = item[method].get("security") == []
            assert (answer.status_code != 401) == is_open, (method, path)
            # Without an identity provider there is no signing in at one, nor a webhook without a
            # source to anybody who has no credentials to be told of.
            is_absent = path.endswith(("accept", "/webhook")) or "/oidc/" in path
            assert answer.status_code not in {404, 405, 500} or is_absent, path


def test_pages_ask_no_other_host(anonymous: httpx.Client) -> None:
    for page in ("/", "/docs"):
        answer = anonymous.get(page)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        links = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
        assert links
        for link in links:
            assert link.startswith("/"), link
            assert anonymous.get(link).status_code == 200, link
    assert 'url: "/openapi.json"' in anonymous.get("/docs").text
