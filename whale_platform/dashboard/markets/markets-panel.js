// The list of markets: last price, change over 24 hours, the last hour as a line; found by typing, narrowed by
// exchange. Prices come from live windows; the rest is fetched anew every minute, and when a market shows up that is
// not in the list. Also answers what others ask of a market: its threshold and its decimals.

import { byId, element, isVisible, oncePerFrame, reorderChildren, setText, svgElement, throttle } from "../lib/dom.js";
import { amount, clock, decimals, inDollars, percent, price, wholeAmount } from "../lib/format.js";
import { get } from "../data/api.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { isMarket, marketOf, onView, setView, view } from "../data/url-state.js";

const HOUR = 3600; // of a sparkline
const FRESH_MS = 60_000;
const markets = new Map();
let newest = 0;
let loaded = 0;
let walk;
let listeners = [];

export const market = (row) => markets.get(marketOf(row));
export const threshold = (row) => Number(market(row)?.threshold ?? 50_000) || 50_000;
export const digits = (row) => market(row)?.digits ?? 0;
/** The newest minute of all markets, seconds since the epoch; 0 where none is known. */
export const newestMinute = () => newest;
// Sums in dollars first: those of other currencies compare with their own kind alone.
const byNotional = (a, b) =>
  inDollars(b) - inDollars(a) ||
  (inDollars(a) ? 0 : (a.quote ?? "").localeCompare(b.quote ?? "")) ||
  Number(b.day?.notional ?? 0) - Number(a.day?.notional ?? 0);
export const busiest = () => [...markets.values()].sort(byNotional)[0];
export const exchanges = () => [...new Set([...markets.values()].map((one) => one.exchange))].sort();
export const onMarkets = (listener) => listeners.push(listener);

function held(row) {
  const key = marketOf(row);
  if (!markets.has(key)) markets.set(key, { exchange: row.exchange, symbol: row.symbol, digits: 0, line: new Map(), open: null });
  return markets.get(key);
}

function priced(one, text) {
  one.price = text;
  one.digits = Math.max(one.digits, decimals([text]));
}

/** Fetch everything of the list. */
export async function loadMarkets() {
  try {
    const [symbols, board, lines] = await Promise.all([
      get("/symbols"),
      get("/latest").catch(() => ({ symbols: [] })),
      get("/sparklines", { minutes: HOUR / 60 }).catch(() => ({ items: [] })),
    ]);
    loaded = performance.now();
    for (const { exchange, symbol, base, quote, usd_via, note, threshold_usd } of symbols.items) {
      Object.assign(held({ exchange, symbol }), { base, quote, usd_via, note, threshold: threshold_usd });
    }
    for (const row of lines.items) {
      const one = held(row);
      row.times.forEach((time, at) => one.line.set(time, Number(row.closes[at])));
      newest = Math.max(newest, ...row.times);
      one.digits = Math.max(one.digits, decimals(row.closes));
    }
    for (const row of board.symbols) {
      const one = held(row);
      one.minute = Math.max(one.minute ?? 0, Math.floor(Date.parse(row.window.start) / 1000));
      priced(one, row.price);
      one.day = row.day;
      one.open = row.day?.change ? Number(row.price) / (1 + Number(row.day.change)) : null;
    }
    setText(byId("markets-empty"), markets.size ? "" : "No trade yet. Markets appear here with their first trade, a few seconds after the sources answer.");
  } catch (error) {
    setText(byId("markets-empty"), markets.size ? "" : `Markets can't be loaded: ${error.message}.`);
  }
  for (const listener of listeners) listener();
  draw();
}

const refresh = throttle(() => loadMarkets(), 5_000);

/** Live windows. */
export function marketWindows(rows) {
  for (const row of rows) {
    const one = market(row);
    const minute = Math.floor(Date.parse(row.window_start) / 1000);
    newest = Math.max(newest, minute);
    if (!one) {
      refresh();
      continue;
    }
    if (minute < (one.minute ?? 0)) continue;
    if (minute !== one.minute) trim(one.line);
    one.minute = minute;
    one.line.set(minute, Number(row.close));
    priced(one, row.close);
  }
  draw();
}

/** What a day's sum covers: less than a day where the first trade is younger. */
export const spanOf = (day) => (Date.now() - Date.parse(day.since) < 23 * 3_600_000 ? `since ${clock(day.since, "minute")}` : "in 24 h");

