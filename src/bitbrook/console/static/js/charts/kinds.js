/** Four ways to draw the rows of a result: bars, lines, points, and a heat map. */

import { s } from "../dom.js";
import { compact, plural } from "../format.js";
import { baseAxis, chart, cut, valueAxis } from "./frame.js";
import { bands, linear, timeTicks } from "./scales.js";

export const BARS_MAX = 200;
export const POINTS_MAX = 5_000;
export const CELLS_MAX = 2_500;
const BAR_PIXELS_MAX = 96;
const CELL_TEXT_MIN = 34;
const TIME_TICKS_PIXELS = 110;

/**
 * What is drawn: `x` and `y` of every row, in order. `x` is numbers, times in milliseconds, or texts.
 * @typedef {object} Plot
 * @property {string} xName
 * @property {string} yName
 * @property {"number" | "time" | "text"} xKind
 * @property {any[]} x
 * @property {number[]} y
 * @property {string[]} [series] the name of the series that each row belongs to
 * @property {string[]} [seriesNames]
 */

/**
 * Return bars; rows that share a bar are added up in it.
 * @param {Plot} plot
 */
export function bars(plot) {
  const names = [...new Set(plot.x.map(String))].slice(0, BARS_MAX);
  const series = plot.seriesNames ?? [""];
  const sums = sumsOf(plot, names, series);
  const label = `bar chart of ${plot.yName} by ${plot.xName}, ${plural(sums.length, "bar")}`;
  return chart(label, (box) => {
    const y = scaleOver(sums.map((each) => each.sum), box, true);
    const band = bands(names.length, box.left, box.right);
    const width = Math.min(band.width / series.length, BAR_PIXELS_MAX);
    const inset = (band.width - width * series.length) / 2;
    const zero = y.place(Math.max(0, y.first));
    return [
      valueAxis(box, y, plot.yName),
      sums.map(({ bar, which, sum }) => s("rect.bar", {
        class: `s${which + 1}`, x: band.start(bar) + inset + which * width, width,
        y: Math.min(y.place(sum), zero), height: Math.max(Math.abs(y.place(sum) - zero), 0.5),
        rx: Math.min(3, width / 4),
      }, s("title", `${names[bar]}: ${compact(sum)}`))),
      baseAxis(box, names.map((text, index) =>
        ({ at: band.start(index) + band.width / 2, text })), plot.xName),
    ];
  });
}

/** @param {Plot} plot */
export function lines(plot) {
  const series = plot.seriesNames ?? [""];
  const label = `line chart of ${plot.yName} by ${plot.xName}, ${plot.y.length} points`;
  return chart(label, (box) => {
    const y = scaleOver(plot.y, box, false);
    const { place, labels } = across(plot, box);
    return [
      valueAxis(box, y, plot.yName),
      series.map((name, which) => {
        const rows = [...plot.y.keys()].filter((row) => Number.isFinite(plot.y[row])
          && (!plot.series || plot.series[row] === name));
        if (plot.xKind !== "text") rows.sort((a, b) => plot.x[a] - plot.x[b]);
        const path = rows.map((row) => `${round(place(row))},${round(y.place(plot.y[row]))}`);
        return path.length ? s("path.line", { class: `s${which + 1}`, d: `M${path.join("L")}` })
          : null;
      }),
      baseAxis(box, labels, plot.xName),
    ];
  });
}

/** @param {Plot} plot */
export function points(plot) {
  const series = plot.seriesNames ?? [""];
  const many = Math.min(plot.y.length, POINTS_MAX);
  const label = `scatter chart of ${plot.yName} by ${plot.xName}, ${many} points`;
  return chart(label, (box) => {
    const y = scaleOver(plot.y, box, false);
    const { place, labels } = across(plot, box);
    return [
      valueAxis(box, y, plot.yName),
      plot.y.slice(0, POINTS_MAX).map((value, row) => {
        if (!Number.isFinite(value) || !Number.isFinite(place(row))) return null;
        const which = plot.series ? series.indexOf(plot.series[row]) : 0;
        return s("circle.dot", {
          class: `s${which + 1}`, cx: round(place(row)), cy: round(y.place(value)), r: 4,
        });
      }),
      baseAxis(box, labels, plot.xName),
    ];
  });
}

/**
 * Return a heat map: a cell for each pair of `x` and `series`, as strong as its value.
 * @param {Plot} plot
 */
