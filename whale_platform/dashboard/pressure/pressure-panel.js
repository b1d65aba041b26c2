// Buy and sell pressure of the shown market: which share of the volume the takers bought, over the last 1 to 60 whole
// minutes, from the same windows as the chart. They end where the newest minute of all markets begins, so that a market
// without trades has none to show. Dashes until the past is loaded; what fails is tried again by a timer.

import { byId, element, isVisible, oncePerFrame, setText } from "../lib/dom.js";
import { get } from "../data/api.js";
import { quantity } from "../lib/format.js";
import { newestMinute } from "../markets/markets-panel.js";
import { Retry } from "../lib/retry.js";
import { isMarket, onView, view } from "../data/url-state.js";

const SPANS = [1, 5, 15, 60];
const KEPT = 61; // minutes: the hour and the running one
const minutes = new Map();
let leave = null;
let loaded = false;

const rows = SPANS.map((span) => {
  const bar = element("span", { class: "meter-buy" });
  const row = { bar, share: element("td", { class: "num share" }), delta: element("td", { class: "num" }) };
  byId("pressure").append(
    element("tr", {}, element("th", { scope: "row", text: span === 60 ? "1 h" : `${span} min` }), element("td", { class: "meter-cell" }, element("span", { class: "meter" }, bar)), row.share, row.delta),
  );
  return row;
});

const draw = oncePerFrame(() => {
  if (!isVisible(byId("pressure-part"))) return;
  const running = Math.max(newestMinute(), ...minutes.keys());
  const end = minutes.size === 1 && minutes.has(running) ? running + 60 : running; // whole minutes, where there are any
  SPANS.forEach((span, at) => {
    let [volume, buys] = [0, 0];
    for (const [minute, one] of minutes) {
      if (minute < end - span * 60 || minute >= end) continue;
      volume += one.volume;
      buys += one.buys;
    }
    const share = loaded && volume ? buys / volume : null;
    const { bar, share: cell, delta } = rows[at];
    bar.style.width = `${((share ?? 0.5) * 100).toFixed(1)}%`;
    bar.parentElement.classList.toggle("none", share === null);
    setText(cell, share === null ? "–" : `${share >= 0.5 ? "▲" : "▼"} ${(share * 100).toFixed(0)}% buy`);
    cell.classList.toggle("sell", share !== null && share < 0.5);
    setText(delta, share === null ? "" : `${2 * buys > volume ? "+" : ""}${quantity(2 * buys - volume)}`, "Delta: bought less sold by takers, base units");
  });
});

function add(row) {
  const minute = Math.floor(Date.parse(row.window_start) / 1000);
  if (minutes.get(minute)?.trades >= row.trade_count) return;
  minutes.set(minute, { volume: Number(row.volume), buys: Number(row.buy_volume), trades: row.trade_count });
  if (minutes.size > KEPT) minutes.delete(Math.min(...minutes.keys()));
}

/** Live windows. */
export function pressureWindows(windows) {
  windows.filter(isMarket).forEach(add);
  draw();
}

/** The last hour from the server: at first, and after a loss of windows. */
export async function pressureLoad() {
  leave?.abort();
  const mine = (leave = new AbortController());
  if (!view.symbol) return;
  try {
    const page = await get("/windows", { exchange: view.exchange, symbol: view.symbol, limit: KEPT }, mine.signal);
    page.items.forEach(add);
    loaded = true;
    retry.stop();
  } catch {
    if (!mine.signal.aborted) retry.later();
  }
  draw();
}

const retry = new Retry(pressureLoad);

function open() {
  minutes.clear();
  loaded = false;
  retry.stop();
  draw();
  pressureLoad();
}

export const pressureShown = () => draw();

export function startPressure() {
  onView((changed) => (changed.has("symbol") || changed.has("exchange")) && open());
  open();
}
