/** The list of completions below the caret: arrows move, Enter or Tab takes, Escape closes. */

import { fill, h, newId } from "../dom.js";

const SHOWN_MAX = 60;
const ROOM_PIXELS = 260;

/**
 * @param {HTMLElement} place what the list is put into
 * @param {HTMLTextAreaElement} input
 * @param {(offset: number) => DOMRect} placeOf where a character stands
 * @param {(completion: any, from: number) => void} accept
 */
export function completionList(place, input, placeOf, accept) {
  const id = newId("completions");
  const list = h("ul.completions", { id, role: "listbox", "aria-label": "completions", hidden: true });
  let found = [];
  let from = 0;
  let at = 0;
  place.append(list);
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", id);

  function show() {
    fill(list, found.map((each, index) => h("li", {
      id: `${id}-${index}`, role: "option", "aria-selected": String(index === at),
      // The editor keeps the focus, or the list would close before it is clicked.
      onpointerdown: (event) => { event.preventDefault(); take(index); },
    }, h("span", each.label), h("span", each.detail))));
    input.setAttribute("aria-activedescendant", `${id}-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function open(completions, start) {
    found = completions.slice(0, SHOWN_MAX);
    from = start;
    at = 0;
    list.hidden = false;
    const caret = placeOf(from);
    const isBelow = window.innerHeight - caret.bottom > ROOM_PIXELS || caret.top < ROOM_PIXELS;
    list.style.left = `${Math.max(8, Math.min(caret.left, window.innerWidth - 280))}px`;
    list.style.top = isBelow ? `${caret.bottom + 4}px` : "auto";
    list.style.bottom = isBelow ? "auto" : `${window.innerHeight - caret.top + 4}px`;
    show();
  }

  function close() {
    list.hidden = true;
    input.removeAttribute("aria-activedescendant");
  }

  function take(index) {
    const chosen = found[index];
    close();
    accept(chosen, from);
    close();
  }

  return {
    open,
    close,
    /** Whether the list took a key; then nobody else does. */
    handles(event) {
      if (list.hidden || event.ctrlKey || event.metaKey) return false;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        at = (at + step + found.length) % found.length;
        show();
      } else if (event.key === "Enter" || event.key === "Tab") take(at);
      else if (event.key === "Escape") close();
      else return false;
      event.preventDefault();
      event.stopPropagation();
      return true;
    },
  };
}
