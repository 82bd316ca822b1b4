/**
 * A result of any length, of which only the rows in sight are elements: scrolling through 100,000
 * rows costs what a screenful costs. Columns are sorted by their heads and hidden by a menu.
 */

import { fill, h } from "../dom.js";
import { count, plural } from "../format.js";
import { cellText, sorted } from "./cells.js";

const ROW_PIXELS = 30;
const MARGIN_ROWS = 8;
const SHORT_ROWS = 12;
const SAMPLED_ROWS = 200;
const CHARACTER_PIXELS = 7.6;
const WIDTH_MIN = 88;
const WIDTH_MAX = 360;
const ARIA = { up: "ascending", down: "descending" };

/** @param {import("../query/results.js").Table} table */
export function grid(table) {
  const { columns, rows } = table;
  const widths = columns.map((column, at) => widthOf(column, at, rows));
  let order = null;
  let shown = columns.map((_, at) => at);
  /** @type {{at: number, way: "up" | "down"} | null} */
  let sorting = null;
  let first = -1;
  let last = -1;

  const head = h("div.grid-head", { role: "row", "aria-rowindex": 1 });
  const space = h("div.grid-space", { role: "rowgroup", style: { height: `${rows.length * ROW_PIXELS}px` } });
  const node = h("div.grid", {
    role: "grid", "aria-label": "result", tabindex: 0, "aria-rowcount": rows.length + 1,
    class: rows.length <= SHORT_ROWS ? "short" : "",
  }, h("div", { role: "rowgroup" }, head), space);

  function drawHead() {
    fill(head, shown.map((at) => {
      const way = sorting?.at === at ? sorting.way : null;
      return h("div", {
        role: "columnheader", style: { width: `${widths[at]}px` },
        "aria-sort": way ? ARIA[way] : "none",
      }, h("button", { type: "button", onclick: () => sortBy(at), title: columns[at].type },
        h("span", columns[at].name), h("span.type", columns[at].type),
        way ? h("span", { "aria-hidden": "true" }, way === "up" ? "↑" : "↓") : null));
    }));
    node.setAttribute("aria-colcount", String(shown.length));
  }

  function drawRows(isForced = false) {
    const top = Math.max(0, Math.floor(node.scrollTop / ROW_PIXELS) - MARGIN_ROWS);
    const seen = Math.ceil((node.clientHeight || 600) / ROW_PIXELS) + 2 * MARGIN_ROWS;
    const bottom = Math.min(rows.length, top + seen);
    if (!isForced && top === first && bottom === last) return;
    [first, last] = [top, bottom];
    const drawn = [];
    for (let place = top; place < bottom; place += 1) {
      drawn.push(rowElement(rows[order ? order[place] : place], place));
    }
    space.replaceChildren(...drawn);
  }

  function rowElement(row, place) {
    return h("div.grid-row", {
      role: "row", "aria-rowindex": place + 2, style: { top: `${place * ROW_PIXELS}px` },
    }, shown.map((at) => {
      const text = cellText(row[at], columns[at]);
      const isNumber = columns[at].kind === "number";
      return h("div.grid-cell", {
        role: "gridcell", class: isNumber ? "number" : "", style: { width: `${widths[at]}px` },
        title: text !== null && text.length * CHARACTER_PIXELS > widths[at] ? text : null,
      }, text === null ? h("span.null", "null") : text);
    }));
  }

  function sortBy(at) {
    const before = sorting && sorting.at === at ? sorting.way : null;
    const way = before === "up" ? "down" : "up";
    sorting = before === "down" ? null : { at, way };
    order = sorting ? sorted(rows, at, columns[at], way === "down") : null;
    const focused = shown.indexOf(at);
    drawHead();
    drawRows(true);
    head.children[focused]?.querySelector("button")?.focus();
  }

  function hide(hidden) {
    shown = columns.map((_, at) => at).filter((at) => !hidden.has(at));
    drawHead();
    drawRows(true);
  }

  node.addEventListener("scroll", () => drawRows(), { passive: true });
  new ResizeObserver(() => drawRows()).observe(node);
  drawHead();
  drawRows(true);
  return { node, menu: columnsMenu(columns, hide), note: note(table) };
}

function note({ columns, rows }) {
  return `${plural(rows.length, "row")}, ${plural(columns.length, "column")}`;
}

function columnsMenu(columns, hide) {
  const hidden = new Set();
  const summary = h("summary.button.small", `Columns (${count(columns.length)})`);
  const menu = h("details.columns-menu", summary, h("div", columns.map((column, at) =>
    h("label.check", h("input", {
      type: "checkbox", checked: true,
      onchange: (event) => {
        if (event.target.checked) hidden.delete(at);
        else hidden.add(at);
        hide(hidden);
      },
    }), column.name))));
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      event.stopPropagation();
      menu.open = false;
      summary.focus();
    }
  });
  return menu;
}

function widthOf(column, at, rows) {
  let longest = column.name.length + column.type.length + 3;
  for (const row of rows.slice(0, SAMPLED_ROWS)) {
    longest = Math.max(longest, (cellText(row[at], column) ?? "null").length);
  }
  return Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, longest * CHARACTER_PIXELS + 26)));
}
