// One market at one interval: its bars and its whales, loaded as they are asked for and kept up. Knows no page. A
// failed load is tried again by a timer, by the next one asked for, and once the server is back. After `close` nothing
// of it is told any more, also what was under way.

import { Bars } from "../data/bars.js";
import { BarHistory } from "../data/bar-history.js";
import { Retry } from "../lib/retry.js";
import { WhaleMarkers } from "./whale-markers.js";

/** @import { Named, TradeWindow, Whale } from "../data/messages.d.ts" */
/** @import { Interval } from "../data/url-state.js" */

/**
 * @typedef {object} SeriesEvents
 * @property {() => void} page Older bars have come, or there are none.
 * @property {() => void} newest The newest bars have changed, or there are more of them.
 * @property {() => void} past Older bars have changed: `rebuild` is due.
 * @property {() => void} markers The whales have changed.
 * @property {(reason: string) => void} empty Why there is no bar to be seen; "" where there is one.
 * @property {() => void} settled Nothing older is loaded before it is asked for.
 * @property {() => void} restart It may have trades now and has to be opened again.
 */

const ENOUGH = 120; // bars that are loaded without being asked for
const NONE = "No trade of this market yet. Its first bar appears with its first trade.";

export class MarketSeries {
  #interval;
  #history;
  #events;
  #closing = new AbortController();
  #retry = new Retry(() => this.catchUp());
  loading = false;

  /**
   * @param {Named} market
   * @param {Interval} interval
   * @param {number} threshold USD of the market's smallest whale.
   * @param {SeriesEvents} events
   */
  constructor(market, interval, threshold, events) {
    this.market = market;
    this.#interval = interval;
    this.#events = events;
    this.bars = new Bars(interval);
    this.#history = new BarHistory(market, interval, this.bars, this.#closing.signal);
    this.markers = new WhaleMarkers(market, interval, threshold, this.#closing.signal);
  }

  close() {
    this.#closing.abort();
    this.#retry.reset();
  }

  get #closed() {
    return this.#closing.signal.aborted;
  }

  /** Whether there is nothing older than what is loaded. */
  get done() {
    return this.#history.done;
  }

  /** Whether older bars are due that nobody asked for: for the day's sums, or to fill the chart. */
  get #wanting() {
    return !this.done && (!this.bars.newest?.known || this.bars.list.length < ENOUGH);
  }

  /** Take a live window. @param {TradeWindow} row */
  addWindow(row) {
    const changed = this.bars.addLive(row);
    if (changed === "past") this.#events.past();
    else if (changed) this.#events.newest();
  }

  /** Take a live whale. @param {Whale} whale */
  addWhale(whale) {
    if (this.markers.add(whale)) this.#events.markers();
  }

  /** Load the page before the oldest bar, and more until there are enough. */
  async loadOlder() {
    const { bars } = this;
    if (this.loading || (this.done && bars.list.length)) return;
    this.loading = true;
    try {
      do await this.#page();
      while (!this.#closed && this.#wanting);
    } catch (error) {
      if (this.#closed) return;
      const { message } = /** @type {Error} */ (error);
      this.#events.empty(bars.list.length ? "" : `The chart can't be loaded: ${message}.`);
      this.#retry.schedule();
      return;
    } finally {
      this.loading = false;
    }
    if (!this.#closed) this.#events.settled();
  }

  async #page() {
    const { bars } = this;
    const before = bars.list[0]?.time ?? null;
    await this.#history.loadOlder();
    if (this.#closed) return;
    bars.rebuild();
    this.#events.page();
    const oldest = bars.list[0]?.time;
    this.#events.empty(oldest === undefined ? NONE : "");
    if (oldest === undefined || oldest === before) return;
    await this.markers.load(oldest, before);
    if (!this.#closed) this.#events.markers();
  }

  /** Load what came while the connection was lost, or could not be loaded. */
  async catchUp() {
    const { newest } = this.bars;
    if (!newest) {
      if (this.done) this.#events.restart();
      else this.loadOlder();
      return;
    }
    const loads = await Promise.allSettled([this.#history.loadNewest(), this.markers.load(newest.time - 3600, null)]);
    if (this.#closed) return;
    this.#events.past();
    if (loads.some((load) => load.status === "rejected")) {
      this.#retry.schedule();
      return;
    }
    this.#retry.reset();
    if (this.#wanting) this.loadOlder();
  }

  /** The threshold may have become known, or be another. @param {number} threshold */
  async setThreshold(threshold) {
    if (this.markers.threshold === threshold) return;
    this.markers.applyThreshold(threshold);
    this.#events.markers();
    if (!this.markers.filtered) return;
    const markers = new WhaleMarkers(this.market, this.#interval, threshold, this.#closing.signal);
    this.markers = markers;
    if (!this.bars.newest) return;
    try {
      await markers.load(this.bars.list[0].time, null);
      if (!this.#closed) this.#events.markers();
    } catch {
      if (markers === this.markers && !this.#closed) this.#retry.schedule();
    }
  }
}
