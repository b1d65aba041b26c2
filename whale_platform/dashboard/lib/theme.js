// Dark and light. The colours stand in styles/page.css alone; charts read them here and are told when they change.
// Without a choice of the reader's, the system decides, also while the page is open.

import { pref, setPref } from "./prefs.js";
import { byId } from "./dom.js";

const root = document.documentElement;
/** @type {(() => void)[]} */
const listeners = [];

/** A custom property of the theme, such as "--buy". @param {string} name */
export const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();

/** Pixels of one rem: what is drawn on canvas follows the text size. */
export const rem = () => parseFloat(getComputedStyle(root).fontSize);

/** @param {() => void} listener */
export function onTheme(listener) {
  listeners.push(listener);
}

/** @param {string} theme */
function use(theme) {
  root.dataset.theme = theme;
  const other = theme === "dark" ? "Light colours" : "Dark colours";
  byId("theme").setAttribute("aria-label", other);
  byId("theme").title = other;
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", token("--bg"));
  for (const listener of listeners) listener();
}

export function startTheme() {
  use(root.dataset.theme ?? "dark");
  byId("theme").addEventListener("click", () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    setPref("theme", next);
    use(next);
  });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", (event) => {
    if (!pref("theme", "")) use(event.matches ? "light" : "dark");
  });
}
