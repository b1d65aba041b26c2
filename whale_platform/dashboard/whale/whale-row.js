// One whale as a row of a table: the same in the tape, among the top whales, and behind a marker. Side by sign and word
// and colour, tier by its mark and weight, the exact sum in the title.

import { element } from "../lib/dom.js";
import { SIDE, clock, price, tier, usd, whole } from "../lib/format.js";
import { digits } from "../markets/markets-panel.js";

export const pathOf = (whale) => `${whale.exchange}/${whale.symbol}/${whale.trade_id}`;

const OLD_MS = 20 * 3_600_000; // older ones tell their day

export const isOld = (whale) => Date.now() - Date.parse(whale.event_time) > OLD_MS;

/** style: how its time is told while it is of today. */
export function whaleRow(whale, style = "time") {
  const old = style === "time" && isOld(whale);
  const when = old ? clock(whale.event_time, "bar").replace(",", "") : clock(whale.event_time, style);
  const { times, name } = tier(whale);
  const mark = name === "whale" ? null : element("span", { class: "tier", text: `${Math.floor(times)}×` });
  const label = `${name === "whale" ? "" : `${name} `}${whale.side} ${usd(whale.notional_usd)} ${whale.symbol} on ${whale.exchange}`;
  const node = element(
    "tr",
    { class: `${whale.side} ${name}`, "data-whale": pathOf(whale) },
    element("td", {}, element("button", { class: old ? "row old" : "row", type: "button", tabindex: -1, "aria-label": `${when} ${label}`, text: when, title: clock(whale.event_time, "full") })),
    element("td", { class: "side", text: SIDE[whale.side] }),
    element("td", { class: "name", title: `${whale.symbol} on ${whale.exchange}` }, element("span", { text: whale.symbol }), element("small", { text: whale.exchange.replace(/^sim_/, "") })),
    element("td", { class: "num", text: price(whale.price, digits(whale)) }),
    element("td", { class: "num sum", title: `${whole(whale.notional_usd)}, ${times.toFixed(1)} times the threshold${name === "whale" ? "" : `: ${name}`}` }, mark, element("b", { text: usd(whale.notional_usd) })),
  );
  node.style.setProperty("--size", `${Math.min(100, 8 + 20 * Math.log2(Math.max(1, times))).toFixed(0)}%`);
  return node;
}
