"""Sources: described with the server's own checks, fed by hand, watched, paused and deleted.

Types a schema with faults and mends it as the page asks, makes one from a pasted record, sends good
and bad records, runs the curl command that the page offers, and compares all of it with the API.
"""

import json
import os
import re
import subprocess
import sys

import httpx
import pytest
from playwright.sync_api import expect

from api_client import ask_sql, create_deployment, unique_name, wait_for_status
from console.driver import Console
from console.stage import Stage

RECORD = {
    "sensor": {"id": "a-7", "floor": 3},
    "at": "2026-01-31T12:00:00Z",
    "temperature": 21.375,
    "alarms": ["door", "smoke"],
    "zones": [4, 5],
    "is_on": True,
}


@pytest.fixture
def bare(console_api: httpx.Client) -> str:
    """A deployment without tables."""
    return create_deployment(console_api)


def test_a_schema_from_a_pasted_record(
    console: Console, bare: str, console_api: httpx.Client
) -> None:
    name = unique_name("sensors")
    console.go(f"/new-source?d={bare}", "New source")
    console.page.get_by_label("Name of the new table").fill("readings")
    console.page.get_by_label("Name of the source").fill(name)
    console.button("Paste a JSON record, get a schema").click()
    pasted = console.page.get_by_role("textbox", name="a JSON record")
    pasted.fill("{not json")
    console.button("Get a schema").click()
    expect(console.dialog().get_by_role("alert")).to_be_visible()
    pasted.fill(json.dumps(RECORD))
    console.button("Get a schema").click()
    expect(console.page.get_by_text("This can be created.")).to_be_visible()
    console.shot("new-source", is_whole=True)
    console.button("Create source").click()
    expect(console.heading(name)).to_be_visible()
    made = next(s for s in console_api.get("/v1/sinks").json()["sinks"] if s["name"] == name)
    types = {each["name"]: each["type"] for each in made["schema"]["definition"]}
    assert types == {
        "sensor_id": "string",
        "sensor_floor": "int",
        "at": "timestamp",
        "temperature": "decimal",
        "alarms": "strings",
        "zones": "ids",
        "is_on": "bool",
    }
    assert made["schema"]["id_field"] == "sensor_id"
    paths = {each["name"]: each.get("path") for each in made["schema"]["definition"]}
    assert paths["sensor_floor"] == ["sensor", "floor"]
    wait_for_status(console_api, f"/v1/sinks/{made['id']}", "RUNNING")
    answer = console_api.post(f"/v1/sinks/{made['id']}", json={"records": [{"value": RECORD}]})
    assert answer.json()["error_count"] == 0, answer.text
    stored = ask_sql(console_api, bare, "select _id, temperature, alarms from readings")
    assert stored == [["a-7", 21.375, ["door", "smoke"]]]


def test_faults_are_told_while_typing_and_mended(console: Console, stage: Stage) -> None:
    console.go(f"/new-source?d={stage.deployment_id}&t={stage.table}", "New source")
    verdict = console.page.locator(".verdict")
    expect(verdict).to_contain_text("This can be created.")
    console.page.get_by_label("name of name").fill("Not A Name")
    expect(verdict).to_contain_text("field name 'Not A Name' cannot be")
    console.page.get_by_label("name of name").fill("species")
    console.page.get_by_label("type of name").select_option("int")
    expect(verdict).to_contain_text("species")
    expect(verdict).to_contain_text("fault")
    console.shot("schema-fault")
    console.page.get_by_label("type of species").select_option("string")
    console.page.get_by_label("one value only").last.check()
    expect(verdict).to_contain_text("This can be created.")

    console.tab("JSON").click()
    text = console.page.get_by_role("textbox", name="schema as JSON")
    written = text.input_value()
    assert json.loads(written)["definition"][1]["config"] == {"Mutex": True}
    text.fill(written[:-3])
    expect(verdict).to_contain_text("not a schema")
    console.page.get_by_label("Name of the source").fill("unused")
    console.button("Create source").click()
    expect(console.page.get_by_role("alert")).to_contain_text("mend it first")
    text.fill(written.replace('"id_field": "id"', '"id_field": "idd"'))
    expect(verdict).to_contain_text("did you mean 'id'?")
    text.fill(written)
    expect(verdict).to_contain_text("This can be created.")


def test_rows_are_added_and_removed(console: Console, stage: Stage) -> None:
    console.go(f"/new-source?d={stage.deployment_id}", "New source")
    console.button("Add field").click()
    console.page.get_by_label("name of field 3").fill("amount")
    console.page.get_by_label("type of field 3").select_option("decimal")
    console.page.get_by_label("Scale of amount").fill("19")
    expect(console.page.locator(".verdict")).to_contain_text("Scale")
    console.page.get_by_label("Scale of amount").fill("3")
    expect(console.page.locator(".verdict")).to_contain_text("amount (decimal(3))")
    console.button("remove amount").click()
    expect(console.page.locator(".verdict")).not_to_contain_text("amount")


