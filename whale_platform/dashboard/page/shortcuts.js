// Keys that work anywhere on the page, and the help that lists them.

import { byId, makeClosable } from "../lib/dom.js";
import { showTab } from "./tabs.js";

export function startShortcuts() {
  const help = byId("help");
  makeClosable(help);
  byId("help-open").addEventListener("click", () => help.showModal());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
    if (event.key === "?") help.showModal();
    else if (event.key === "/") {
      showTab("markets");
      byId("search").focus();
      byId("search").select();
    } else return;
    event.preventDefault();
  });
}
