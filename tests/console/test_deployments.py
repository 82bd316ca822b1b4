"""Deployments and tables: created, watched while they change, described, exported, deleted.

What the pages say is what the API says, also when somebody else changes it meanwhile; what is
refused (a name that is taken, a deployment with tables) is told where one looks.
"""

import json
import re

import httpx
from playwright.sync_api import expect

from api_client import ask_sql, create_deployment, stream, unique_name
from console.driver import Console
from console.stage import Stage


def test_the_overview_follows_what_comes_in(
    console: Console, stage: Stage, console_api: httpx.Client
) -> None:
    row = console.row(stage.deployment)
    expect(row).to_contain_text("running")
    expect(row).to_contain_text("8 GB")
    before = int(row.locator("td").nth(4).inner_text().replace(",", ""))
    values = [{"id": n, "sepallength": 5, "sepalwidth": 3, "petallength": 1, "petalwidth": 1,
               "species": "new"} for n in range(1_000, 1_500)]  # fmt: skip
    stream(console_api, stage.source_id, values)
    expect(row.locator("td").nth(4)).to_have_text(str(before + 500))
    expect(row.locator("td").nth(5)).not_to_have_text("0")
    chart = console.page.get_by_role("img", name=re.compile("records a second"))
    expect(chart.locator("path.line").first).to_have_attribute("d", re.compile("^M"))
    console.shot("overview")
    ask_sql(console_api, stage.deployment_id, "delete from iris_table where _id >= 1000")


def test_a_deployment_from_its_shape_to_its_end(
    console: Console, console_api: httpx.Client
) -> None:
    console.expected = {409, 404}
    name = unique_name("made_by_hand")
    console.button("New deployment").click()
    dialog = console.dialog()
    dialog.get_by_label("Name").fill("Not A Name")
    dialog.get_by_role("button", name="Create deployment").click()
    expect(dialog.locator(".fault:visible")).to_be_visible()
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Shape").select_option("64GB")
    console.shot("new-deployment")
    dialog.get_by_role("button", name="Create deployment").click()
    expect(console.heading(name)).to_be_visible()
    expect(console.heading(name)).to_contain_text("running")
    made = {each["name"]: each for each in console_api.get("/v1/deployments").json()["deployments"]}
    assert made[name]["deployment_options"] == {"shape": "64GB"}

    console.button("New table").first.click()
    console.dialog().get_by_label("Name").fill("things")
    console.dialog().get_by_label("Record ids").select_option("true")
    console.dialog().get_by_role("button", name="Create table").click()
    expect(console.heading("things")).to_be_visible()
    expect(console.page.get_by_text("string keys")).to_be_visible()

    console.link(name).click()
    expect(console.heading(name)).to_be_visible()
    console.button("Delete").click()
    console.dialog().get_by_label("Type its name to confirm").fill(name)
    console.dialog().get_by_role("button", name="Delete deployment").click()
    expect(console.dialog().get_by_role("alert")).to_contain_text("things")
    console.shot("delete-refused")
    console.dialog().get_by_role("button", name="Cancel").click()

    console.link("things").click()
    expect(console.heading("things")).to_be_visible()
    console.button("Delete").click()
    console.dialog().get_by_label("Type its name to confirm").fill("thing")
    expect(console.dialog().get_by_role("button", name="Delete table")).to_be_disabled()
    console.dialog().get_by_label("Type its name to confirm").fill("things")
    console.dialog().get_by_role("button", name="Delete table").click()
    expect(console.page.get_by_text("No table yet")).to_be_visible()
    expect(console.heading(name)).to_be_visible()
    console.button("Delete").click()
    console.dialog().get_by_label("Type its name to confirm").fill(name)
    console.dialog().get_by_role("button", name="Delete deployment").click()
    expect(console.heading("Overview")).to_be_visible()
    expect(console.link(name)).to_have_count(0)
    assert console_api.get(f"/v1/deployments/{made[name]['id']}").status_code == 404


def test_a_name_that_is_taken_is_told_beside_the_field(console: Console, stage: Stage) -> None:
    console.expected = {409}
    console.button("New deployment").click()
    console.dialog().get_by_label("Name").fill(stage.deployment)
    console.dialog().get_by_role("button", name="Create deployment").click()
    fault = console.dialog().locator(".fault:visible")
    expect(fault).to_contain_text("choose another name")


def test_a_page_follows_what_others_do(console: Console, console_api: httpx.Client) -> None:
    deployment_id = create_deployment(console_api)
    name = console_api.get(f"/v1/deployments/{deployment_id}").json()["name"]
    console.go(f"/d/{deployment_id}", name)
    expect(console.page.get_by_text("No table yet")).to_be_visible()
    console_api.post(f"/v1/tables/{deployment_id}", json={"name": "made_elsewhere"})
    expect(console.link("made_elsewhere")).to_be_visible()


def test_a_table_is_described(console: Console, stage: Stage, console_api: httpx.Client) -> None:
    console.go(f"/d/{stage.deployment_id}/t/{stage.table}", stage.table)
    shown = console_api.get(f"/v1/tables/{stage.deployment_id}/{stage.table}").json()
    expect(console.page.locator(".figures")).to_contain_text("150")
    expect(console.page.locator(".figures")).to_contain_text("integers")
    rows = console.page.get_by_role("region", name="table of fields").locator("tbody tr")
    expect(rows).to_have_count(len(shown["fields"]))
    species = rows.filter(has_text="species")
    rows_met = next(each["rows"] for each in shown["fields"] if each["name"] == "species")
    expect(species).to_contain_text("mutex, keyed")
    expect(species.locator("td").nth(3)).to_have_text(str(rows_met))
    expect(species.get_by_role("meter")).to_be_visible()
    expect(console.grid).to_be_visible()
    assert console.cells()[0] == ["1", "5.10", "3.50", "1.40", "0.20", "setosa"]
    console.shot("table", is_whole=True)


def test_a_table_is_exported(console: Console, stage: Stage) -> None:
    console.go(f"/d/{stage.deployment_id}/t/{stage.table}", stage.table)
    name, body = console.download("export as NDJSON")
    assert name == "iris_table.ndjson"
    lines = [json.loads(line) for line in body.splitlines()]
    assert len(lines) == 150
    name, body = console.download("export as CSV")
    assert name == "iris_table.csv"
    assert len(body.splitlines()) == 151


def test_a_table_leads_to_a_query(console: Console, stage: Stage) -> None:
    console.go(f"/d/{stage.deployment_id}/t/{stage.table}", stage.table)
    console.link("Query").click()
    expect(console.page.get_by_text("100 rows")).to_be_visible()
    expect(console.statement).to_have_value("select * from iris_table limit 100")