export function heatMap(plot) {
  const columns = [...new Set(plot.x.map(String))].slice(0, 60);
  const rows = (plot.seriesNames ?? [plot.yName]).slice(0, Math.floor(CELLS_MAX / 60));
  const finite = plot.y.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(...finite, low + 1e-9);
  const left = Math.min(150, 16 + 7 * Math.max(...rows.map((each) => Math.min(each.length, 18))));
  const height = Math.min(900, 70 + 34 * rows.length);
  const label = `heat map of ${plot.yName} by ${plot.xName}, ${columns.length * rows.length} cells`;
  return chart(label, (box) => {
    const x = bands(columns.length, box.left, box.right, 0.06);
    const y = bands(rows.length, box.top, box.bottom, 0.08);
    return [
      s("text.title", { x: box.left, y: box.top - 10 }, cut(plot.yName, 40)),
      rows.map((text, index) => s("text", {
        x: box.left - 8, y: y.start(index) + y.width / 2 + 4, "text-anchor": "end",
      }, cut(text, 18))),
      plot.y.map((value, row) => {
        const column = columns.indexOf(String(plot.x[row]));
        const line = plot.series ? rows.indexOf(plot.series[row]) : 0;
        if (column < 0 || line < 0 || !Number.isFinite(value)) return null;
        return cell(x, y, column, line, (value - low) / (high - low), value);
      }),
      baseAxis(box, columns.map((text, index) => ({ at: x.start(index) + x.width / 2, text })),
        plot.xName),
    ];
  }, { left, height });
}

function cell(x, y, column, line, share, value) {
  const place = { x: x.start(column), y: y.start(line), width: x.width, height: y.width };
  const isNamed = x.width > CELL_TEXT_MIN && y.width > 16;
  // Text stands on cells that are nearly empty or nearly full alike, so it changes its colour; where
  // it does differs between the themes.
  const strength = share > 0.8 ? "full" : share > 0.6 ? "strong" : "";
  return [
    s("rect.cell", { ...place, rx: 3, "fill-opacity": 0.06 + 0.94 * share },
      s("title", String(value))),
    isNamed ? s("text.cell-text", {
      class: strength, x: place.x + x.width / 2, y: place.y + y.width / 2,
    }, compact(value)) : null,
  ];
}

/** Return the sum of the rows of each bar. */
function sumsOf(plot, names, series) {
  const bar = new Map(names.map((name, index) => [name, index]));
  const sums = new Map();
  for (const [row, value] of plot.y.entries()) {
    const index = bar.get(String(plot.x[row]));
    if (index === undefined || !Number.isFinite(value)) continue;
    const which = plot.series ? series.indexOf(plot.series[row]) : 0;
    const key = index * series.length + which;
    sums.set(key, { bar: index, which, sum: (sums.get(key)?.sum ?? 0) + value });
  }
  return [...sums.values()];
}

/** Return where rows stand from left to right, and the labels below. */
function across(plot, box) {
  if (plot.xKind === "text") {
    const names = [...new Set(plot.x.map(String))];
    const at = new Map(names.map((name, index) => [name, index]));
    const band = bands(names.length, box.left, box.right, 0);
    const centre = (index) => band.start(index) + band.width / 2;
    return {
      place: (row) => centre(at.get(String(plot.x[row])) ?? 0),
      labels: names.map((text, index) => ({ at: centre(index), text })),
    };
  }
  const finite = plot.x.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  if (plot.xKind === "time") {
    const place = (at) => box.left + ((at - low) / (high - low || 1)) * (box.right - box.left);
    const wanted = Math.max(2, Math.floor((box.right - box.left) / TIME_TICKS_PIXELS));
    return {
      place: (row) => place(plot.x[row]),
      labels: timeTicks(low, high, wanted).map(({ at, text }) => ({ at: place(at), text })),
    };
  }
  const scale = linear(low, high, box.left, box.right, 8);
  return {
    place: (row) => scale.place(plot.x[row]),
    labels: scale.ticks.map((tick) => ({ at: scale.place(tick), text: compact(tick) })),
  };
}

/** Return the scale of values from the bottom to the top of a box. */
function scaleOver(values, box, withZero) {
  const finite = values.filter(Number.isFinite);
  let low = finite.length ? finite.reduce((a, b) => Math.min(a, b)) : 0;
  let high = finite.length ? finite.reduce((a, b) => Math.max(a, b)) : 1;
  if (withZero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  return linear(low, high, box.bottom, box.top);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
