"""Users, invites, API keys and the audit log: what an administrator does, and what it does.

Each action is checked at the API: a revoked key is refused, a deactivated user cannot sign in, an
entry of the audit log names who did it.
"""

import json

import httpx
import pytest
from playwright.sync_api import expect

from api_client import unique_name
from console.driver import Console
from console.stage import Stage
from server_process import EMAIL, ServerProcess

PASSWORD = "a password of a colleague"


@pytest.fixture
def colleague(console_api: httpx.Client) -> str:
    """The address of a user who is not the administrator."""
    email = f"{unique_name('colleague')}@example.org"
    token = console_api.post("/v1/invites", json={"email": email}).json()["token"]
    console_api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    return email


def user_of(api: httpx.Client, email: str) -> dict[str, str]:
    users = api.get("/v1/users").json()["users"]
    return next(each for each in users if each["email"] == email)


def test_users_change_and_go(
    console: Console, console_api: httpx.Client, console_server: ServerProcess, colleague: str
) -> None:
    console.go("/users", "Users")
    row = console.page.locator("tr", has_text=colleague)
    expect(row).to_contain_text("active")
    row.get_by_label(f"role of {colleague}").select_option("admin")
    expect(console.page.get_by_text(f"{colleague} is now admin.")).to_be_visible()
    assert user_of(console_api, colleague)["role"] == "admin"

    console.button(f"deactivate {colleague}").click()
    expect(row).to_contain_text("deactivated")
    with console_server.client() as client:
        body = {"USERNAME": colleague, "PASSWORD": PASSWORD}
        assert client.post("/", json=body).status_code == 401
    console.shot("users")
    console.button(f"activate {colleague}").click()
    expect(console.page.get_by_text(f"{colleague} may sign in again.")).to_be_visible()
    assert console_server.token(colleague, PASSWORD)

    console.button(f"reset the password of {colleague}").click()
    console.button("Make a link").click()
    expect(console.dialog().last).to_contain_text("#password-reset=")
    console.page.keyboard.press("Escape")

    console.button(f"remove {colleague}").click()
    console.dialog().get_by_label("Type its name to confirm").fill(colleague)
    console.dialog().get_by_role("button", name="Remove user").click()
    expect(row).to_contain_text("left")
    assert user_of(console_api, colleague)["status"] == "left"


def test_an_administrator_cannot_shut_themselves_out(console: Console) -> None:
    console.expected = {409, 403}
    console.go("/users", "Users")
    row = console.page.locator("tr", has_text=EMAIL)
    expect(row.get_by_role("button")).to_have_count(0)
    row.get_by_label(f"role of {EMAIL}").select_option("user")
    expect(console.page.locator(".toast.bad")).to_be_visible()


def test_invites_are_made_and_revoked(console: Console, console_api: httpx.Client) -> None:
    email = f"{unique_name('guest')}@example.org"
    console.go("/users", "Users")
    console.button("Invite").click()
    console.dialog().get_by_label("E-mail address").fill("no address")
    console.button("Make an invite").click()
    expect(console.dialog().locator(".fault:visible")).to_be_visible()
    console.dialog().get_by_label("E-mail address").fill(email)
    console.button("Make an invite").click()
    expect(console.dialog()).to_contain_text("#invite=")
    console.shot("invite-made")
    console.button("copy the link").click()
    link = console.evaluate("navigator.clipboard.readText()")
    console.dialog().get_by_role("button", name="close").click()
    console.button(f"revoke the invite of {email}").click()
    console.dialog().get_by_role("button", name="Revoke").click()
    expect(console.page.get_by_text("The invite is revoked.")).to_be_visible()
    token = link.partition("=")[2]
    answer = console_api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    assert answer.status_code >= 400


def test_api_keys_are_shown_once_and_revoked(
    console: Console, console_server: ServerProcess, stage: Stage
) -> None:
    console.expected = {422}
    name = unique_name("gateway")
    console.go("/keys", "API keys")
    console.button("New API key").click()
    console.dialog().get_by_label("Name").fill(name)
    console.dialog().get_by_label("query").uncheck()
    console.button("Create API key").click()
    expect(console.dialog().get_by_role("alert")).to_contain_text("scope")
    console.dialog().get_by_label("query").check()
    console.dialog().get_by_label("Good for").select_option(f"deployment_id {stage.deployment_id}")
    console.button("Create API key").click()
    expect(console.dialog()).to_contain_text("it is shown only this once")
    console.button("copy the API key").click()
    key = console.evaluate("navigator.clipboard.readText()")
    console.shot("api-key")
    console.dialog().get_by_role("button", name="close").click()
    expect(console.page.locator("body")).not_to_contain_text(key)
    with console_server.client() as client:
        client.headers["X-API-Key"] = key
        mine = client.get("/v1/deployments").json()["deployments"]
        assert [each["id"] for each in mine] == [stage.deployment_id]
        row = console.page.locator("tr", has_text=name)
        expect(row).to_contain_text(f"deployment {stage.deployment_id}")
        console.button(f"revoke {name}").click()
        console.dialog().get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0)
        assert client.get("/v1/deployments").status_code == 401


def test_the_audit_log_is_read_filtered_and_exported(
    console: Console, console_api: httpx.Client
) -> None:
    name = unique_name("audited")
    made = console_api.post(
        "/v1/deployments", json={"name": name, "deployment_options": {"shape": "8GB"}}
    )
    refused = console_api.delete("/v1/deployments/0123456789abcdef")
    assert (made.status_code, refused.status_code) == (201, 404)
    console.go("/audit", "Audit log")
    entries = console.page.get_by_role("region", name="table of entries").locator("tbody tr")
    expect(entries.filter(has_text="create_deployment").first).to_contain_text(EMAIL)
    console.shot("audit")
    console.page.get_by_label("Outcome").select_option("refused")
    expect(entries.first).to_contain_text("refused")
    expect(entries.filter(has_text="done")).to_have_count(0)
    console.page.get_by_label("Outcome").select_option("")
    console.page.get_by_label("Action").fill("delete_deployment")
    console.page.get_by_label("Action").press("Tab")
    expect(entries.filter(has_text="create_deployment")).to_have_count(0)
    expect(entries.first).to_contain_text("delete_deployment")
    saved, body = console.download("Export as NDJSON")
    assert saved == "audit.ndjson"
    actions = {json.loads(line)["action"] for line in body.splitlines()}
    assert actions == {"delete_deployment"}
    console.page.get_by_label("Action").fill("no_such_action")
    console.page.get_by_label("Action").press("Tab")
    expect(console.page.get_by_text("Nothing found")).to_be_visible()
