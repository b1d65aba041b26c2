// What the parts of a whale's context are made of: a section with a heading, facts, a table, a sentence.

import { element } from "../lib/dom.js";

/** @typedef {[name: string, value: string, title?: string]} Fact */

/** @param {string} name @param {string} heading @param {Node[]} children */
export function part(name, heading, ...children) {
  return element("section", { class: `part ${name}` }, element("h3", { text: heading }), ...children);
}

/** @param {Fact[]} pairs */
export function facts(pairs) {
  const rows = pairs.map(([name, value, title]) =>
    element("div", {}, element("dt", { text: name }), element("dd", { text: value, title })),
  );
  return element("dl", { class: "facts" }, ...rows);
}

/** @param {[text: string, number: boolean][]} names @param {Node[]} rows */
export function table(names, rows) {
  const cells = names.map(([text, number]) => element("th", { scope: "col", class: number ? "num" : null, text }));
  const head = element("thead", {}, element("tr", {}, ...cells));
  return element("table", { class: "list data" }, head, element("tbody", {}, ...rows));
}

/** @param {string} text */
export const none = (text) => element("p", { class: "note", text });
