/** Numbers, sizes and times as people read them. */

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const SPANS = /** @type {const} */ ([
  ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1],
]);

/** @param {number | bigint} value */
export function count(value) {
  return whole.format(value);
}

/** @param {number} value a number for an axis or a small place: 1.2K */
export function compact(value) {
  return Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);
}

/** @param {number} value */
export function bytes(value) {
  let unit = 0;
  let shown = value;
  while (shown >= 1_000 && unit < BYTE_UNITS.length - 1) {
    shown /= 1_000;
    unit += 1;
  }
  return `${unit && shown < 100 ? shown.toFixed(1) : Math.round(shown)} ${BYTE_UNITS[unit]}`;
}

/** @param {number} value bytes in powers of two, as shapes have them */
export function gibibytes(value) {
  return `${whole.format(value / 2 ** 30)} GB`;
}

/** @param {number} value records a second */
export function rate(value) {
  return value > 0 && value < 10 ? value.toFixed(1) : whole.format(Math.round(value));
}

/** @param {number} us microseconds */
export function duration(us) {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1_000).toFixed(us < 10_000 ? 2 : 1)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(2)} s`;
  return `${Math.floor(us / 60_000_000)} min ${Math.round((us / 1_000_000) % 60)} s`;
}

/** @param {string} text a moment as RFC 3339 */
export function moment(text) {
  return clock.format(new Date(text));
}

/** @param {string} text a moment as RFC 3339 */
export function ago(text) {
  const seconds = (new Date(text).getTime() - Date.now()) / 1_000;
  for (const [unit, length] of SPANS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/** @param {number} many @param {string} one @param {string} [several] */
export function plural(many, one, several = `${one}s`) {
  return `${count(many)} ${many === 1 ? one : several}`;
}
