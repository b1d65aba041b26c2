// What is being looked at: market, interval, the tape's filters, an open whale. It stands in the address after the
// hash, so that a view can be shared, and going back in the browser goes back here. What makes no sense is left out.

const DEFAULTS = { exchange: "", symbol: "", interval: "1m", tape: "all", on: "", side: "", min: 0, whale: "" };
const INTERVALS = ["1m", "5m", "15m", "1h"];
const SYMBOL = "(?:[A-Za-z0-9._:/-]|(?![\\p{C}\\p{Z}])[^\\x00-\\x7f]){1,40}"; // of any script, as domain/names.py has it
const NAME = new RegExp(`^${SYMBOL}$`, "u");
const MARKET = new RegExp(`^([a-z0-9_]{1,40}):(${SYMBOL})$`, "u");
const WHALE = new RegExp(`^[a-z0-9_]{1,40}/${SYMBOL}/\\d+$`, "u");

export const view = { ...DEFAULTS };
const listeners = [];

/** listener(changed: Set of field names), in the order of registration. */
export function onView(listener) {
  listeners.push(listener);
}

/** Change some fields; `silent` writes no history entry of its own. */
export function setView(changes, silent = false) {
  const changed = new Set(Object.keys(changes).filter((field) => view[field] !== changes[field]));
  if (!changed.size) return;
  Object.assign(view, changes);
  const address = link();
  if (silent) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  for (const listener of listeners) listener(changed);
}

/** The address of the view, or of this one whale in it. */
export function link(whale = view.whale) {
  const said = new URLSearchParams();
  if (view.symbol) said.set("market", `${view.exchange}:${view.symbol}`);
  for (const field of ["interval", "tape", "on", "side", "min"]) {
    if (view[field] !== DEFAULTS[field]) said.set(field, String(view[field]));
  }
  if (whale) said.set("whale", whale);
  const text = said.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return text ? `#${text}` : location.pathname;
}

function read() {
  const said = new URLSearchParams(location.hash.slice(1));
  const out = { ...DEFAULTS, exchange: view.exchange, symbol: view.symbol };
  const market = MARKET.exec(said.get("market") ?? "");
  if (market) [, out.exchange, out.symbol] = market;
  if (INTERVALS.includes(said.get("interval"))) out.interval = said.get("interval");
  if (said.get("tape") === "this") out.tape = "this";
  if (NAME.test(said.get("on") ?? "")) out.on = said.get("on");
  if (["buy", "sell"].includes(said.get("side"))) out.side = said.get("side");
  const min = Number(said.get("min"));
  if (min > 0 && min < 1e12) out.min = min;
  if (WHALE.test(said.get("whale") ?? "")) out.whale = said.get("whale");
  return out;
}

/** Follow the address from now on. */
export function startView() {
  Object.assign(view, read());
  addEventListener("popstate", () => {
    const next = read();
    const changed = new Set(Object.keys(next).filter((field) => view[field] !== next[field]));
    Object.assign(view, next);
    if (changed.size) for (const listener of listeners) listener(changed);
  });
}

export const marketOf = (row) => `${row.exchange}:${row.symbol}`;
export const isMarket = (row) => row.exchange === view.exchange && row.symbol === view.symbol;
