"""`docs/sources.md` and `docs/loading.md` tell the truth: what they show is sent and compared.

Every `sh` block runs against a real server and must print the block that follows it; every value in
a table below a definition is streamed into a source of it, and must be stored, or refused, as the
table says. Each type, configuration key, error code and flag there is must have its place.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import ask_sql, create_deployment, create_source, create_table, stream
from bitbrook.cli.load import load
from bitbrook.sources.config import _TYPES_WITH, SourceType
from server_process import EMAIL, PASSWORD, ServerProcess

DOCS = Path(__file__).parents[2] / "docs"
SOURCES, LOADING = (DOCS / name for name in ("sources.md", "loading.md"))
MARK = "=== end of a block ==="
_BLOCK = re.compile(r"^```(\w+)(?: \w+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DEFINITION = re.compile(
    r"^```json definition\n([^\n]*\n)```\n\n?"
    r"(?:\| sent \| stored \|\n\|---\|---\|\n((?:\|.*\n)+))?",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("pages") / "data") as running:
        yield running


@pytest.fixture
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client(server.token()) as client:
        yield client


def matches(shown: Any, printed: Any) -> bool:
    """Whether what was printed is what is shown, up to what "..." leaves open."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        return list(shown) == list(printed) and all(map(matches, shown.values(), printed.values()))
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(matches, shown, printed))
    if shown == "...":
        return True
    if isinstance(shown, str) and isinstance(printed, str):
        pattern = re.escape(shown).replace(re.escape("..."), ".*")
        return re.fullmatch(pattern, printed, re.DOTALL) is not None
    return bool(shown == printed)


def exactly(text: str) -> Any:
    """JSON with its numbers as they are written."""
    return json.loads(text, parse_float=str)


@pytest.mark.parametrize("page", [SOURCES, LOADING], ids=lambda page: page.stem)
def test_commands_print_what_is_shown(
    server: ServerProcess, api: httpx.Client, tmp_path: Path, page: Path
) -> None:
    found = _BLOCK.findall(page.read_text())
    steps = [
        (text, *(found[index + 1] if index + 1 < len(found) else ("", "")))
        for index, (language, text) in enumerate(found)
        if language == "sh"
    ]
    assert len(steps) > 5
    environment = os.environ | {
        "URL": server.url,
        "BITBROOK_URL": server.url,
        "BITBROOK_EMAIL": EMAIL,
        "BITBROOK_PASSWORD": PASSWORD,
        "TOKEN": server.token(),
        "DEPLOYMENT": create_deployment(api),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    script = "".join(f"{text}\necho; echo '{MARK}'; sleep 0.4\n" for text, _, _ in steps)
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input=script,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    outputs = [part.strip() for part in ran.stdout.split(MARK)][:-1]
    for (text, language, shown), output in zip(steps, outputs, strict=True):
        if language == "json" and output:
            assert matches(exactly(shown), exactly(output)), (text, output)
        elif language == "text":
            assert output == shown.strip(), text
        else:
            assert output == "", (text, output)


def test_values_are_stored_as_the_tables_say(api: httpx.Client) -> None:
    deployment_id = create_deployment(api)
    api.post(f"/v1/tables/{deployment_id}", json={"name": "people", "options": {"keys": True}})
    compared = 0
    for written, rows in _DEFINITION.findall(SOURCES.read_text()):
        definition = [{"name": "id", "type": "id"}, json.loads(written)]
        table = create_table(api, deployment_id)
        schema = {"id_field": "id", "definition": definition}
        source_id = create_source(api, deployment_id, table, schema)
        for number, row in enumerate(rows.splitlines()):
            sent, stored = re.fullmatch(r"\| `(.*)` \| (.*) \|", row).groups()
            body = f'{{"id": {number}, "f": {sent}}}'
            answer = api.post(
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
                answered = api.post(f"/v1/deployments/{deployment_id}/query", content=body)
                ((value,),) = exactly(answered.text)["data"]
                assert value == exactly(stored.strip("`")), (written, sent, value)
            compared += 1
    assert compared > 30


def test_a_record_time_puts_values_into_their_day(api: httpx.Client) -> None:
    """The one definition without a table: it makes no field."""
    (written,) = [text for text, rows in _DEFINITION.findall(SOURCES.read_text()) if not rows]
    deployment_id = create_deployment(api)
    table = create_table(api, deployment_id)
    entry = {"name": "things", "type": "strings", "config": {"Quantum": "YMD"}}
    definition = [{"name": "id", "type": "id"}, json.loads(written), entry]
    schema = {"id_field": "id", "definition": definition}
    source_id = create_source(api, deployment_id, table, schema)
    stream(api, source_id, [{"id": 1, "f": "2024-02-29", "things": ["tea"]}])
    for day, expected in (("2024-02-29", [[1]]), ("2024-02-28", [])):
        found = ask_sql(
            api,
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
