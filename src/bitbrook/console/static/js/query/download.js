/** A statement's answer as a file, asked for anew in the form that is wanted. */

import { h } from "../dom.js";
import { complain, tell } from "../parts/toast.js";
import * as resources from "../resources.js";

const FORMS = [
  ["CSV", "csv", "text/csv"],
  ["Parquet", "parquet", "application/vnd.apache.parquet"],
  ["Arrow", "arrows", "application/vnd.apache.arrow.stream"],
];

/**
 * Return a button for each form.
 * @param {string} deployment
 * @param {string} statement SQL
 */
export function downloadButtons(deployment, statement) {
  return FORMS.map(([title, extension, accept]) => h("button.small", {
    type: "button", "aria-label": `download as ${title}`,
    onclick: (event) => busy(event.currentTarget, async () => {
      const response = await resources.ask(deployment, "sql", statement, { accept });
      saveAs(await response.blob(), `result.${extension}`);
      tell(`Saved result.${extension}.`);
    }),
  }, title));
}

/** @param {Blob} blob @param {string} name */
export function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @param {any} button @param {() => Promise<void>} work */
export async function busy(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
}
