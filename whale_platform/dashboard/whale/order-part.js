// A sweep in a whale's context: what it consists of, and the whales that belong together with it.

import { element } from "../lib/dom.js";
import { price, slippage } from "../lib/format.js";
import { none, part } from "./part.js";
import { whaleHead } from "./whale-row.js";

/** @import { Whale } from "../data/messages.d.ts" */
/** @import { WhaleContext } from "../data/whale-context.d.ts" */
/** @import { Fact } from "./part.js" */

/** @param {Whale} whale @param {number} digits @returns {Fact[]} */
export function sweepFacts(whale, digits) {
  const vwap = whale.vwap === null ? "–" : price(Number(whale.vwap), digits);
  return [
    ["Fills", `${whale.fills} at ${whale.levels} level${whale.levels === 1 ? "" : "s"}`],
    ["First, last price", `${price(whale.first_price, digits)} → ${price(whale.price, digits)}`],
    ["Slippage", slippage(whale), whale.slippage_bps ?? undefined],
    ["VWAP", vwap, whale.vwap ?? undefined],
  ];
}

/**
 * The sweep that a single trade is a fill of, or the fills of a sweep that are whales by themselves.
 *
 * @param {WhaleContext} context
 * @param {(whale: Whale) => HTMLElement} rowOf
 */
export function orderPart({ whale, sweep, parts }, rowOf) {
  const heading = whale.kind === "sweep" ? "Its large fills" : "The sweep that it is a fill of";
  const whales = sweep ? [sweep] : parts;
  if (!whales.length) {
    const text = whale.kind === "sweep" ? "No fill of it is a whale by itself." : "It is known to be a fill of none.";
    return part("order", heading, none(text));
  }
  const body = element("tbody", {}, ...whales.map(rowOf));
  const list = element("table", { class: "list tape" }, element("thead", {}, whaleHead()), body);
  return part("order", heading, list);
}
