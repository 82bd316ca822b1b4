/** The dialog that creates a deployment. */

import { h } from "../dom.js";
import { gibibytes } from "../format.js";
import { openDialog } from "../parts/dialog.js";
import { field, form, select } from "../parts/form.js";
import * as resources from "../resources.js";
import { go } from "../router.js";

/** @param {() => void} whenMade called if the page of the new deployment is not gone to */
export async function newDeployment(whenMade) {
  const shapes = await resources.shapes();
  const name = h("input", {
    name: "name", required: true, autocomplete: "off", spellcheck: "false",
    pattern: "[a-z0-9_\\-]+", maxlength: 230,
  });
  const shape = select({ name: "shape" }, shapes.map((each) =>
    [each.name, `${gibibytes(each.memory_bytes)} of memory, for ${each.purpose}`]));
  const close = openDialog("New deployment", form({
    fields: [
      field("Name", name, "lower-case letters, digits, - and _"),
      field("Shape", shape, "the memory that its tables may use"),
    ],
    submit: "Create deployment",
    also: [h("button", { type: "button", onclick: () => close() }, "Cancel")],
    send: async () => {
      const made = await resources.createDeployment(name.value, shape.value);
      close();
      if (made.id) go(`/d/${made.id}`);
      else whenMade();
    },
  }));
}
