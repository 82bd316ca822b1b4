"""Endpoints in the browser: published from the editor, called with values, tagged, deleted.

What the page does is checked at the API: the version is there, the call was answered, the endpoint
is gone.
"""

import httpx
from playwright.sync_api import expect

from api_client import unique_name
from console.driver import Console
from console.stage import Stage


def test_an_endpoint_from_the_editor_to_its_end(
    console: Console, console_api: httpx.Client, stage: Stage
) -> None:
    name = unique_name("species")
    console.go(f"/query?d={stage.deployment_id}", "Query")
    statement = (
        f"select species, count(*) as n from {stage.table} where species = $species "
        "and '$no' <> 'x' group by species limit $most"
    )
    console.statement.fill(statement)
    console.button("Publish").click()
    dialog = console.dialog()
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Description").fill("How many there are of a species.")
    expect(dialog.get_by_role("group")).to_have_count(2)
    most = dialog.get_by_role("group", name="$most")
    most.get_by_label("Type").select_option("int")
    most.get_by_label("Default").fill("10")
    dialog.get_by_role("button", name="Publish").click()

    expect(console.heading(name)).to_be_visible()
    shown = console_api.get(f"/v1/endpoints/{name}/definition").json()
    assert shown["tags"] == {"live": 1}
    assert [each["name"] for each in shown["versions"][0]["parameters"]] == ["species", "most"]
    species = console.page.get_by_label("species", exact=True)
    species.fill("setosa")
    curl = console.page.get_by_role("region", name="the curl command")
    expect(curl).to_contain_text(f"/v1/endpoints/{name}?species=setosa&most=10")
    console.button("Call").click()
    answer = console.page.get_by_role("region", name="answer").last
    expect(answer).to_contain_text("50")
    console.button("Call").click()
    expect(console.page.get_by_text("nothing had changed")).to_be_visible()
    console.shot("endpoint")

    console.button("tag version 1").click()
    console.dialog().get_by_label("Tag", exact=True).fill("staging")
    console.dialog().get_by_role("button", name="Tag version").click()
    expect(console.page.get_by_text("“staging” means version 1.")).to_be_visible()
    assert console_api.get(f"/v1/endpoints/{name}?tag=staging&species=x").status_code == 200

    console.go("/endpoints", "Endpoints")
    expect(console.row(name)).to_contain_text("staging 1")
    console.link(name).click()
    console.button("Delete").click()
    console.dialog().get_by_label("Type its name to confirm").fill(name)
    console.dialog().get_by_role("button", name="Delete endpoint").click()
    expect(console.heading("Endpoints")).to_be_visible()
    assert console_api.get(f"/v1/endpoints/{name}/definition").status_code == 404


def test_what_the_server_refuses_is_said(
    console: Console, console_api: httpx.Client, stage: Stage
) -> None:
    console.expected = {422}
    name = unique_name("picky")
    body = {
        "name": name,
        "deployment_id": stage.deployment_id,
        "statement": "select $n as n",
        "parameters": [{"name": "n", "type": "int", "min": 5, "description": "five or more"}],
    }
    console_api.post("/v1/endpoints", json=body).raise_for_status()
    console.go(f"/e/{name}", name)
    expect(console.page.get_by_text("five or more · a whole number, from 5")).to_be_visible()
    console.page.get_by_label("n", exact=True).fill("4")
    console.button("Call").click()
    expect(console.page.get_by_text("give 5 or more")).to_be_visible()
