// On a phone one panel is shown at a time: the tabs choose which. Elsewhere they are hidden and all panels are shown.

import { byId } from "../lib/dom.js";

/** @returns {NodeListOf<HTMLButtonElement>} */
const buttons = () => document.querySelectorAll(".tabs button");
let changed = () => {};

/** Show this tab's panel. @param {string} name */
export function showTab(name) {
  document.body.dataset.tab = name;
  for (const button of buttons()) button.setAttribute("aria-pressed", String(button.dataset.tab === name));
  changed();
}

/** Whether one panel is shown at a time. */
export const hasTabs = () => getComputedStyle(byId("tabs")).display !== "none";

/** @param {() => void} onChange Other panels may have come into sight. */
export function startTabs(onChange) {
  changed = onChange;
  for (const button of buttons()) button.addEventListener("click", () => showTab(button.dataset.tab ?? ""));
  showTab("chart");
  byId("skip").addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    showTab("tape");
    byId("tape").focus();
  });
  addEventListener("resize", changed);
}
