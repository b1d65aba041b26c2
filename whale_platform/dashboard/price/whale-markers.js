// Whales of the shown market as markers of the chart: one arrow per bar and side, sized by what its whales add up to.
// Each order counts once. Fetched for the same stretch of time as the bars; on long intervals only larger ones are
// fetched, and `note` says from what size on, as it does when a stretch has more whales than are drawn. A stretch that
// could not be fetched is fetched with the next one.

import { STEP } from "../data/bars.js";
import { get } from "../data/api.js";
import { WhaleOrders } from "../data/whale-orders.js";
import { keyOf, usd } from "../lib/format.js";

/** @import { SeriesMarker, UTCTimestamp } from "/vendor/lightweight-charts.js" */
/** @import { Named, Page, Side, Whale } from "../data/messages.d.ts" */
/** @import { Interval } from "../data/url-state.js" */

/** @typedef {{ time: number, side: Side, usd: number, whale: Whale }} Marked A whale and what is asked of it often. */

const MOST = 20_000;
const ROOM = 1_000; // how many go when there are too many
const PAGES = 5;
/** @type {Record<Interval, number>} How many thresholds the smallest whale is worth. */
const FROM = { "1m": 1, "5m": 1, "15m": 2, "1h": 5 };

/** @param {number} seconds */
const iso = (seconds) => new Date(seconds * 1000).toISOString();

export class WhaleMarkers {
  #market;
  #step;
  #times;
  #signal;
  /** @type {Map<string, Marked>} */
  #whales = new Map();
  #orders = new WhaleOrders();
  #cut = false; // whether some are missing
  /** @type {Map<number | null, number>} Stretches to fetch again: their beginning by their end. */
  #missed = new Map();
  threshold = 0;
  #min = 0; // USD of the smallest arrow; of the smallest whale too, where `filtered`

  /**
   * @param {Named} market
   * @param {Interval} interval
   * @param {number} threshold USD
   * @param {AbortSignal} [signal] Ends what is under way.
   */
  constructor(market, interval, threshold, signal) {
    this.#market = market;
    this.#step = STEP[interval];
    this.#times = FROM[interval];
    this.#signal = signal;
    this.applyThreshold(threshold);
  }

  /** Judge by this threshold from now on. What is here already stays. @param {number} threshold USD */
  applyThreshold(threshold) {
    this.threshold = threshold;
    this.#min = threshold * this.#times;
  }

  /** Whether only larger whales are drawn. */
  get filtered() {
    return this.#times > 1;
  }

  get note() {
    const from = this.filtered ? `Whales from ${usd(this.#min)}` : "";
    return this.#cut ? `${from || "Whales"}, not all of the busiest hours` : from;
  }

  /**
   * Fetch the whales of a stretch of time.
   *
   * @param {number} from Epoch seconds.
   * @param {number | null} to Null: now.
   */
  async load(from, to) {
    const due = new Map(this.#missed);
    this.#missed.clear();
    due.set(to, Math.min(from, due.get(to) ?? from));
    try {
      for (const [end, begin] of due) {
        await this.#fetch(begin, end);
        due.delete(end);
      }
    } catch (error) {
      for (const [end, begin] of due) this.#missed.set(end, Math.min(begin, this.#missed.get(end) ?? begin));
      throw error;
    }
  }

  /** @param {number} from @param {number | null} to */
  async #fetch(from, to) {
    const stretch = { ...this.#market, from: iso(from), to: to ? iso(to) : "" };
    const size = this.filtered ? String(this.#min) : "";
    let cursor = "";
    for (let count = 0; count < PAGES; count += 1) {
      /** @type {Page<Whale>} */
      const page = await get("/whales", { ...stretch, min_notional: size, limit: 1000, cursor }, this.#signal);
      for (const whale of page.items) this.add(whale);
      cursor = page.next ?? "";
      if (!cursor) return;
    }
    this.#cut = true;
  }

  /** Whether it is new, or has grown, and is to be drawn. @param {Whale} whale */
  add(whale) {
    const key = keyOf(whale);
    const size = Number(whale.notional_usd);
    if (this.filtered && size < this.#min) return false;
    const replaced = this.#orders.add(whale);
    if (!replaced) return false;
    for (const gone of replaced) this.#whales.delete(keyOf(gone));
    this.#whales.set(key, { time: Date.parse(whale.event_time) / 1000, side: whale.side, usd: size, whale });
    if (this.#whales.size > MOST) this.#drop();
    return this.#whales.has(key);
  }

  /** The oldest go. */
  #drop() {
    const times = [...this.#whales.values()].map(({ time }) => time).sort((a, b) => a - b);
    for (const [key, { time, whale }] of this.#whales) {
      if (time >= times[ROOM]) continue;
      this.#whales.delete(key);
      this.#orders.delete(whale);
    }
    this.#cut = true;
  }

  /** The begin of the bar that a whale is in. @param {Marked} marked */
  #barOf({ time }) {
    return Math.floor(time / this.#step) * this.#step;
  }

  /**
   * Markers for lightweight-charts, oldest first.
   *
   * @param {Record<Side, string>} colours
   * @param {number} oldest Begin of the oldest bar.
   */
  toMarkers(colours, oldest) {
    /** @type {Map<string, { id: string, time: number, side: Side, usd: number }>} */
    const sums = new Map();
    for (const marked of this.#whales.values()) {
      const time = this.#barOf(marked);
      if (time < oldest) continue;
      const id = `${time}/${marked.side}`;
      const sum = sums.get(id);
      if (sum) sum.usd += marked.usd;
      else sums.set(id, { id, time, side: marked.side, usd: marked.usd });
    }
    const sorted = [...sums.values()].sort((a, b) => a.time - b.time);
    return sorted.map((sum) => arrow(sum, Math.max(1, sum.usd / this.#min), colours[sum.side]));
  }

  /** The whales behind a marker, largest first. @param {string} id */
  whalesOf(id) {
    const [time, side] = id.split("/");
    return [...this.#whales.values()]
      .filter((marked) => marked.side === side && this.#barOf(marked) === Number(time))
      .sort((a, b) => b.usd - a.usd)
      .map(({ whale }) => whale);
  }
}

/**
 * @param {{ id: string, time: number, side: Side, usd: number }} sum
 * @param {number} times How many of the smallest arrow it is worth.
 * @param {string} color
 * @returns {SeriesMarker<UTCTimestamp>}
 */
function arrow({ id, time, side, usd: size }, times, color) {
  return {
    id,
    time: /** @type {UTCTimestamp} */ (time),
    position: side === "buy" ? "belowBar" : "aboveBar",
    shape: side === "buy" ? "arrowUp" : "arrowDown",
    color,
    size: 0.6 + (0.45 * Math.log(times)) / Math.log(5),
    text: times >= 40 ? usd(size) : undefined,
  };
}
