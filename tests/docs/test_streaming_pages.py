"""`docs/sources.md` and `docs/loading.md` tell the truth: what they show is sent and compared.

Every value in a table below a definition is streamed into a source of it, and must be stored, or
refused, as the table says. Each type, configuration key and flag there is must have its place. The
commands are run with those of all pages (`test_pages.py`).
"""

import json
import re

import httpx
from tests.docs.pages import DOCS, exactly

from api_client import ask_sql, create_deployment, create_source, create_table, stream
from bitbrook.cli.load import load
from bitbrook.sources.config import _TYPES_WITH, SourceType

SOURCES, LOADING = (DOCS / name for name in ("sources.md", "loading.md"))
_DEFINITION = re.compile(
    r"^```json definition\n([^\n]*\n)```\n\n?"
    r"(?:\| sent \| stored \|\n\|---\|---\|\n((?:\|.*\n)+))?",
    re.MULTILINE,
)


def test_values_are_stored_as_the_tables_say(docs_api: httpx.Client) -> None:
    deployment_id = create_deployment(docs_api)
    docs_api.post(f"/v1/tables/{deployment_id}", json={"name": "people", "options": {"keys": True}})
    compared = 0
    for written, rows in _DEFINITION.findall(SOURCES.read_text()):
        definition = [{"name": "id", "type": "id"}, json.loads(written)]
        table = create_table(docs_api, deployment_id)
        schema = {"id_field": "id", "definition": definition}
        source_id = create_source(docs_api, deployment_id, table, schema)
        for number, row in enumerate(rows.splitlines()):
            sent, stored = re.fullmatch(r"\| `(.*)` \| (.*) \|", row).groups()
            body = f'{{"id": {number}, "f": {sent}}}'
            answer = docs_api.post(
                f"/v1/sinks/{source_id}",
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
            )
            (outcome,) = answer.json()["records"]
            if stored.startswith("error "):
                assert f"error `{outcome.get('error_code')}`" == stored, (written, sent, outcome)
            else:
                assert outcome == {"status": "success"}, (written, sent, outcome)
                statement = f"select f from {table} where _id = {number}"
                body = json.dumps({"language": "sql", "statement": statement})
                answered = docs_api.post(f"/v1/deployments/{deployment_id}/query", content=body)
                ((value,),) = exactly(answered.text)["data"]
                assert value == exactly(stored.strip("`")), (written, sent, value)
            compared += 1
    assert compared > 30


def test_a_record_time_puts_values_into_their_day(docs_api: httpx.Client) -> None:
    """The one definition without a table: it makes no field."""
    (written,) = [text for text, rows in _DEFINITION.findall(SOURCES.read_text()) if not rows]
    deployment_id = create_deployment(docs_api)
    table = create_table(docs_api, deployment_id)
    entry = {"name": "things", "type": "strings", "config": {"Quantum": "YMD"}}
    definition = [{"name": "id", "type": "id"}, json.loads(written), entry]
    schema = {"id_field": "id", "definition": definition}
    source_id = create_source(docs_api, deployment_id, table, schema)
    stream(docs_api, source_id, [{"id": 1, "f": "2024-02-29", "things": ["tea"]}])
    for day, expected in (("2024-02-29", [[1]]), ("2024-02-28", [])):
        found = ask_sql(
            docs_api,
            deployment_id,
            f"select _id from {table} where rangeq(things, '{day}T00:00:00Z', '{day}T23:00:00Z')",
        )
        assert found == expected


def test_every_type_and_key_has_an_example() -> None:
    entries = [json.loads(text) for text, _ in _DEFINITION.findall(SOURCES.read_text())]
    assert {entry["type"] for entry in entries} == {each.value for each in SourceType}
    keys = {key.lower() for entry in entries for key in entry.get("config", {})}
    assert keys == {key.lower() for key in _TYPES_WITH}
    rows = re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \| ([\w, ]+) \| ", SOURCES.read_text(), re.MULTILINE
    )
    listed = {
        key.strip("` "): {each.strip() for each in types.split(",")}
        for names, types in rows
        for key in names.split(",")
        if key.strip("` ") in _TYPES_WITH
    }
    expected = {key: {each.value for each in types} for key, types in _TYPES_WITH.items()}
    assert listed == expected


def test_every_flag_of_load_is_told() -> None:
    page = LOADING.read_text()
    flags = {name.replace("_", "-") for name in load.__annotations__} - {"files", "return", "url"}
    flags = flags - {"file-format"} | {"format"}
    missing = [flag for flag in sorted(flags) if f"--{flag}" not in page]
    assert not missing
