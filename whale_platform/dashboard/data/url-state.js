// What is being looked at: market, interval, the tape's filters, an open whale. It stands in the address after the
// hash, so that a view can be shared, and going back in the browser goes back here. What makes no sense is left out.
// There is one of it, as there is one address.

/** @import { Kind, Named, Side, Tier } from "./messages.d.ts" */

/**
 * @typedef {object} View
 * @property {string} exchange
 * @property {string} symbol Empty until a market is chosen.
 * @property {Interval} interval
 * @property {"all" | "this"} tape Whales of which markets.
 * @property {string} on The tape's exchange; empty: all.
 * @property {"" | Kind} kind
 * @property {"" | Tier} tier Whales of this tier and larger ones.
 * @property {"" | Side} side
 * @property {number} min USD of the smallest whale.
 * @property {string} whale Path of the whale that is open; empty: none.
 *
 * @typedef {"1m" | "5m" | "15m" | "1h"} Interval
 * @typedef {Set<keyof View>} Changed
 */

/** @type {View} */
const DEFAULTS = {
  exchange: "",
  symbol: "",
  interval: "1m",
  tape: "all",
  on: "",
  kind: "",
  tier: "",
  side: "",
  min: 0,
  whale: "",
};
/** @type {Interval[]} */
const INTERVALS = ["1m", "5m", "15m", "1h"];
const FIELDS = /** @type {(keyof View)[]} */ (Object.keys(DEFAULTS));
/** @type {(keyof View)[]} */
const IN_ADDRESS = ["interval", "tape", "on", "kind", "tier", "side", "min"];
/** @type {Kind[]} */
const KINDS = ["single_trade", "sweep", "block", "liquidation"];
// Of any script, as domain/names.py has it.
const SYMBOL = "(?:[A-Za-z0-9._:/-]|(?![\\p{C}\\p{Z}])[^\\x00-\\x7f]){1,40}";
const NAME = new RegExp(`^${SYMBOL}$`, "u");
const MARKET = new RegExp(`^([a-z0-9_]{1,40}):(${SYMBOL})$`, "u");
const WHALE = new RegExp(`^[a-z0-9_]{1,40}/${SYMBOL}/\\d+(?::(?:${KINDS.join("|")}))?$`, "u");

export const view = { ...DEFAULTS };
/** @type {((changed: Changed) => void)[]} */
const listeners = [];

/**
 * Call `listener` with the names of the changed fields, in the order of registration.
 *
 * @param {(changed: Changed) => void} listener
 */
export function onView(listener) {
  listeners.push(listener);
}

/** @param {Partial<View>} next */
function assign(next) {
  const changed = new Set(FIELDS.filter((field) => next[field] !== undefined && next[field] !== view[field]));
  Object.assign(view, next);
  return changed;
}

/**
 * Change some fields.
 *
 * @param {Partial<View>} changes
 * @param {boolean} [silent] No history entry of its own is written.
 */
export function setView(changes, silent = false) {
  const changed = assign(changes);
  if (!changed.size) return;
  const address = link();
  if (silent) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  for (const listener of listeners) listener(changed);
}

/** The address of the view, or of this one whale in it. */
export function link(whale = view.whale) {
  const said = new URLSearchParams();
  if (view.symbol) said.set("market", `${view.exchange}:${view.symbol}`);
  for (const field of IN_ADDRESS) {
    if (view[field] !== DEFAULTS[field]) said.set(field, String(view[field]));
  }
  if (whale) said.set("whale", whale);
  const text = said.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return text ? `#${text}` : location.pathname;
}

function read() {
  const said = new URLSearchParams(location.hash.slice(1));
  const field = (/** @type {string} */ name) => said.get(name) ?? "";
  const out = { ...DEFAULTS, exchange: view.exchange, symbol: view.symbol };
  const market = MARKET.exec(field("market"));
  if (market) [, out.exchange, out.symbol] = market;
  out.interval = INTERVALS.find((interval) => interval === field("interval")) ?? out.interval;
  if (field("tape") === "this") out.tape = "this";
  if (NAME.test(field("on"))) out.on = field("on");
  out.kind = KINDS.find((kind) => kind === field("kind")) ?? "";
  const tier = field("tier");
  if (tier === "large" || tier === "giant") out.tier = tier;
  const side = field("side");
  if (side === "buy" || side === "sell") out.side = side;
  const min = Number(field("min"));
  if (min > 0 && min < 1e12) out.min = min;
  if (WHALE.test(field("whale"))) out.whale = field("whale");
  return out;
}

/** Follow the address from now on. */
export function startView() {
  Object.assign(view, read());
  addEventListener("popstate", () => {
    const changed = assign(read());
    if (changed.size) for (const listener of listeners) listener(changed);
  });
}

/** @param {Named} row */
export const marketOf = (row) => `${row.exchange}:${row.symbol}`;

/** Whether a row is of the market in sight. @param {Named} row */
export const isMarket = (row) => row.exchange === view.exchange && row.symbol === view.symbol;
