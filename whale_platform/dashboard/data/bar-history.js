// Fetches the past of one market, a page at a time and newest first, into Bars. Hours come from rollups; what is newer
// than the last rollup, and everything where there are none, is summed up from windows. Windows reach back 7 days.
// A failed page throws and is asked for again by the next call; so is a failed catch-up, from where the first one began.

import { get } from "./api.js";

const PAGE = { "1m": 1000, "5m": 1000, "15m": 1000, "1h": 500 };

export class BarHistory {
  constructor(market, interval, bars, signal) {
    this.market = market;
    this.interval = interval;
    this.bars = bars;
    this.signal = signal;
    this.windows = { cursor: "", from: "", done: false };
    this.rollups = { cursor: "", done: interval !== "1h" };
    this.first = true;
    this.missed = Infinity; // seconds from which on a catch-up is due
  }

  get done() {
    return this.windows.done && this.rollups.done;
  }

  /** One more page; resolves to whether there may be more. */
  async older() {
    if (this.first && this.interval === "1h") {
      await this.page("/rollups", this.rollups, true);
      const newest = Math.max(0, ...this.bars.hours.keys());
      if (newest) this.windows.from = new Date((newest + 3600) * 1000).toISOString();
      this.first = false;
    }
    this.first = false;
    if (!this.windows.done) {
      do await this.page("/windows", this.windows, false);
      while (this.bars.hours.size && !this.windows.done); // or a hole stays between them and the rollups
    } else if (!this.rollups.done) await this.page("/rollups", this.rollups, true);
    this.bars.complete = this.done;
    return !this.done;
  }

  async page(path, place, hourly) {
    const asked = { ...this.market, from: place.from, limit: PAGE[this.interval], cursor: place.cursor };
    const page = await get(path, asked, this.signal);
    this.bars.add(page.items, hourly);
    place.cursor = page.next ?? "";
    place.done = !page.next;
  }

  /** Everything from a little before the newest bar to now, once there is one: after a loss of the connection. */
  async newest() {
    const since = (this.missed = Math.min(this.missed, this.bars.newest.time - 600));
    const from = new Date(since * 1000).toISOString();
    let cursor = "";
    do {
      const page = await get("/windows", { ...this.market, from, limit: 1000, cursor }, this.signal);
      this.bars.add(page.items);
      cursor = page.next;
    } while (cursor);
    if (this.missed === since) this.missed = Infinity;
  }
}
