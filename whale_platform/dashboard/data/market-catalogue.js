// What is known of every market: threshold, currencies, decimals, last price, its day, the closes of its last hour.
// Prices come from live windows; the rest is fetched again every minute, and when a market shows up that is not known.

import { clock, decimals, inDollars } from "../lib/format.js";
import { throttle } from "../lib/dom.js";
import { get } from "./api.js";
import { marketOf } from "./url-state.js";

/** @import { Currencies, Day, LatestRow, Named, Sparkline, SymbolRow, TradeWindow } from "./messages.d.ts" */

/**
 * @typedef {object} MarketState
 * @property {number} digits Decimals of its prices.
 * @property {Map<number, number>} line The closes of the last hour by minute, epoch seconds.
 * @property {number | null} open The price that its day's change counts from.
 * @property {string} [price]
 * @property {number} [minute] Of the price.
 * @property {Day | null} [day]
 * @property {string | null} [note] Why no trade of it can be found to be a whale.
 * @property {string | null} [threshold] USD.
 *
 * @typedef {Named & Partial<Currencies> & MarketState} Market
 */

export const HOUR = 3600; // of the line
const FRESH_MS = 60_000;
const THRESHOLD_USD = 50_000; // until it is known

/**
 * The largest of the day first; those whose sums are dollars before the others, which compare with their own kind.
 *
 * @param {Market} a
 * @param {Market} b
 */
export const byNotional = (a, b) =>
  Number(inDollars(b)) - Number(inDollars(a)) ||
  (inDollars(a) ? 0 : (a.quote ?? "").localeCompare(b.quote ?? "")) ||
  Number(b.day?.notional ?? 0) - Number(a.day?.notional ?? 0);

/** What a day's sum covers: less than a day where the first trade is younger. @param {Day} day */
export const spanOf = (day) =>
  Date.now() - Date.parse(day.since) < 23 * 3_600_000 ? `since ${clock(day.since, "minute")}` : "in 24 h";

/**
 * The change of `price` over the market's day, a fraction; null where it is not known.
 *
 * @param {Market | undefined} market
 * @param {string | undefined} price
 */
export const changeOf = (market, price) => (market?.open && price ? Number(price) / market.open - 1 : null);

export class MarketCatalogue {
  /** @type {Map<string, Market>} */
  #markets = new Map();
  /** @type {(() => void)[]} */
  #listeners = [];
  #loaded = 0;
  #refresh = throttle(() => this.load(), 5_000);
  error = ""; // why the last load failed
  newestMinute = 0; // of all markets, epoch seconds; 0 where none is known

  /** Fetch everything from now on every minute in which the page is in sight; the first `load` is due. */
  start() {
    setInterval(() => document.hidden || this.load(), FRESH_MS);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && performance.now() - this.#loaded >= FRESH_MS) this.load();
    });
  }

  /** Call `listener` after each load, also one that failed. @param {() => void} listener */
  onLoad(listener) {
    this.#listeners.push(listener);
  }

  /** @param {Named} row */
  find(row) {
    return this.#markets.get(marketOf(row));
  }

  list() {
    return [...this.#markets.values()];
  }

  busiest() {
    return this.list().sort(byNotional).at(0);
  }

  exchanges() {
    return [...new Set(this.list().map((market) => market.exchange))].sort();
  }

  /** USD of its smallest whale. @param {Named} row */
  thresholdOf(row) {
    return Number(this.find(row)?.threshold ?? THRESHOLD_USD) || THRESHOLD_USD;
  }

  /** Decimals of its prices. @param {Named} row */
  digitsOf(row) {
    return this.find(row)?.digits ?? 0;
  }

  /** Fetch everything; a failure is in `error`. */
  async load() {
    try {
      const [symbols, latest, lines] = await Promise.all([
        get("/symbols"),
        get("/latest").catch(() => ({ symbols: [] })),
        get("/sparklines", { minutes: HOUR / 60 }).catch(() => ({ items: [] })),
      ]);
      this.#loaded = performance.now();
      for (const row of symbols.items) this.#addSymbol(row);
      for (const row of lines.items) this.#addLine(row);
      for (const row of latest.symbols) this.#addLatest(row);
      this.error = "";
    } catch (error) {
      this.error = /** @type {Error} */ (error).message;
    }
    for (const listener of this.#listeners) listener();
  }

  /** @param {Named} row */
  #held({ exchange, symbol }) {
    let market = this.find({ exchange, symbol });
    if (!market) {
      market = { exchange, symbol, digits: 0, line: new Map(), open: null };
      this.#markets.set(marketOf(market), market);
    }
    return market;
  }

  /** @param {SymbolRow} row */
  #addSymbol({ exchange, symbol, base, quote, usd_via, note, threshold_usd }) {
    Object.assign(this.#held({ exchange, symbol }), { base, quote, usd_via, note, threshold: threshold_usd });
  }

  /** @param {Sparkline} row */
  #addLine(row) {
    const market = this.#held(row);
    row.times.forEach((time, index) => market.line.set(time, Number(row.closes[index])));
    this.newestMinute = Math.max(this.newestMinute, ...row.times);
    market.digits = Math.max(market.digits, decimals(row.closes));
  }

  /** @param {LatestRow} row */
  #addLatest(row) {
    const market = this.#held(row);
    market.minute = Math.max(market.minute ?? 0, Math.floor(Date.parse(row.window.start) / 1000));
    setPrice(market, row.price);
    market.day = row.day;
    market.open = row.day?.change ? Number(row.price) / (1 + Number(row.day.change)) : null;
  }

  /** Take live windows. @param {TradeWindow[]} windows */
  addWindows(windows) {
    for (const row of windows) {
      const market = this.find(row);
      const minute = Math.floor(Date.parse(row.window_start) / 1000);
      this.newestMinute = Math.max(this.newestMinute, minute);
      if (!market) {
        this.#refresh();
        continue;
      }
      if (minute < (market.minute ?? 0)) continue;
      if (minute !== market.minute) this.#trim(market.line);
      market.minute = minute;
      market.line.set(minute, Number(row.close));
      setPrice(market, row.close);
    }
  }

  /** @param {Map<number, number>} line */
  #trim(line) {
    for (const time of line.keys()) if (time <= this.newestMinute - HOUR) line.delete(time);
  }
}

/** @param {Market} market @param {string} text */
function setPrice(market, text) {
  market.price = text;
  market.digits = Math.max(market.digits, decimals([text]));
}
