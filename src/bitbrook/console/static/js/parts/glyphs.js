/** The few pictures of the console, drawn in strokes of the text's colour. */

import { s } from "../dom.js";

const PATHS = {
  overview: "M3 13h4V8H3zM10 13h4V3h-4zM17 13h0",
  sources: "M2 4c3 0 3 3 6 3s3-3 6-3M2 9c3 0 3 3 6 3s3-3 6-3",
  query: "M3 4l4 4-4 4M9 12h5",
  endpoints: "M2.5 8h7M7 5l3 3-3 3M12.500 3v10",
  users: "M6 7.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.500c0-2.5 2-4 4.5-4"
    + "s4.5 1.5 4.5 4M11 3a2.2 2.2 0 0 1 0 4.200M12.5 9.800c1.3.6 2 1.9 2 3.7",
  keys: "M9.5 9.500a3.5 3.5 0 1 0-3-3L2 11v3h3v-2h2v-2zM11.2 4.800h0",
  audit: "M3.5 2h9v12h-9zM6 5.500h4M6 8h4M6 10.500h2.5",
  account: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c.5-3 2.7-4.5 5.5-4.500s5 1.5 5.5 4.5",
  theme: "M8 2.200a5.8 5.8 0 1 0 0 11.600zM8 2.200a5.8 5.8 0 0 1 0 11.6",
  leave: "M6 2.500H3v11h3M10 5l3 3-3 3M13 8H6.5",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM14 14l-3.5-3.5",
  menu: "M2.5 4.500h11M2.5 8h11M2.5 11.500h11",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  copy: "M5.5 5.500h8v8h-8zM3 10.500H2.500v-8h8V3",
  check: "M3 8.500l3.5 3.500L13 4.5",
  play: "M5 3l8 5-8 5z",
  stop: "M4 4h8v8H4z",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  bin: "M3 4.500h10M6 4.500V3h4v1.500M4.5 4.500l.5 9h6l.5-9",
};

/**
 * Return a picture, hidden from whoever reads by ear: the text beside it says the same.
 * @param {keyof typeof PATHS} name
 */
export function glyph(name) {
  return s("svg.glyph", { viewBox: "0 0 16 16", "aria-hidden": "true" },
    s("path", { d: PATHS[name] }));
}
