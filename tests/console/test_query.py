"""The query page does what it offers, by what a person sees and saves.

Every answer is compared with the API's: grids (also of 100,000 rows, scrolled to the end), sorting,
hiding, the four charts, the plan, the three files, history and saved queries. Statements that fail,
that are cancelled, and numbers that no JavaScript number holds are among them.
"""

import io
import re
from decimal import Decimal

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from playwright.sync_api import expect

from api_client import ask_sql, create_deployment
from console.driver import Console
from console.stage import Stage

ROWS = 100_000
SPECIES = "select species, count(*) as flowers from iris_table group by species order by species"


@pytest.fixture
def query(console: Console, stage: Stage) -> Console:
    """A console at the query page of the module's deployment."""
    console.go(f"/query?d={stage.deployment_id}", "Query")
    return console


@pytest.fixture(scope="module")
def long_table(console_api: httpx.Client) -> str:
    """A deployment with a table of 100,000 records."""
    deployment_id = create_deployment(console_api)
    ask_sql(console_api, deployment_id, "create table long (_id id, n int, half decimal(1))")
    for start in range(0, ROWS, 20_000):
        values = ",".join(f"({i},{ROWS - i},{i / 2:.1f})" for i in range(start, start + 20_000))
        ask_sql(console_api, deployment_id, f"insert into long values {values}")
    return deployment_id


def test_the_answer_is_the_servers(query: Console, stage: Stage, console_api: httpx.Client) -> None:
    query.run(SPECIES)
    expect(query.grid).to_be_visible()
    expected = ask_sql(console_api, stage.deployment_id, SPECIES)
    assert query.cells() == [[name, str(count)] for name, count in expected]
    expect(query.page.get_by_text("3 rows, 2 columns")).to_be_visible()
    expect(query.page.locator(".query-bar .status")).to_have_text(re.compile(r"answered in .* m?s"))


def test_numbers_and_nulls_are_exact(query: Console) -> None:
    query.run("select 9007199254740993 as big, 1.50 as exact, null as nothing, [2, 1] as members")
    expect(query.grid).to_be_visible()
    assert query.cells() == [["9007199254740993", "1.50", "null", "1, 2"]]


def test_a_mistake_is_named_and_marked(query: Console) -> None:
    query.expected = {400}
    query.run("select speces\nfrom iris_table")
    alert = query.page.get_by_role("alert")
    expect(alert).to_contain_text("[1:8]")
    expect(alert).to_contain_text("speces")
    expect(query.page.locator(".t-fault")).to_have_text("speces")
    query.shot("query-mistake")
    query.statement.fill("select species from iris_table")
    expect(query.page.locator(".t-fault")).to_have_count(0)


def test_pql_mistakes_and_several_results(query: Console) -> None:
    query.expected = {400}
    query.page.get_by_text("PQL", exact=True).click()
    query.run("[iris_table]Cuont(All())")
    expect(query.page.get_by_role("alert")).to_contain_text(
        "nknown call: Cuont (line 1, column 13)"
    )
    query.run("[iris_table]Count(All()) TopN(species)")
    expect(query.grid).to_be_visible()
    assert query.cells() == [["150"]]
    query.page.get_by_text("Result 2", exact=True).click()
    expect(query.page.get_by_role("columnheader", name="row")).to_be_visible()
    assert sorted(query.cells()) == [["setosa", "50"], ["versicolor", "50"], ["virginica", "50"]]


@pytest.mark.parametrize(
    ("call", "first"),
    [
        ("Row(species='setosa')", ["1"]),
        ("Rows(species)", ["setosa"]),
        ("Sum(field=sepallength)", ["876.50", "150"]),
        ("Distinct(field=petalwidth)", ["10"]),
        (
            "Extract(ConstRow(columns=[1]), Rows(sepallength), Rows(species))",
            ["1", "5.1", "setosa"],
        ),
        ("IncludesColumn(Row(species='setosa'), column=1)", ["true"]),
    ],
)
def test_every_shape_of_pql_answer_is_a_table(query: Console, call: str, first: list[str]) -> None:
    query.page.get_by_text("PQL", exact=True).click()
    query.run(f"[iris_table]{call}")
    expect(query.grid).to_be_visible()
    shown = query.cells()[0]
    assert [text.rstrip("0") if "." in text else text for text in shown] == [
        text.rstrip("0") if "." in text else text for text in first
    ]


