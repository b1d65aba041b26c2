// One whale as a row of a table: the same in the tape, among the top whales, and behind a marker. Side by sign and word
// and colour, tier by its mark and weight, the exact sum in the title.

import { element } from "../lib/dom.js";
import { SIDE, clock, price, tier, usd, whole } from "../lib/format.js";

/** @import { Whale } from "../data/messages.d.ts" */

/** @param {Whale} whale */
export const pathOf = (whale) => `${whale.exchange}/${whale.symbol}/${whale.trade_id}`;

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
    "aria-label": `${when} ${larger ? `${name} ` : ""}${whale.side} ${sum} ${market}`,
    text: when,
    title: clock(whale.event_time, "full"),
  });
  const mark = larger ? element("span", { class: "tier", text: `${Math.floor(times)}×` }) : null;
  const exchange = element("small", { text: whale.exchange.replace(/^sim_/, "") });
  const exact = `${whole(whale.notional_usd)}, ${times.toFixed(1)} times the threshold${larger ? `: ${name}` : ""}`;
  const node = element(
    "tr",
    { class: `${whale.side} ${name}`, "data-whale": pathOf(whale) },
    element("td", {}, button),
    element("td", { class: "side", text: SIDE[whale.side] }),
    element("td", { class: "name", title: market }, element("span", { text: whale.symbol }), exchange),
    element("td", { class: "num", text: price(whale.price, digits) }),
    element("td", { class: "num sum", title: exact }, mark, element("b", { text: sum })),
  );
  node.style.setProperty("--size", `${Math.min(100, 8 + 20 * Math.log2(Math.max(1, times))).toFixed(0)}%`);
  return node;
}