export const change = (one) => (one?.open && one.price ? Number(one.price) / one.open - 1 : null);

function trim(closes) {
  for (const time of closes.keys()) if (time <= newest - HOUR) closes.delete(time);
}

/** The points of a line of closes by minute, over the hour that ends with `last`. */
export function spark(all, last) {
  const closes = new Map([...all].filter(([time]) => time > last - HOUR));
  if (closes.size < 2) return "";
  const [low, high] = [Math.min(...closes.values()), Math.max(...closes.values())];
  const x = (time) => 80 * (1 - (last - time) / (HOUR - 60));
  const y = (value) => 22 - (20 * (value - low)) / (high - low || 1);
  return [...closes].sort((a, b) => a[0] - b[0]).map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}

function row(one) {
  one.button = element("button", { class: "row", type: "button", tabindex: -1 }, element("b", { text: one.symbol }));
  one.curve = svgElement("polyline", { points: spark(one.line, newest) });
  one.cells = { price: element("span", { class: "last" }), change: element("span") };
  one.node = element(
    "tr",
    { "data-market": marketOf(one) },
    element("td", {}, one.button, element("small", { text: one.exchange })),
    element("td", { class: "spark" }, svgElement("svg", { viewBox: "0 0 80 24", preserveAspectRatio: "none", "aria-hidden": "true" }, one.curve)),
    element("td", { class: "num" }, one.cells.price, one.cells.change),
  );
}

const curves = throttle(() => {
  for (const one of markets.values()) one.curve?.setAttribute("points", spark(one.line, newest));
}, 5_000);

/** What the search and the exchange of the list let through, in the list's order. */
function found() {
  const wanted = byId("search").value.trim().toLowerCase();
  const on = byId("markets-exchange").value;
  return [...markets.values()]
    .filter((one) => (!on || one.exchange === on) && `${one.symbol} ${one.exchange}`.toLowerCase().includes(wanted))
    .sort((a, b) => a.exchange.localeCompare(b.exchange) || byNotional(a, b));
}

const draw = oncePerFrame(() => {
  if (!isVisible(byId("markets"))) return;
  const rows = found();
  for (const one of rows) {
    if (!one.node) row(one);
    const moved = change(one);
    setText(one.cells.price, price(one.price, one.digits));
    setText(one.cells.change, moved === null ? "" : `${moved < 0 ? "▼" : "▲"} ${percent(Math.abs(moved)).replace("+", "")}`);
    one.node.className = moved < 0 ? "fell" : "rose";
    if (isMarket(one)) one.button.setAttribute("aria-current", "true");
    else one.button.removeAttribute("aria-current");
    if (one.day) one.node.title = `${spanOf(one.day)}: ${amount(one.day.notional, one)} (${wholeAmount(one.day.notional, one)})${one.note ? `; ${one.note}` : ""}`;
  }
  reorderChildren(byId("markets-body"), rows.map((one) => one.node));
  setText(byId("markets-count"), markets.size ? `${rows.length} of ${markets.size}` : "");
  if (markets.size) setText(byId("markets-empty"), rows.length ? "" : "No market fits.");
  walk.settle();
  curves();
});

export function startMarkets() {
  const open = ({ exchange, symbol }) => {
    setView({ exchange, symbol });
    if (getComputedStyle(document.querySelector(".tabs")).display !== "none") document.querySelector('.tabs [data-tab="chart"]').click();
  };
  walk = keyboardList(byId("markets-body"), (node) => {
    const [exchange, symbol] = node.dataset.market.split(/:(.*)/s);
    open({ exchange, symbol });
  });
  byId("search").addEventListener("input", draw);
  byId("search").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") walk.first();
    else if (event.key === "Enter" && found().length) open(found()[0]);
    else if (event.key === "Escape" && event.target.value) event.target.value = "";
    else return;
    event.preventDefault();
    draw();
  });
  byId("markets-exchange").addEventListener("change", draw);
  onView(draw);
  setInterval(() => document.hidden || loadMarkets(), FRESH_MS);
  document.addEventListener("visibilitychange", () => document.hidden || performance.now() - loaded < FRESH_MS || loadMarkets());
}

export const marketsShown = () => draw();
