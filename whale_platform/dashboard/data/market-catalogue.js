// What is known of every market: threshold, currencies, decimals, last price, its day, the closes of its last hour.
// Prices come from live tickers; the rest is fetched again every minute, and when a market shows up that is not known.
// The closes are fetched once for each market that comes into sight (market-lines.js) and grow by tickers from then on.

import { clock, decimals, inDollars } from "../lib/format.js";
import { throttle } from "../lib/dom.js";
import { get } from "./api.js";
import { marketOf } from "./url-state.js";

/** @import { Currencies, Day, LatestRow, Named, Sparkline, SymbolRow, Tickers } from "./messages.d.ts" */

/**
 * @typedef {object} MarketState
 * @property {number} digits Decimals of its prices.
 * @property {Map<number, number>} line The closes of the last hour by minute, epoch seconds.
 * @property {number | null} open The price that its day's change counts from.
 * @property {string} [price]
 * @property {number} [minute] Of the price.
 * @property {boolean} [pushed] Whether the price came by the stream: then a response of its minute may be older.
 * @property {boolean} [stale] Whether its feed is broken.
 * @property {boolean} [quiet] Whether nobody trades it while its feed works.
 * @property {string | null} [reason] Why it is stale.
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
  #loading = 0; // loads under way
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
    this.#loading += 1;
    try {
      const [symbols, latest] = await Promise.all([
        get("/symbols"),
        get("/latest").catch(() => ({ symbols: [] })),
      ]);
      this.#loaded = performance.now();
      for (const row of symbols.items) this.#addSymbol(row);
      for (const row of latest.symbols) this.#addLatest(row);
      this.error = "";
    } catch (error) {
      this.error = /** @type {Error} */ (error).message;
    }
    this.#loading -= 1;
    for (const listener of this.#listeners) listener();
  }

  /** Fetch everything, and believe it over what was pushed: tickers were missed. */
  reload() {
    for (const market of this.#markets.values()) market.pushed = false;
    return this.load();
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

  /** @param {LatestRow} row */
  #addLatest(row) {
    const market = this.#held(row);
    const { start, open, high, low } = row.window;
    const minute = Math.floor(Date.parse(start) / 1000);
    this.newestMinute = Math.max(this.newestMinute, minute);
    const newer = minute > (market.minute ?? 0) || !market.pushed;
    if (newer) Object.assign(market, { minute, pushed: false, price: row.price });
    market.digits = Math.max(market.digits, decimals([row.price, open, high, low]));
    market.day = row.day;
    market.open = row.day?.change ? Number(row.price) / (1 + Number(row.day.change)) : null;
    Object.assign(market, { stale: row.stale, quiet: row.quiet, reason: row.reason });
  }

  /** Take the closes of its last hour. @param {Sparkline} row */
  addLine(row) {
    const market = this.#held(row);
    row.times.forEach((time, index) => {
      if (!market.pushed || time !== market.minute) market.line.set(time, Number(row.closes[index]));
    });
    market.digits = Math.max(market.digits, decimals(row.closes));
  }

  /** Take live tickers. @param {Tickers[]} tickers @returns {Market[]} Whose price or minute is another now. */
  addTickers(tickers) {
    /** @type {Market[]} */
    const changed = [];
    for (const { exchange, minute: begin, closes } of tickers) {
      const minute = Math.floor(Date.parse(begin) / 1000);
      this.newestMinute = Math.max(this.newestMinute, minute);
      for (const [symbol, close] of Object.entries(closes)) {
        const market = this.find({ exchange, symbol });
        if (!market) this.#loadUnknown();
        else if (minute >= (market.minute ?? 0)) {
          this.#addClose(market, minute, close);
          changed.push(market);
        }
      }
    }
    return changed;
  }

  /** A market has come that is not known; a load under way brings it. */
  #loadUnknown() {
    if (!this.#loading) this.#refresh();
  }

  /** @param {Market} market @param {number} minute @param {string} close */
  #addClose(market, minute, close) {
    if (minute !== market.minute) this.#trim(market.line);
    market.line.set(minute, Number(close));
    market.digits = Math.max(market.digits, decimals([close]));
    Object.assign(market, { minute, price: close, pushed: true, stale: false, quiet: false, reason: null });
  }

  /** @param {Map<number, number>} line */
  #trim(line) {
    for (const time of line.keys()) if (time <= this.newestMinute - HOUR) line.delete(time);
  }
}
