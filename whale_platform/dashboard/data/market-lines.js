// The closes of the last hour of the markets in sight: fetched once for each market, some dozens in one request; from
// then on tickers continue them. What could not be fetched is fetched again while its market is in sight.

import { throttle } from "../lib/dom.js";
import { Retry } from "../lib/retry.js";
import { get } from "./api.js";
import { HOUR } from "./market-catalogue.js";

/** @import { Market, MarketCatalogue } from "./market-catalogue.js" */
/** @import { Sparkline } from "./messages.d.ts" */

const MOST_NAMES = 50; // of one request
const APART_MS = 500;

export class MarketLines {
  #markets;
  #onLoad;
  /** @type {Market[]} */
  #inSight = [];
  /** @type {Set<Market>} Fetched, or on their way. */
  #known = new Set();
  #fetch = throttle(() => this.#fetchMissing(), APART_MS);
  #retry = new Retry(() => this.#fetch());

  /** @param {MarketCatalogue} markets They get the closes. @param {() => void} onLoad Some have come. */
  constructor(markets, onLoad) {
    this.#markets = markets;
    this.#onLoad = onLoad;
  }

  /** These markets are in sight from now on. @param {Market[]} markets */
  show(markets) {
    this.#inSight = markets;
    if (this.#missing().length) this.#fetch();
  }

  /** Tickers were missed: fetch all again. */
  reset() {
    this.#known.clear();
    this.#fetch();
  }

  #missing() {
    return this.#inSight.filter((market) => !this.#known.has(market)).slice(0, MOST_NAMES);
  }

  async #fetchMissing() {
    const missing = this.#missing();
    if (!missing.length) return;
    for (const market of missing) this.#known.add(market);
    const exchange = [...new Set(missing.map((market) => market.exchange))];
    const symbol = [...new Set(missing.map((market) => market.symbol))];
    try {
      /** @type {{ items: Sparkline[] }} */
      const lines = await get("/sparklines", { minutes: HOUR / 60, exchange, symbol });
      for (const line of lines.items) this.#markets.addLine(line);
      this.#retry.reset();
      this.#onLoad();
    } catch {
      for (const market of missing) this.#known.delete(market);
      this.#retry.schedule();
      return;
    }
    if (this.#missing().length) this.#fetch();
  }
}
