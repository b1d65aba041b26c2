// One whale as a row of a table: the same in the tape, among the top whales, and behind a marker. Side by sign and word
// and colour, tier by its mark and weight, the exact sum in the title. A sweep has a second line: fills, levels, first
// price, slippage.

import { element } from "../lib/dom.js";
import { SIDE, clock, kindName, price, slippage, tier, usd, whole } from "../lib/format.js";

/** @import { Whale } from "../data/messages.d.ts" */

/** @param {Whale} whale */
export const pathOf = (whale) => `${whale.exchange}/${whale.symbol}/${whale.trade_id}:${whale.kind}`;

const OLD_MS = 20 * 3_600_000; // older ones tell their day

/** @param {Whale} whale */
export const isOld = (whale) => Date.now() - Date.parse(whale.event_time) > OLD_MS;

/** The titles of the columns, as a row. */
export function whaleHead() {
  const names = ["Time", "Taker", "Market", "Price", "Notional"];
  return element("tr", {}, ...names.map((text) => element("th", { scope: "col", text })));
}

/**
 * @param {Whale} whale
 * @param {number} digits Decimals of its market's prices.
 * @param {"time" | "minute"} [style] How its time is told while it is of today.
 */
export function whaleRow(whale, digits, style = "time") {
  const old = style === "time" && isOld(whale);
  const when = old ? clock(whale.event_time, "bar").replace(",", "") : clock(whale.event_time, style);
  const { times, name } = tier(whale);
  const larger = name !== "whale";
  const market = `${whale.symbol} on ${whale.exchange}`;
  const sum = usd(whale.notional_usd);
  const button = element("button", {
    class: old ? "row old" : "row",
    type: "button",
    tabindex: -1,
    "aria-label": `${when} ${larger ? `${name} ` : ""}${kindName(whale)} ${whale.side} ${sum} ${market}`,
    text: when,
    title: clock(whale.event_time, "full"),
  });
  const mark = larger ? element("span", { class: "tier", text: `${Math.floor(times)}×` }) : null;
  const exchange = element("small", { text: whale.exchange.replace(/^sim_/, "") });
  const exact = `${whole(whale.notional_usd)}, ${times.toFixed(1)} times the threshold${larger ? `: ${name}` : ""}`;
  const second = secondLine(whale, digits);
  const node = element(
    "tr",
    { class: `${whale.side} ${name} ${whale.kind}`, "data-whale": pathOf(whale) },
    element("td", {}, button),
    element("td", { class: "side" }, element("span", { text: SIDE[whale.side] }), second.kind),
    element("td", { class: "name", title: market }, element("span", { text: whale.symbol }), exchange, second.fills),
    element("td", { class: "num" }, element("span", { text: price(whale.price, digits) }), second.price),
    element("td", { class: "num sum", title: exact }, mark, element("b", { text: sum }), second.slippage),
  );
  showSize(node, whale);
  return node;
}

/**
 * Have a row show another whale, such as a sweep that has grown, or that has taken in the trade that the row showed.
 *
 * @param {HTMLElement} row
 * @param {Whale} whale
 * @param {number} digits Decimals of its market's prices.
 */
export function updateWhaleRow(row, whale, digits) {
  const fresh = whaleRow(whale, digits);
  const [before, now] = [row, fresh].map((node) => /** @type {HTMLElement} */ (node.querySelector("button.row")));
  const focused = before.contains(document.activeElement);
  now.tabIndex = before.tabIndex;
  row.className = fresh.className;
  row.dataset.whale = fresh.dataset.whale;
  showSize(row, whale);
  row.replaceChildren(...fresh.children);
  if (focused) now.focus();
}

/** @param {HTMLElement} row @param {Whale} whale */
function showSize(row, whale) {
  const { times } = tier(whale);
  row.style.setProperty("--size", `${Math.min(100, 8 + 20 * Math.log2(Math.max(1, times))).toFixed(0)}%`);
}

/** @param {Whale} whale @param {number} digits @returns {Record<string, HTMLElement | null>} */
function secondLine(whale, digits) {
  /** @param {string} text @param {string} [title] */
  const line = (text, title) => element("small", { class: "second", text, title });
  const kind = whale.kind === "single_trade" ? null : line(whale.kind);
  if (whale.kind !== "sweep") return { kind, fills: null, price: null, slippage: null };
  return {
    kind,
    fills: fillsOf(whale),
    price: line(`${price(whale.first_price, digits)} →`, "The price of its first fill; above it that of its last"),
    slippage: line(slippage(whale), "Slippage: from its first price to its last, against the taker"),
  };
}

/** "12 fills, 5 levels"; where there is little room the fills alone. @param {Whale} whale */
function fillsOf({ fills, levels }) {
  const more = element("span", { class: "levels", text: `, ${levels} level${levels === 1 ? "" : "s"}` });
  return element("small", { class: "second" }, element("span", { text: `${fills} fills` }), more);
}
