// The bar under the crosshair in words and figures, and the last bars as a table: the chart for those who can't see it,
// or want the number. Prices are shown with the market's decimals.

import { element, setText } from "../lib/dom.js";
import { clock, percent, price, quantity, zoneName } from "../lib/format.js";

/** @import { Bar } from "../data/bars.js" */

/** @type {[string, (bar: Bar, digits: number) => string][]} Name, and text of a bar. */
const FIELDS = [
  ["", (bar) => clock(bar.time, "bar")],
  ["O", (bar, digits) => price(bar.open, digits)],
  ["H", (bar, digits) => price(bar.high, digits)],
  ["L", (bar, digits) => price(bar.low, digits)],
  ["C", (bar, digits) => price(bar.close, digits)],
  ["", (bar) => percent(bar.close / bar.open - 1)],
  ["Vol", (bar) => quantity(bar.volume)],
  ["VWAP", (bar, digits) => (bar.vwap === null ? "–" : price(bar.vwap, digits))],
  ["Delta", (bar) => quantity(2 * bar.buys - bar.volume)],
  ["CVD", (bar) => (bar.vwap === null ? "–" : quantity(bar.delta))],
  ["Trades", (bar) => bar.trades.toLocaleString("en-US")],
];
/** @type {Record<number, string>} Names of fields that have none, or a short one. */
const SPOKEN = { 0: "Time", 5: "Change", 6: "Volume" };

export class Legend {
  #list;
  #cells;

  /** @param {HTMLElement} list Filled by it. */
  constructor(list) {
    this.#list = list;
    this.#cells = FIELDS.map(([name], index) => {
      const value = element("dd");
      const spoken = element("span", { class: "vh", text: SPOKEN[index] });
      list.append(element("div", {}, element("dt", {}, name || spoken), value));
      return value;
    });
  }

  /** Show this bar; null where there is none. @param {Bar | null} bar @param {number} digits */
  show(bar, digits) {
    FIELDS.forEach(([, text], index) => setText(this.#cells[index], bar ? text(bar, digits) : "–"));
    this.#list.classList.toggle("down", bar !== null && bar.close < bar.open);
  }
}

/** A bar as a sentence for screen readers. @param {Bar} bar @param {number} digits */
export function sentence(bar, digits) {
  const change = percent(bar.close / bar.open - 1);
  return `${clock(bar.time, "bar")}: close ${price(bar.close, digits)}, ${change}, volume ${quantity(bar.volume)}`;
}

/** The newest 60 bars as a table. @param {Bar[]} bars @param {number} digits */
export function table(bars, digits) {
  const names = FIELDS.map(([name], index) => {
    const text = index ? (SPOKEN[index] ?? name) : zoneName();
    return element("th", { scope: "col", class: index ? "num" : null, text });
  });
  const rows = bars.slice(-60).reverse().map((bar) => {
    const [[, time], ...others] = FIELDS;
    const cells = others.map(([, text]) => element("td", { class: "num", text: text(bar, digits) }));
    return element("tr", {}, element("th", { scope: "row", text: time(bar, digits) }), ...cells);
  });
  const caption = element("caption", { class: "vh", text: "The newest 60 bars, newest first" });
  const head = element("thead", {}, element("tr", {}, ...names));
  return element("table", { class: "list data" }, caption, head, element("tbody", {}, ...rows));
}
