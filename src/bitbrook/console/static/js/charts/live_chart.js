/** A chart of the last minutes that moves on by itself: records a second, and errors if any. */

import { h, s, say } from "../dom.js";
import { compact, rate } from "../format.js";
import * as live from "../live.js";
import { linear } from "./scales.js";

const WIDTH = 600;
const HEIGHT = 170;
const LEFT = 44;
const TOP = 12;
const BOTTOM = 148;
const SPAN_MS = 120_000;

/**
 * Return a chart of what sources take, until `signal`.
 * @param {AbortSignal} signal
 * @param {(source: live.SourceFigures) => boolean} [isShown] which sources count
 */
export function liveChart(signal, isShown = () => true) {
  const of = (key) => (source) => (isShown(source) ? source[key] : 0);
  const recordsText = h("strong");
  const errorsText = h("strong");
  const ticks = s("g");
  const area = s("path.area");
  const line = s("path.line");
  const errors = s("path.line.second");
  const svg = s("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": "records a second over the last two minutes",
  }, ticks, area, line, errors);
  const labels = h("div.live-labels", { "aria-hidden": "true" });
  live.watch(signal, () => {
    const records = live.ratesOverTime(of("records"));
    const failed = live.ratesOverTime(of("errors"));
    say(recordsText, rate(live.rateNow(of("records"))));
    say(errorsText, rate(live.rateNow(of("errors"))));
    const high = Math.max(10, ...records.map((each) => each.value),
      ...failed.map((each) => each.value));
    const y = linear(0, high, BOTTOM, TOP, 4);
    ticks.replaceChildren(...y.ticks.map((tick) => s("line.grid", {
      x1: LEFT, x2: WIDTH, y1: y.place(tick), y2: y.place(tick),
    })));
    labels.replaceChildren(...y.ticks.map((tick) => h("span", {
      style: { top: `${(y.place(tick) / HEIGHT) * 100}%` },
    }, compact(tick))));
    const end = records.at(-1)?.at ?? Date.now();
    const path = (rates) => rates.filter((each) => end - each.at <= SPAN_MS).map(({ at, value }) =>
      `${(WIDTH - ((end - at) / SPAN_MS) * (WIDTH - LEFT)).toFixed(1)},${y.place(value).toFixed(1)}`);
    const shown = path(records);
    line.setAttribute("d", shown.length ? `M${shown.join("L")}` : "");
    area.setAttribute("d", shown.length
      ? `M${shown[0].split(",")[0]},${BOTTOM}L${shown.join("L")}L${WIDTH},${BOTTOM}Z` : "");
    const shownErrors = failed.some((each) => each.value) ? path(failed) : [];
    errors.setAttribute("d", shownErrors.length ? `M${shownErrors.join("L")}` : "");
  });
  return h("div",
    h("div.legend",
      h("span", h("i"), h("span", recordsText, " records/s")),
      h("span.errors", h("i"), h("span", errorsText, " errors/s"))),
    h("div.chart.live-chart", svg, labels,
      h("div.live-ends", { "aria-hidden": "true" }, h("span", "2 min ago"), h("span", "now"))));
}