def test_a_source_that_cannot_be_leaves_no_table(
    console: Console, bare: str, stage: Stage, console_api: httpx.Client
) -> None:
    console.expected = {409, 404}
    console.go(f"/new-source?d={bare}", "New source")
    console.page.get_by_label("Name of the new table").fill("short_lived")
    console.page.get_by_label("Name of the source").fill(stage.source)
    console.button("Create source").click()
    expect(console.page.locator(".fault:visible")).to_contain_text("choose another name")
    tables = console_api.get(f"/v1/tables/{bare}").json()["tables"]
    assert [each["name"] for each in tables if each["status"] != "DELETING"] == []


def test_records_by_hand_and_their_errors(
    console: Console, stage: Stage, console_api: httpx.Client
) -> None:
    console.go(f"/s/{stage.source_id}", stage.source)
    console.button("Send").click()
    expect(console.page.get_by_text("1 stored, 0 refused")).to_be_visible()
    box = console.page.get_by_role("textbox", name="records as JSON")
    good = json.loads(box.input_value())[0]["value"]
    box.fill(json.dumps([good, {**good, "sepallength": "long"}]))
    console.button("Send").click()
    expect(console.page.get_by_text("1 stored, 1 refused")).to_be_visible()
    expect(console.page.locator(".notice.bad")).to_contain_text("record 2: field 'sepallength'")
    errors = console.page.get_by_role("region", name="table of errors")
    expect(errors).to_contain_text("InvalidValue")
    expect(errors.locator("tbody tr").first).to_contain_text('"sepallength":"long"')
    expect(console.page.locator(".figure", has_text="Records/s")).not_to_contain_text("\u2013")
    console.shot("source", is_whole=True)
    box.fill("[{")
    console.button("Send").click()
    expect(console.page.get_by_role("alert")).to_contain_text("This is not JSON")
    told = console_api.get(f"/v1/sinks/{stage.source_id}/errors").json()["errors"]
    assert told[0]["code"] == "InvalidValue"
    ask_sql(console_api, stage.deployment_id, "delete from iris_table where species = 'a species'")


def test_the_commands_it_offers_run(
    console: Console, stage: Stage, console_api: httpx.Client
) -> None:
    """The curl command and the Python program, as copied, with a key bound to the source."""
    body = {"name": unique_name("k"), "scopes": ["ingest"], "source_id": stage.source_id}
    key = console_api.post("/v1/api-keys", json=body).json()["key"]
    environment = {**os.environ, "BITBROOK_API_KEY": key}
    count = "select count(*) from iris_table where species = 'a species'"
    console.go(f"/s/{stage.source_id}", stage.source)
    console.button("copy the curl command").click()
    curl = console.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run(
        ["bash", "-c", curl], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout)["success_count"] == 1, ran.stdout
    assert ask_sql(console_api, stage.deployment_id, count) == [[1]]
    ask_sql(console_api, stage.deployment_id, "delete from iris_table where species = 'a species'")

    console.tab("Python").click()
    console.button("copy the Python program").click()
    program = console.evaluate("navigator.clipboard.readText()")
    python = [sys.executable]
    subprocess.run([*python, "-c", program], env=environment, check=True, timeout=120)
    assert ask_sql(console_api, stage.deployment_id, count) == [[1]]
    ask_sql(console_api, stage.deployment_id, "delete from iris_table where species = 'a species'")


def test_a_source_pauses_resumes_and_goes(
    console: Console, bare: str, console_api: httpx.Client
) -> None:
    console.expected = {404}
    name = unique_name("short")
    console.go(f"/new-source?d={bare}", "New source")
    console.page.get_by_label("Name of the new table").fill("t")
    console.page.get_by_label("Name of the source").fill(name)
    console.button("Create source").click()
    expect(console.heading(name)).to_contain_text("running")
    console.button("Pause").click()
    expect(console.heading(name)).to_contain_text("paused")
    source = next(s for s in console_api.get("/v1/sinks").json()["sinks"] if s["name"] == name)
    assert source["status"] == "PAUSED"
    console_api.post(f"/v1/sinks/{source['id']}/resume")
    expect(console.heading(name)).to_contain_text("running")
    console.button("Delete").click()
    console.dialog().get_by_label("Type its name to confirm").fill(name)
    console.dialog().get_by_role("button", name="Delete source").click()
    expect(console.heading("Sources")).to_be_visible()
    expect(console.link(name)).to_have_count(0)
    assert console_api.get(f"/v1/sinks/{source['id']}").status_code == 404


def test_the_list_of_sources_is_live(
    console: Console, stage: Stage, console_api: httpx.Client
) -> None:
    console.go("/sources", "Sources")
    row = console.row(stage.source)
    expect(row).to_contain_text("running")
    bad = {"records": [{"value": {"id": n}} for n in range(200)]}
    console_api.post(f"/v1/sinks/{stage.source_id}", json=bad)
    expect(row.locator("td").nth(5)).to_have_text(re.compile(r"[1-9]"))
    console.shot("sources")
