// Which whales the reader wants to see: the filters of the tape, which stand in the address, applied to a whale, as
// parameters of the API, and in words. The tape and the plots of the flow have the same.

import { isMarket, view } from "./url-state.js";

/** @import { Kind, Tier, Whale } from "./messages.d.ts" */
/** @import { Changed } from "./url-state.js" */

/** The fields of the view that are filters. */
export const FILTERS = /** @type {const} */ (["tape", "on", "kind", "tier", "side", "min"]);

/** @type {Tier[]} Smallest first. */
export const TIERS = ["whale", "large", "giant"];

/** The chosen tier and those above it; none where all are wanted. */
const wantedTiers = () => (view.tier ? TIERS.slice(TIERS.indexOf(view.tier)) : []);

/** Whether the filters let a whale pass. @param {Whale} whale */
export function passesFilter(whale) {
  if (view.tape === "this" ? !isMarket(whale) : view.on && whale.exchange !== view.on) return false;
  if (view.kind && whale.kind !== view.kind) return false;
  if (view.tier && !wantedTiers().includes(whale.tier)) return false;
  return (!view.side || whale.side === view.side) && Number(whale.notional_usd) >= view.min;
}

/** The filters as parameters of the API. */
export function currentFilter() {
  const names = view.tape === "this" ? { exchange: view.exchange, symbol: view.symbol } : { exchange: view.on };
  const min = view.min ? String(view.min) : "";
  return { ...names, kind: view.kind, tier: wantedTiers(), side: view.side, min_notional: min };
}

/** @type {Record<Kind, string>} */
const KINDS = { single_trade: "single trades", sweep: "sweeps", block: "blocks", liquidation: "liquidations" };

/** The exchanges to choose from: all of these, and the chosen one. @param {string[]} exchanges */
export const exchangeChoices = (exchanges) =>
  !view.on || exchanges.includes(view.on) ? exchanges : [...exchanges, view.on];

/** The filters in words. */
export function describeFilter() {
  const names = view.tape === "this" ? `${view.symbol} on ${view.exchange}` : view.on || "all markets";
  const kind = view.kind && KINDS[view.kind];
  const size = view.min && `≥ $${view.min.toLocaleString("en-US")}`;
  const tier = wantedTiers().join(" and ");
  const extra = [kind, tier, view.side && `${view.side}s`, size].filter(Boolean);
  return extra.length ? `${names}, ${extra.join(", ")}` : names;
}

/** Whether the view's change is one of the filters too. @param {Changed} changed */
export function filterChanged(changed) {
  const moved = view.tape === "this" && (changed.has("symbol") || changed.has("exchange"));
  return moved || FILTERS.some((field) => changed.has(field));
}
