/** The axes around a chart, and its drawing anew when it gets another width. */

import { fill, h, s } from "../dom.js";
import { compact } from "../format.js";

export const HEIGHT = 340;
const MARGIN = { top: 28, right: 16, bottom: 46, left: 56 };
const LABEL_PIXELS = 7;
const TEXT_MAX = 18;

/**
 * @typedef {object} Box where a chart may draw
 * @property {number} left
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 */

/**
 * Return a chart that is drawn for the width it has, again whenever that changes.
 * @param {string} label what it shows, for whoever does not see it
 * @param {(box: Box) => any[]} draw
 * @param {{left?: number, height?: number}} [options]
 */
export function chart(label, draw, { left = MARGIN.left, height = HEIGHT } = {}) {
  const node = h("div.chart");
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (!width || width === drawn) return;
    drawn = width;
    const box = {
      left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom,
    };
    fill(node, s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      draw(box)));
  }).observe(node);
  return node;
}

/** @param {Box} box @param {ReturnType<import("./scales.js").linear>} scale @param {string} name */
export function valueAxis(box, scale, name) {
  return [
    scale.ticks.map((tick) => [
      s("line.grid", {
        x1: box.left, x2: box.right, y1: scale.place(tick), y2: scale.place(tick),
      }),
      s("text", { x: box.left - 8, y: scale.place(tick) + 4, "text-anchor": "end" }, compact(tick)),
    ]),
    s("text.title", { x: box.left - 48, y: box.top - 14, "text-anchor": "start" }, cut(name, 40)),
  ];
}

/**
 * Return the axis below, with as many labels as there is room for.
 * @param {Box} box
 * @param {{at: number, text: string}[]} labels places in pixels
 * @param {string} name
 */
export function baseAxis(box, labels, name) {
  const longest = Math.max(1, ...labels.map((each) => cut(each.text, TEXT_MAX).length));
  const room = (box.right - box.left) / Math.max(labels.length, 1);
  const every = Math.max(1, Math.ceil((longest * LABEL_PIXELS) / room));
  return [
    s("line.axis", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    labels.filter((_, index) => index % every === 0).map(({ at, text }) =>
      s("text", { x: at, y: box.bottom + 17, "text-anchor": "middle" }, cut(text, TEXT_MAX))),
    s("text.title", { x: (box.left + box.right) / 2, y: box.bottom + 38, "text-anchor": "middle" },
      cut(name, 60)),
  ];
}

/** @param {string} text @param {number} max */
export function cut(text, max) {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}
