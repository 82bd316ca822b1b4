/**
 * An editor: a textarea over a layer that shows the same text in colours. The browser does the
 * editing (undo, input methods, spelling by ear), the layer only paints. Tab moves on to the next
 * control unless completions are open, so the keyboard is never caught.
 */

import { fill, h } from "../dom.js";
import { completionList } from "./completion_list.js";
import { tokens } from "./tokens.js";

const COLOURED_MAX = 60_000;
const PAINTED = { keyword: "keyword", call: "call", text: "text", number: "number",
  comment: "comment", key: "call" };

/**
 * @typedef {{label: string, detail: string, insert?: string}} Completion
 * @param {object} options
 * @param {string} options.label
 * @param {import("./tokens.js").Language} options.language
 * @param {string} [options.text]
 * @param {string} [options.id]
 * @param {(before: string, language: string) => {from: number, found: Completion[]} | null}
 *   [options.complete] what could stand at the caret, given the text before it
 * @param {(text: string) => void} [options.whenChanged]
 */
export function editor({ label, language, text = "", id, complete, whenChanged = () => {} }) {
  let speaks = language;
  /** @type {[number, number] | null} */
  let fault = null;
  const paint = h("pre", { "aria-hidden": "true" });
  const input = h("textarea", {
    id, "aria-label": label, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    autocorrect: "off", value: text, rows: 1,
  });
  const node = h("div.editor", h("div.editor-body", paint, input));
  const list = complete ? completionList(node, input, placeOf, accept) : null;

  function show() {
    const value = input.value;
    const shown = value.length > COLOURED_MAX ? [{ kind: "name", text: value, start: 0 }]
      : tokens(value, speaks);
    // A last line that is empty takes room only if something stands in it.
    fill(paint, shown.map((token) => painted(token, fault)), value.endsWith("\n") || !value ? " " : null);
  }

  function changed() {
    fault = null;
    show();
    whenChanged(input.value);
  }

  function suggest(isAsked) {
    if (!complete || !list) return;
    const before = input.value.slice(0, input.selectionStart);
    const found = input.selectionStart === input.selectionEnd ? complete(before, speaks) : null;
    const isWorth = found && found.found.length && (isAsked || before.length > found.from);
    if (found && isWorth) list.open(found.found, found.from);
    else list.close();
  }

  function accept(completion, from) {
    input.setSelectionRange(from, input.selectionStart);
    insert(completion.insert ?? completion.label);
  }

  function insert(words) {
    input.focus();
    // Only this command keeps the browser's undo; where it is gone the text is set without.
    if (!document.execCommand("insertText", false, words)) {
      input.setRangeText(words, input.selectionStart, input.selectionEnd, "end");
      changed();
    }
  }

  function placeOf(offset) {
    const range = document.createRange();
    const [textNode, at] = nodeAt(paint, offset);
    range.setStart(textNode, at);
    range.setEnd(textNode, at);
    const [box] = range.getClientRects();
    return box ?? input.getBoundingClientRect();
  }

  input.addEventListener("input", () => { changed(); suggest(false); });
  input.addEventListener("keydown", (event) => {
    if (list?.handles(event)) return;
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      suggest(true);
    }
  });
  input.addEventListener("blur", () => list?.close());
  show();

  return {
    node,
    input,
    insert,
    get text() { return input.value; },
    set text(value) { input.value = value; changed(); },
    /** @param {import("./tokens.js").Language} language */
    speak(language) { speaks = language; show(); },
    /** Mark what is wrong, from a line and column, both from 1. */
    markFault(line, column) {
      const start = offsetOf(input.value, line, column);
      const word = /^[\w-]+/.exec(input.value.slice(start));
      fault = [start, start + (word ? word[0].length : 1)];
      show();
    },
  };
}

function painted(token, fault) {
  const end = token.start + token.text.length;
  const isFault = fault && token.start < fault[1] && end > fault[0];
  const kind = PAINTED[token.kind];
  if (!kind && !isFault) return token.text;
  return h("span", { class: `${kind ? `t-${kind}` : ""} ${isFault ? "t-fault" : ""}` }, token.text);
}

/** Return the text node of the layer that holds an offset, and the place in it. */
function nodeAt(layer, offset) {
  const walker = document.createTreeWalker(layer, NodeFilter.SHOW_TEXT);
  let rest = offset;
  let node = walker.nextNode();
  while (node) {
    const length = node.textContent?.length ?? 0;
    if (rest <= length) return [node, rest];
    rest -= length;
    node = walker.nextNode();
  }
  return [layer, layer.childNodes.length];
}

function offsetOf(text, line, column) {
  const lines = text.split("\n");
  return lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
}