def test_a_long_result_scrolls_sorts_and_hides(query: Console, long_table: str) -> None:
    query.page.get_by_label("deployment").select_option(long_table)
    query.run("select _id, n, half from long order by _id")
    expect(query.page.get_by_text("100,000 rows")).to_be_visible()
    assert query.evaluate("document.querySelectorAll('.grid-row').length") < 100
    assert query.cells()[0] == ["0", "100000", "0.0"]
    query.grid.evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(query.page.get_by_text("49999.5", exact=True)).to_be_visible()
    assert query.cells()[-1] == ["99999", "1", "49999.5"]
    frames = query.evaluate(_SCROLL)
    assert frames["rows"] < 100, "however far it is scrolled, few rows are elements"
    assert frames["blank"] == 0, "every frame of the way shows rows"

    query.grid.evaluate("grid => grid.scrollTo(0, 0)")
    head = query.page.get_by_role("columnheader", name="n int")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert query.cells()[0] == ["99999", "1", "49999.5"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert query.cells()[0] == ["0", "100000", "0.0"]

    query.page.get_by_text("Columns (3)").click()
    query.page.get_by_role("checkbox", name="half").uncheck()
    expect(query.page.get_by_role("columnheader")).to_have_count(2)
    assert query.cells()[0] == ["0", "100000"]
    query.shot("query-long")


# Twenty frames of scrolling: how many rows are elements at most, and in how many frames the middle
# of the grid shows none.
_SCROLL = """
async () => {
  const grid = document.querySelector(".grid");
  const box = grid.getBoundingClientRect();
  let rows = 0;
  let blank = 0;
  for (let frame = 1; frame <= 20; frame += 1) {
    grid.scrollTop = (grid.scrollHeight / 20) * frame;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    rows = Math.max(rows, grid.querySelectorAll(".grid-row").length);
    const middle = document.elementFromPoint(box.left + 40, box.top + box.height / 2);
    if (!middle?.closest(".grid-row")) blank += 1;
  }
  return { rows, blank };
}
"""


def test_four_charts(query: Console) -> None:
    query.run(
        "select species, petalwidth, count(*) as flowers, avg(sepallength) as mean "
        "from iris_table group by species, petalwidth"
    )
    expect(query.grid).to_be_visible()
    rows = len(query.cells())
    query.tab("Chart").click()
    image = query.page.get_by_role("img", name=re.compile("chart of|heat map of"))

    query.page.get_by_label("Kind").select_option("bar")
    query.page.get_by_label("Across").select_option(label="species")
    query.page.get_by_label("Value").select_option(label="flowers")
    query.page.get_by_label("Split by").select_option("")
    expect(image).to_have_attribute("aria-label", "bar chart of flowers by species, 3 bars")
    expect(image.locator("rect.bar")).to_have_count(3)
    expect(image.locator("rect.bar title").first).to_have_text(re.compile(": 50$"))
    query.shot("chart-bar")

    query.page.get_by_label("Kind").select_option("line")
    query.page.get_by_label("Across").select_option(label="petalwidth")
    query.page.get_by_label("Value").select_option(label="mean")
    query.page.get_by_label("Split by").select_option(label="species")
    expect(image.locator("path.line")).to_have_count(3)
    expect(query.page.locator(".legend span", has_text="setosa")).to_be_visible()
    query.shot("chart-line")

    query.page.get_by_label("Kind").select_option("scatter")
    expect(image.locator("circle.dot")).to_have_count(rows)
    query.shot("chart-scatter")

    query.page.get_by_label("Kind").select_option("heat")
    query.page.get_by_label("Value").select_option(label="flowers")
    expect(image.locator("rect.cell")).to_have_count(rows)
    query.shot("chart-heat")


def test_a_chart_needs_a_number(query: Console) -> None:
    query.run("select species from iris_table limit 3")
    expect(query.grid).to_be_visible()
    query.tab("Chart").click()
    expect(query.page.get_by_text("A chart needs rows with a number")).to_be_visible()


def test_the_plan_is_explained(query: Console) -> None:
    query.run("select count(*) from iris_table where species = 'setosa' and sepallength > 5")
    expect(query.grid).to_be_visible()
    query.tab("Explain").click()
    plan = query.page.locator(".plan")
    expect(plan).to_contain_text("bitmaps")
    expect(plan).to_contain_text("HasRow(field='species'")
    query.shot("explain")


def test_three_files(query: Console) -> None:
    query.run("select _id, species, sepallength from iris_table order by _id limit 3")
    expect(query.grid).to_be_visible()
    name, body = query.download("download as CSV")
    assert name == "result.csv"
    assert pyarrow.csv.read_csv(io.BytesIO(body)).column("species").to_pylist() == ["setosa"] * 3
    name, body = query.download("download as Parquet")
    assert name == "result.parquet"
    assert pyarrow.parquet.read_table(io.BytesIO(body)).column("_id").to_pylist() == [1, 2, 3]
    name, body = query.download("download as Arrow")
    assert name == "result.arrows"
    assert pa.ipc.open_stream(body).read_all().column("sepallength").to_pylist() == [
        Decimal("5.10"),
        Decimal("4.90"),
        Decimal("4.70"),
    ]


def test_a_statement_is_cancelled(
    query: Console, long_table: str, console_api: httpx.Client
) -> None:
    query.page.get_by_label("deployment").select_option(long_table)
    query.run("select count(*) from long a join long b on a.n > b.n where a.half + b.half > 0")
    expect(query.button("Cancel")).to_be_visible()
    expect(query.page.locator(".query-bar .status")).to_contain_text("running for")
    query.statement.press("Escape")
    expect(query.page.get_by_text("Cancelled", exact=True)).to_be_visible()
    query.tab("History").click()
    newest = query.page.locator(".query-side .statement").first
    expect(newest).to_contain_text("cancelled")
    ended = console_api.get(f"/v1/deployments/{long_table}/queries?limit=1").json()["queries"][0]
    assert ended["status"] == "CANCELLED"


def test_history_is_replayed(query: Console) -> None:
    query.run("select count(*) as before from iris_table")
    expect(query.page.get_by_role("columnheader", name="before")).to_be_visible()
    query.run("select count(*) as after from iris_table")
    expect(query.page.get_by_role("columnheader", name="after")).to_be_visible()
    query.tab("History").click()
    entry = query.page.locator(".query-side .statement", has_text="as before").first
    expect(entry).to_contain_text("succeeded")
    query.shot("history")
    entry.get_by_role("button", name="Run again").click()
    expect(query.page.get_by_role("columnheader", name="before")).to_be_visible()
    expect(query.statement).to_have_value("select count(*) as before from iris_table")


def test_queries_are_saved_shared_and_deleted(query: Console, console_api: httpx.Client) -> None:
    query.expected = {409}
    query.statement.fill(SPECIES)

    def save() -> None:
        query.button("Save").click()
        query.dialog().get_by_label("Name").fill("flowers by species")
        query.dialog().get_by_role("button", name="Save query").click()

    save()
    saved = query.page.locator(".query-side .statement", has_text="flowers by species")
    expect(saved).to_be_visible()
    query.shot("saved-queries")
    save()
    expect(query.dialog()).to_contain_text("You keep a statement 'flowers by species' already")
    query.dialog().get_by_role("button", name="close").click()
    kept = console_api.get("/v1/saved-queries").json()["saved_queries"]
    assert [(each["statement"], each["is_shared"]) for each in kept] == [(SPECIES, False)]
    saved.get_by_role("button", name="Share").click()
    expect(saved.get_by_text("shared", exact=True)).to_be_visible()
    query.statement.fill("")
    saved.get_by_role("button", name="Open").click()
    expect(query.statement).to_have_value(SPECIES)
    saved.get_by_role("button", name="delete flowers by species").click()
    query.dialog().get_by_role("button", name="Delete").click()
    expect(query.page.get_by_text("Nothing saved")).to_be_visible()
    assert console_api.get("/v1/saved-queries").json()["saved_queries"] == []


def test_names_are_completed_from_the_live_schema(query: Console) -> None:
    query.statement.press_sequentially("select spec")
    option = query.page.get_by_role("option", name=re.compile("^species"))
    expect(option).to_be_visible()
    expect(option).to_contain_text("mutex")
    query.statement.press("Enter")
    query.statement.press_sequentially(" from ir")
    expect(query.page.get_by_role("option", name=re.compile("^iris_table"))).to_be_visible()
    query.shot("completion")
    query.statement.press("Tab")
    expect(query.statement).to_have_value("select species from iris_table")
    query.statement.press("Escape")
    query.statement.press("Control+z")
    expect(query.statement).not_to_have_value("select species from iris_table")


def test_a_field_is_inserted_and_a_draft_is_kept(query: Console, stage: Stage) -> None:
    query.statement.fill("select ")
    query.statement.press("End")
    query.button("insert petalwidth").click()
    expect(query.statement).to_have_value("select petalwidth")
    query.go("/account", "Account")
    query.go("/query", "Query")
    expect(query.statement).to_have_value("select petalwidth")
    expect(query.page.get_by_label("deployment")).to_have_value(stage.deployment_id)


def test_nothing_to_run(query: Console) -> None:
    query.run("")
    expect(query.page.get_by_text("Write a statement first.")).to_be_visible()
