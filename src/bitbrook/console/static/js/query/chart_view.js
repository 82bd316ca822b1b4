/** A result as a chart: which kind, and which columns stand for what. Guesses first, then asks. */

import { bars, BARS_MAX, heatMap, lines, points, POINTS_MAX } from "../charts/kinds.js";
import { fill, h } from "../dom.js";
import { count } from "../format.js";
import { field, select } from "../parts/form.js";
import { empty } from "../parts/states.js";

const KINDS = /** @type {[string, string][]} */ ([
  ["bar", "Bar"], ["line", "Line"], ["scatter", "Scatter"], ["heat", "Heat map"],
]);
const DRAW = { bar: bars, line: lines, scatter: points, heat: heatMap };
const ALLOWED = { bar: BARS_MAX, line: 20_000, scatter: POINTS_MAX, heat: 2_500 };
const SERIES_MAX = 6;
const ROWS_OF_HEAT_MAX = 40;
const NONE = "";

/** @param {import("./results.js").Table} table */
export function chartView(table) {
  const numbers = placesOf(table, (column) => column.kind === "number");
  if (!numbers.length || !table.rows.length) {
    return h("div.card-body", empty("Nothing to draw",
      "A chart needs rows with a number in them: select a count, a sum or a number field."));
  }
  const guess = guessed(table, numbers);
  const kind = select({ name: "kind" }, KINDS, guess.kind);
  const x = columnSelect("x", table, table.columns.map((_, at) => at), guess.x);
  const y = columnSelect("y", table, numbers, guess.y);
  const groups = placesOf(table, (column) => column.kind !== "set");
  const series = columnSelect("series", table, groups, guess.series, true);
  const place = h("div");
  const draw = () => fill(place, drawn(table, {
    kind: kind.value, x: Number(x.value), y: Number(y.value),
    series: series.value === NONE ? null : Number(series.value),
  }));
  const controls = h("div.chart-controls", field("Kind", kind), field("Across", x),
    field("Value", y), field("Split by", series));
  controls.addEventListener("change", draw);
  draw();
  return h("div.card-body", controls, place);
}

function drawn(table, { kind, x, y, series }) {
  const allowed = ALLOWED[kind];
  const rows = table.rows.slice(0, kind === "bar" ? undefined : allowed);
  const xKind = kind === "bar" || kind === "heat" ? "text" : plotKind(table.columns[x].kind);
  const plot = {
    xName: table.columns[x].name,
    yName: table.columns[y].name,
    xKind,
    x: rows.map((row) => across(row[x], xKind)),
    y: rows.map((row) => (row[y] === null ? NaN : Number(row[y]))),
  };
  const notes = [];
  if (kind !== "bar" && table.rows.length > allowed) {
    notes.push(`The first ${count(allowed)} of ${count(table.rows.length)} rows.`);
  }
  const bars = new Set(plot.x.map(String)).size;
  if (kind === "bar" && bars < rows.length && series === null) {
    notes.push(`Rows of the same ${plot.xName} are added up.`);
  }
  if (kind === "bar" && bars > BARS_MAX) notes.push(`The first ${BARS_MAX} of ${count(bars)} bars.`);
  if (series !== null) {
    const names = [...new Set(rows.map((row) => String(row[series])))];
    const most = kind === "heat" ? ROWS_OF_HEAT_MAX : SERIES_MAX;
    if (names.length > most) notes.push(`The first ${most} of ${count(names.length)} series.`);
    Object.assign(plot, onlySeries(plot, rows.map((row) => String(row[series])), names.slice(0, most)));
  }
  return [
    series !== null && kind !== "heat" ? legend(plot.seriesNames) : null,
    DRAW[kind](plot),
    notes.length ? h("p.chart-note", notes.join(" ")) : null,
  ];
}

/** Return a plot of the rows of these series alone. */
function onlySeries(plot, series, names) {
  const kept = [...series.keys()].filter((row) => names.includes(series[row]));
  const only = (values) => kept.map((row) => values[row]);
  return { x: only(plot.x), y: only(plot.y), series: only(series), seriesNames: names };
}

function guessed(table, numbers) {
  const texts = placesOf(table, (column) => column.kind === "text" || column.kind === "bool");
  const times = placesOf(table, (column) => column.kind === "time");
  const measures = numbers.filter((at) => table.columns[at].name !== "_id");
  const y = measures[0] ?? numbers[0];
  if (times.length) return { kind: "line", x: times[0], y, series: texts[0] ?? null };
  if (texts.length > 1) return { kind: "heat", x: texts[0], y, series: texts[1] };
  if (texts.length && table.rows.length <= BARS_MAX) return { kind: "bar", x: texts[0], y, series: null };
  if (measures.length > 1) {
    return { kind: "scatter", x: measures[0], y: measures[1], series: texts[0] ?? null };
  }
  return { kind: "bar", x: texts[0] ?? 0, y, series: null };
}

function columnSelect(name, table, places, chosen, isOptional = false) {
  const choices = places.map((at) =>
    /** @type {[string, string]} */ ([String(at), table.columns[at].name]));
  if (isOptional) choices.unshift([NONE, "nothing"]);
  return select({ name }, choices, chosen === null ? NONE : String(chosen));
}

function placesOf(table, wanted) {
  return [...table.columns.keys()].filter((at) => wanted(table.columns[at]));
}

function plotKind(kind) {
  return kind === "number" || kind === "time" ? kind : "text";
}

function across(value, kind) {
  if (kind === "text") return value === null ? "null" : String(value);
  if (value === null) return NaN;
  return kind === "time" ? new Date(value).getTime() : Number(value);
}

function legend(names) {
  return h("div.legend", names.map((name, at) => h("span", { class: `s${at + 1}` }, h("i"), name)));
}
