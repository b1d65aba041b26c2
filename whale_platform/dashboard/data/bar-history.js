// Fetches the past of one market, a page at a time and newest first, into Bars. Hours come from rollups; what is newer
// than the last rollup, and everything where there are none, is summed up from windows. Windows reach back 7 days. A
// failed page throws and is asked for again by the next call; so is a failed catch-up, from where the first one began.

import { get } from "./api.js";

/** @import { Bars } from "./bars.js" */
/** @import { Named, Page, Rollup, TradeWindow } from "./messages.d.ts" */
/** @import { Interval } from "./url-state.js" */

/** @type {Record<Interval, number>} */
const PAGE = { "1m": 1000, "5m": 1000, "15m": 1000, "1h": 500 };

export class BarHistory {
  #interval;
  #bars;
  #signal;
  #windows = { cursor: "", from: "", done: false };
  #rollups = { cursor: "", from: "", done: false };
  #first = true;
  #missed = Infinity; // seconds from which on a catch-up is due

  /**
   * @param {Named} market
   * @param {Interval} interval
   * @param {Bars} bars Filled by it.
   * @param {AbortSignal} [signal] Ends what is under way.
   */
  constructor(market, interval, bars, signal) {
    this.market = market;
    this.#interval = interval;
    this.#bars = bars;
    this.#signal = signal;
    this.#rollups.done = interval !== "1h";
  }

  get done() {
    return this.#windows.done && this.#rollups.done;
  }

  /** Fetch one more page; resolves to whether there may be more. */
  async loadOlder() {
    if (this.#first && this.#interval === "1h") {
      await this.#pageOfRollups();
      const newest = Math.max(0, ...this.#bars.hours.keys());
      if (newest) this.#windows.from = new Date((newest + 3600) * 1000).toISOString();
    }
    this.#first = false;
    if (!this.#windows.done) {
      do await this.#pageOfWindows();
      while (this.#bars.hours.size && !this.#windows.done); // or a hole stays between them and the rollups
    } else if (!this.#rollups.done) await this.#pageOfRollups();
    this.#bars.complete = this.done;
    return !this.done;
  }

  async #pageOfWindows() {
    /** @type {TradeWindow[]} */
    const items = await this.#page("/windows", this.#windows);
    this.#bars.addWindows(items);
  }

  async #pageOfRollups() {
    /** @type {Rollup[]} */
    const items = await this.#page("/rollups", this.#rollups);
    this.#bars.addRollups(items);
  }

  /** @param {string} path @param {{ cursor: string, from: string, done: boolean }} position Moved on by it. */
  async #page(path, position) {
    const { from, cursor } = position;
    const page = await get(path, { ...this.market, from, limit: PAGE[this.#interval], cursor }, this.#signal);
    position.cursor = page.next ?? "";
    position.done = !page.next;
    return page.items;
  }

  /** Fetch everything from a little before the newest bar to now, if there is one: after a loss of the connection. */
  async loadNewest() {
    const newest = this.#bars.newest;
    if (!newest) return;
    const since = (this.#missed = Math.min(this.#missed, newest.time - 600));
    const from = new Date(since * 1000).toISOString();
    let cursor = "";
    do {
      /** @type {Page<TradeWindow>} */
      const page = await get("/windows", { ...this.market, from, limit: 1000, cursor }, this.#signal);
      this.#bars.addWindows(page.items);
      cursor = page.next ?? "";
    } while (cursor);
    if (this.#missed === since) this.#missed = Infinity;
  }
}
