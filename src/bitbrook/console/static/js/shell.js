/** The frame around every page: where one can go, who one is, and the page itself. */

import { fill, h } from "./dom.js";
import { commandPalette, listenForShortcuts, showShortcuts } from "./shortcuts.js";
import { PLACES, ROUTES } from "./places.js";
import { glyph } from "./parts/glyphs.js";
import { follow } from "./router.js";

const THEME_KEY = "bitbrook.theme";
const ICON = new URL("../icon.svg", import.meta.url).pathname;

/**
 * Return the console of a user.
 * @param {any} user
 * @param {AbortSignal} signal ends it
 * @param {() => void} leave signs out
 */
export function shell(user, signal, leave) {
  const places = PLACES.filter((place) => !place.admin || user.role === "admin");
  const links = places.map((place) => [place, h("a", { href: `#${place.path}` },
    glyph(place.glyph), place.title)]);
  const main = h("main.main", { id: "main", tabindex: -1 });
  const node = h("div.shell");
  const closeMenu = () => toggleMenu(node, false);
  const openPalette = () => commandPalette(places);
  node.append(
    h("a.skip", { href: "#main", onclick: skipTo(main) }, "Skip to the content"),
    topBar(node, openPalette),
    h("div.veil", { onclick: closeMenu }),
    sideBar(user, links, openPalette, leave),
    main,
  );
  node.addEventListener("keydown", (event) => { if (event.key === "Escape") closeMenu(); });
  listenForShortcuts(places, signal, openPalette);
  const routes = ROUTES.filter((route) => !route.admin || user.role === "admin");
  follow(routes, main, user, signal, (path) => {
    closeMenu();
    for (const [place, link] of links) {
      const isHere = place.path === path || place.covers.some((each) => path.startsWith(each));
      if (isHere) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  });
  return node;
}

function sideBar(user, links, openPalette, leave) {
  const admin = links.filter(([place]) => place.group === "admin").map(([, link]) => link);
  return h("aside.side", { id: "side", "aria-label": "console" },
    brand(),
    h("nav.nav", { "aria-label": "main" },
      links.filter(([place]) => place.group !== "admin").map(([, link]) => link),
      admin.length ? h("div.nav-title", "Organisation") : null, admin),
    h("div.side-foot",
      h("div.who", { title: user.email }, user.email),
      h("button.plain", { onclick: openPalette }, glyph("search"), "Go to…", h("kbd", "Ctrl K")),
      h("button.plain", { onclick: showShortcuts }, glyph("query"), "Shortcuts", h("kbd", "?")),
      themeButton(),
      h("a.button.side-link", { href: "#/account" }, glyph("account"), "Account"),
      h("button.plain", { onclick: leave }, glyph("leave"), "Sign out")));
}

function topBar(node, openPalette) {
  return h("header.topbar",
    h("button.plain.icon", {
      "aria-label": "menu", "aria-controls": "side", "aria-expanded": "false",
      onclick: () => toggleMenu(node, !node.classList.contains("menu-open")),
    }, glyph("menu")),
    brand(),
    h("button.plain.icon", { "aria-label": "go to", onclick: openPalette }, glyph("search")));
}

function toggleMenu(node, isOpen) {
  node.classList.toggle("menu-open", isOpen);
  node.querySelector(".topbar [aria-controls]")?.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) node.querySelector(".side a")?.focus();
}

/** Return the mark and name, which lead to the overview. */
export function brand() {
  return h("a.brand", { href: "#/" }, h("img", { src: ICON, alt: "", width: 28, height: 28 }),
    "bitbrook");
}

function themeButton() {
  const text = h("span");
  const button = h("button.plain", { onclick: next }, glyph("theme"), text);
  const show = () => fill(text, `Theme: ${document.documentElement.dataset.theme ?? "system"}`);
  function next() {
    const order = { undefined: "light", light: "dark", dark: undefined };
    const theme = order[String(document.documentElement.dataset.theme)];
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem(THEME_KEY, theme ?? "system");
    } catch {
      // Then the choice holds until the page goes.
    }
    show();
  }
  show();
  return button;
}

function skipTo(main) {
  return (event) => {
    // The address is the page's own: the link must not change it.
    event.preventDefault();
    main.focus();
  };
}
