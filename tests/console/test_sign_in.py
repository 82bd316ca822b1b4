"""Ways in and out: passwords, invites, resets, a reload, a session that ends elsewhere.

Looks at where the tokens are (in memory and sessionStorage, never where they outlive the tab) and
what a wrong password, a used invite and a deactivated user are told.
"""

import httpx
import pytest
from playwright.sync_api import Browser, expect

from api_client import unique_name
from console.driver import Console
from server_process import EMAIL, ServerProcess

PASSWORD = "a password of a new user"


@pytest.fixture
def email() -> str:
    return f"{unique_name('person')}@example.org"


def invite(api: httpx.Client, email: str, role: str = "user") -> str:
    answer = api.post("/v1/invites", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    link: str = answer.json()["link"]
    return link


def test_a_wrong_password_is_told_and_mended(visitor: Console) -> None:
    visitor.expected = {401}
    visitor.button("Sign in").click()
    expect(visitor.page.locator(".fault").first).to_be_visible()
    visitor.page.get_by_label("E-mail address").fill(EMAIL)
    visitor.page.get_by_label("Password").fill("not this one")
    visitor.button("Sign in").click()
    expect(visitor.page.get_by_role("alert")).to_have_text("Incorrect username or password.")
    visitor.shot("wrong-password")
    visitor.sign_in()


def test_a_reload_stays_and_leaving_leaves_nothing(console: Console) -> None:
    console.page.reload()
    expect(console.heading("Overview")).to_be_visible()
    assert console.evaluate("Object.keys(localStorage)") == []
    assert console.evaluate("document.cookie") == ""
    kept = console.evaluate("Object.values(sessionStorage).join()")
    assert "eyJ" not in kept, "no signed token is stored, only what renews one"
    console.button("Sign out").click()
    expect(console.heading("Sign in")).to_be_visible()
    assert console.evaluate("Object.keys(sessionStorage)") == []
    console.page.reload()
    expect(console.heading("Sign in")).to_be_visible()


def test_an_invite_becomes_a_user(
    chromium: Browser, console_server: ServerProcess, console_api: httpx.Client, email: str
) -> None:
    link = invite(console_api, email)
    guest = Console.open(chromium, link)
    expect(guest.heading("You are invited")).to_be_visible()
    assert "invite" not in guest.page.url, "the secret is out of sight"
    guest.shot("invite")
    guest.page.get_by_label("New password").fill(PASSWORD)
    guest.button("Join").click()
    expect(guest.heading("Overview")).to_be_visible()
    expect(guest.page.locator(".who")).to_have_text(email)
    expect(guest.page.get_by_role("navigation", name="main")).not_to_contain_text("Users")
    guest.evaluate("location.hash = '/users'")
    expect(guest.page.get_by_text("There is no such page.")).to_be_visible()
    guest.check_quiet()
    guest.close()
    again = Console.open(chromium, link)
    again.expected = {400, 401, 404, 409, 422}
    again.page.get_by_label("New password").fill(PASSWORD)
    again.button("Join").click()
    expect(again.page.get_by_role("alert")).to_be_visible()
    again.close()


def test_a_password_is_reset(
    chromium: Browser, console_server: ServerProcess, console_api: httpx.Client, email: str
) -> None:
    token = invite(console_api, email).partition("=")[2]
    user = console_api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    reset = console_api.post(f"/v1/users/{user.json()['id']}/password-reset")
    person = Console.open(chromium, reset.json()["link"])
    expect(person.heading("Set a new password")).to_be_visible()
    person.page.get_by_label("New password").fill("quite another password")
    person.button("Set password").click()
    expect(person.heading("Sign in")).to_be_visible()
    person.sign_in(email, "quite another password")
    person.check_quiet()
    person.close()


def test_who_is_shut_out_is_back_at_the_door(
    chromium: Browser, console_server: ServerProcess, console_api: httpx.Client, email: str
) -> None:
    token = invite(console_api, email).partition("=")[2]
    user = console_api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    person = Console.open(chromium, console_server.url)
    person.expected = {401}
    person.sign_in(email, PASSWORD)
    answer = console_api.post(f"/v1/users/{user.json()['id']}/deactivate")
    assert answer.status_code == 200, answer.text
    expect(person.heading("Sign in")).to_be_visible()
    assert person.evaluate("Object.keys(sessionStorage)") == []
    person.check_quiet()
    person.close()


def test_a_password_of_ones_own_is_changed(
    chromium: Browser, console_server: ServerProcess, console_api: httpx.Client, email: str
) -> None:
    token = invite(console_api, email).partition("=")[2]
    console_api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    person = Console.open(chromium, console_server.url)
    person.expected = {401, 403, 422}
    person.sign_in(email, PASSWORD)
    person.go("/account", "Account")
    person.page.get_by_label("Present password").fill("wrong")
    person.page.get_by_label("New password").fill("a much better password")
    person.button("Change password").click()
    expect(person.page.locator(".fault:visible, [role=alert]").first).to_be_visible()
    person.page.get_by_label("Present password").fill(PASSWORD)
    person.page.get_by_label("New password").fill("a much better password")
    person.button("Change password").click()
    expect(person.page.get_by_text("Your password is changed.")).to_be_visible()
    assert console_server.token(email, "a much better password")
    person.close()
