// The whales of the tape: newest first, each order once, at most 500. Live whales come in any order and maybe twice, a
// sweep again as it grows; pages of the API fill what the filter asks for. The last few hundred of the stream are kept
// whatever the filter, because the tables are written moments after it has spoken, and a changed filter must not lose
// those. A page that failed is told by `state` and asked for again by `retry`.

import { get } from "./api.js";
import { keyOf } from "../lib/format.js";
import { currentFilter, passesFilter } from "./whale-filter.js";
import { WhaleOrders } from "./whale-orders.js";

/** @import { Page, Whale } from "./messages.d.ts" */

const MOST = 500;
const RECENT = 300;
const PAGE = 150;

/** @type {WeakMap<Whale, number>} */
const times = new WeakMap();

/** @param {Whale} whale */
function eventTime(whale) {
  let time = times.get(whale);
  if (time === undefined) times.set(whale, (time = Date.parse(whale.event_time)));
  return time;
}

/** Newest first. @param {Whale} a @param {Whale} b */
const compare = (a, b) => eventTime(b) - eventTime(a) || b.trade_id - a.trade_id;

export class WhaleTape {
  /** @type {Whale[]} */
  rows = [];
  keys = new WhaleOrders();
  /** @type {string | null} Of the next page back; null: none. */
  cursor = null;
  /** @type {"loading" | "ready" | "failed"} */
  state = "loading";
  error = "";
  /** @type {Map<string, Whale>} The newest state of each by key, in the order in which they came. */
  #recent = new Map();
  #failed = ""; // cursor of the page that failed
  #turn = 0;

  /**
   * Take a live whale. Null where it changes nothing here; else the rows that it replaces.
   *
   * @param {Whale} whale
   */
  addLive(whale) {
    const key = keyOf(whale);
    if ((this.#recent.get(key)?.fills ?? -1) < (whale.fills ?? 0)) this.#recent.set(key, whale);
    if (this.#recent.size > 2 * RECENT) this.#recent = new Map([...this.#recent].slice(-RECENT));
    return passesFilter(whale) ? this.#add(whale) : null;
  }

  /** @param {Whale} whale */
  #add(whale) {
    const replaced = this.keys.add(whale);
    if (!replaced) return null;
    if (replaced.length) this.rows = this.rows.filter((row) => !replaced.includes(row));
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.rows[middle], whale) < 0) low = middle + 1;
      else high = middle;
    }
    this.rows.splice(low, 0, whale);
    for (const last of this.rows.splice(MOST)) {
      this.keys.delete(last);
      this.cursor = null;
    }
    return low < MOST ? replaced : null;
  }

  /** The filter has changed: what is here and fits stays, the rest is fetched. */
  refilter() {
    const kept = [...this.rows, ...this.#recent.values()].filter(passesFilter);
    this.rows = [];
    this.keys.clear();
    this.cursor = null;
    for (const whale of kept) this.#add(whale);
    return this.fill();
  }

  /** Fetch everything again: what is shown may have been taken back. */
  reload() {
    this.#recent.clear();
    this.rows = [];
    return this.refilter();
  }

  /** Fetch the newest page; where more follow it, what is older than it goes, so that there is no hole between. */
  fill() {
    this.#turn += 1;
    return this.#page("", true);
  }

  /** Fetch the newest page once more: the tables may have been a moment behind the stream. */
  topUp() {
    return this.#page("", false);
  }

  /** Fetch the page that failed, unless something else was asked for since. */
  retry() {
    return this.state === "failed" ? this.#page(this.#failed, true) : Promise.resolve();
  }

  /** Whether there is one more page back, and room for it, and none is on its way. */
  get ready() {
    return Boolean(this.cursor) && this.state !== "loading";
  }

  /** Fetch one more page back. */
  loadMore() {
    return this.#page(this.cursor ?? "", true);
  }

  /** @param {string} cursor @param {boolean} back Whether the pages before it are to be followed. */
  async #page(cursor, back) {
    const mine = this.#turn;
    if (back) this.state = "loading";
    try {
      /** @type {Page<Whale>} */
      const page = await get("/whales", { ...currentFilter(), limit: PAGE, cursor });
      if (mine !== this.#turn) return;
      const last = page.items.at(-1);
      if (back && page.next && last) {
        const kept = this.rows.findLastIndex((whale) => compare(whale, last) <= 0) + 1;
        for (const whale of this.rows.splice(kept)) this.keys.delete(whale);
      }
      for (const whale of page.items) this.#add(whale);
      if (back) {
        this.cursor = this.rows.length < MOST ? page.next : null;
        this.state = "ready";
      }
    } catch (error) {
      if (mine !== this.#turn || !back) return;
      this.state = "failed";
      this.error = /** @type {Error} */ (error).message;
      this.#failed = cursor;
    }
  }
}
