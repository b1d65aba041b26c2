// The bar under the crosshair in words and figures, and the last bars as a table: the chart for those who can't see it,
// or want the number. Prices are shown with the market's decimals.

import { byId, element, setText } from "../lib/dom.js";
import { clock, percent, price, quantity, zoneName } from "../lib/format.js";

const FIELDS = [
  ["", (bar) => `${clock(bar.time, "bar")}`],
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
const SPOKEN = { 0: "Time", 5: "Change", 6: "Volume" };
const cells = FIELDS.map(([name], at) => {
  const value = element("dd");
  byId("legend").append(element("div", {}, element("dt", {}, name || element("span", { class: "vh", text: SPOKEN[at] })), value));
  return value;
});

/** Show this bar; null where there is none. */
export function showBar(bar, digits) {
  FIELDS.forEach(([, text], at) => setText(cells[at], bar ? text(bar, digits) : "–"));
  byId("legend").classList.toggle("down", Boolean(bar) && bar.close < bar.open);
}

/** One sentence for screen readers. */
export function sayBar(bar, digits) {
  const change = percent(bar.close / bar.open - 1);
  setText(byId("chart-say"), `${clock(bar.time, "bar")}: close ${price(bar.close, digits)}, ${change}, volume ${quantity(bar.volume)}`);
}

/** The newest 60 bars as a table. */
export function showTable(bars, digits) {
  const head = element("tr", {}, ...FIELDS.map(([name], at) => element("th", { scope: "col", class: at ? "num" : null, text: at ? (SPOKEN[at] ?? name) : zoneName() })));
  const rows = bars.slice(-60).reverse();
  const body = rows.map((bar) =>
    element("tr", {}, ...FIELDS.map(([, text], at) => element(at ? "td" : "th", { scope: at ? null : "row", class: at ? "num" : null, text: text(bar, digits) }))),
  );
  const caption = element("caption", { class: "vh", text: "The newest 60 bars, newest first" });
  byId("bars").replaceChildren(element("table", { class: "list data" }, caption, element("thead", {}, head), element("tbody", {}, ...body)));
}
