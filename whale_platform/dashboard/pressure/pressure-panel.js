// Buy and sell pressure of the shown market: which share of the volume the takers bought, over the last 1 to 60 whole
// minutes, from the same windows as the chart. They end where the newest minute of all markets begins, so that a market
// without trades has none to show. Dashes until the past is loaded; what fails is tried again by a timer.

import { element, isVisible, oncePerFrame, setText } from "../lib/dom.js";
import { quantity } from "../lib/format.js";
import { partsOf } from "../lib/panel.js";
import { Retry } from "../lib/retry.js";
import { get } from "../data/api.js";
import { isMarket, onView, view } from "../data/url-state.js";

/** @import { MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { Gap, Page, TradeWindow } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const SPANS = [1, 5, 15, 60]; // minutes
const KEPT = 61; // minutes: the hour and the running one
const DELTA = "Delta: bought less sold by takers, base units";

/** @implements {Panel} */
export class PressurePanel {
  #root;
  #markets;
  #rows;
  /** @type {Map<number, { volume: number, buys: number, trades: number }>} By their begin, epoch seconds. */
  #minutes = new Map();
  /** @type {AbortController | null} */
  #request = null;
  #loaded = false;
  #draw = oncePerFrame(() => this.#render());
  #retry = new Retry(() => this.#reload());

  /** @param {HTMLElement} root @param {MarketCatalogue} markets */
  constructor(root, markets) {
    this.#root = root;
    this.#markets = markets;
    this.#rows = SPANS.map(makeRow);
    partsOf(root).body.append(...this.#rows.map((row) => row.node));
  }

  start() {
    onView((changed) => {
      if (changed.has("symbol") || changed.has("exchange")) this.#open();
    });
    this.#open();
  }

  /** @param {TradeWindow[]} windows */
  onWindows(windows) {
    this.#add(windows.filter(isMarket));
    this.#draw();
  }

  onPrices() {
    this.#draw(); // the newest minute of all markets may be another
  }

  /** @param {Gap} gap */
  onGap(gap) {
    if (gap.topic === "windows") this.#reload();
  }

  onReconnect() {
    this.#reload();
  }

  onVisible() {
    this.#draw();
  }

  #open() {
    this.#minutes.clear();
    this.#loaded = false;
    this.#retry.reset();
    this.#draw();
    this.#reload();
  }

  /** Fetch the last hour. */
  async #reload() {
    this.#request?.abort();
    const { signal } = (this.#request = new AbortController());
    if (!view.symbol) return;
    try {
      /** @type {Page<TradeWindow>} */
      const page = await get("/windows", { exchange: view.exchange, symbol: view.symbol, limit: KEPT }, signal);
      this.#add(page.items);
      this.#loaded = true;
      this.#retry.reset();
    } catch {
      if (!signal.aborted) this.#retry.schedule();
    }
    this.#draw();
  }

  /** @param {TradeWindow[]} windows */
  #add(windows) {
    for (const row of windows) {
      const minute = Math.floor(Date.parse(row.window_start) / 1000);
      if ((this.#minutes.get(minute)?.trades ?? -1) >= row.trade_count) continue;
      const [volume, buys] = [Number(row.volume), Number(row.buy_volume)];
      this.#minutes.set(minute, { volume, buys, trades: row.trade_count });
      if (this.#minutes.size > KEPT) this.#minutes.delete(Math.min(...this.#minutes.keys()));
    }
  }

  #render() {
    if (!isVisible(this.#root)) return;
    const running = Math.max(this.#markets.newestMinute, ...this.#minutes.keys());
    const only = this.#minutes.size === 1 && this.#minutes.has(running);
    const end = only ? running + 60 : running; // whole minutes, where there are any
    SPANS.forEach((span, index) => this.#renderRow(this.#rows[index], end - span * 60, end));
  }

  /** @param {ReturnType<typeof makeRow>} row @param {number} from @param {number} end */
  #renderRow({ meter, bar, share, delta }, from, end) {
    let [volume, buys] = [0, 0];
    for (const [time, minute] of this.#minutes) {
      if (time < from || time >= end) continue;
      volume += minute.volume;
      buys += minute.buys;
    }
    const part = this.#loaded && volume ? buys / volume : null;
    bar.style.width = `${((part ?? 0.5) * 100).toFixed(1)}%`;
    meter.classList.toggle("none", part === null);
    setText(share, part === null ? "–" : `${part >= 0.5 ? "▲" : "▼"} ${(part * 100).toFixed(0)}% buy`);
    share.classList.toggle("sell", part !== null && part < 0.5);
    const net = 2 * buys - volume;
    setText(delta, part === null ? "" : `${net > 0 ? "+" : ""}${quantity(net)}`, DELTA);
  }
}

/** @param {number} span */
function makeRow(span) {
  const bar = element("span", { class: "meter-buy" });
  const meter = element("span", { class: "meter" }, bar);
  const share = element("td", { class: "num share" });
  const delta = element("td", { class: "num" });
  const name = element("th", { scope: "row", text: span === 60 ? "1 h" : `${span} min` });
  const node = element("tr", {}, name, element("td", { class: "meter-cell" }, meter), share, delta);
  return { node, meter, bar, share, delta };
}
