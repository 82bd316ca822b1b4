/** Short messages in the corner that go by themselves, and that whoever reads by ear hears. */

import { h } from "../dom.js";
import { glyph } from "./glyphs.js";
import { sentence } from "./states.js";

const SHOWN_MS = 6_000;

/** @param {string} text */
export function tell(text) {
  show(h("div.toast", h("p", text)));
}

/** @param {any} error */
export function complain(error) {
  if (error?.name !== "AbortError") show(h("div.toast.bad", h("p", sentence(error.message))));
}

function show(toast) {
  const place = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  const close = () => toast.remove();
  toast.append(h("button.plain.icon.small", { onclick: close, "aria-label": "dismiss" },
    glyph("close")));
  place.append(toast);
  let timer = setTimeout(close, SHOWN_MS);
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => { timer = setTimeout(close, SHOWN_MS); });
}
