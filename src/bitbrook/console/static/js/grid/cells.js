/** A value as the text of its cell, and how two values are ordered. */

const collator = new Intl.Collator("en", { numeric: true });

/**
 * @param {any} value
 * @param {import("../query/results.js").Column} column
 */
export function cellText(value, column) {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" && column.scale) return value.toFixed(column.scale);
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * Return the places of rows, ordered by one column; what is null comes last, either way.
 * @param {any[][]} rows
 * @param {number} at
 * @param {import("../query/results.js").Column} column
 * @param {boolean} isDescending
 */
export function sorted(rows, at, column, isDescending) {
  const sign = isDescending ? -1 : 1;
  const order = Array.from(rows.keys());
  const isNumber = column.kind === "number";
  const keys = rows.map((row) => key(row[at], column, isNumber));
  return order.sort((a, b) => {
    const [left, right] = [keys[a], keys[b]];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    if (typeof left === "string") return sign * collator.compare(left, String(right)) || a - b;
    return sign * (left < right ? -1 : Number(left > right)) || a - b;
  });
}

/** @returns {any} a text, a number, or null */
function key(value, column, isNumber) {
  if (value === null || value === undefined) return null;
  if (!isNumber) return cellText(value, column);
  // Integers beyond 53 bits are texts; compared as what they are.
  return typeof value === "string" && /^-?\d+$/.test(value) ? BigInt(value) : Number(value);
}
