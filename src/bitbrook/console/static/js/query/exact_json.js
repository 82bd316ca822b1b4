/**
 * JSON whose numbers stay what the server wrote. A JavaScript number has 53 bits: ids and integers
 * beyond them stay texts of their digits. Only answers that have such numbers pay for it.
 */

const LONG = /\d{16}/;

/** @param {string} text */
export function parseExactly(text) {
  if (!LONG.test(text)) return JSON.parse(text);
  return JSON.parse(text, /** @type {any} */ ((_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    // Decimals with more digits than a number has are texts too.
    return source && !/[eE]/.test(source) && String(value) !== trimmed(source) ? source : value;
  }));
}

function trimmed(source) {
  return source.includes(".") ? source.replace(/\.?0+$/, "") : source;
}
