// Whales of the shown market as markers of the chart: one arrow per bar and side, sized by what its whales add up to.
// Each whale counts once. Fetched for the same stretch of time as the bars; on long intervals only larger ones are
// fetched, and `note` says from what size on, as it does when a stretch has more whales than are drawn. A stretch that
// could not be fetched is fetched with the next one.

import { get } from "../data/api.js";
import { keyOf, usd } from "../lib/format.js";
import { STEP } from "../data/bars.js";

const MOST = 20_000;
const ROOM = 1_000; // how many go when there are too many
const PAGES = 5;
const FROM = { "1m": 1, "5m": 1, "15m": 2, "1h": 5 };

export class WhaleMarkers {
  constructor(market, interval, threshold, signal) {
    this.market = market;
    this.step = STEP[interval];
    this.times = FROM[interval];
    this.applyThreshold(threshold);
    this.signal = signal;
    this.whales = new Map();
    this.cut = false;
    this.missed = new Map(); // stretches to fetch again: their beginning by their end
  }

  /** By this threshold from now on. What is here already stays. */
  applyThreshold(threshold) {
    this.threshold = threshold;
    this.min = threshold * this.times; // USD of the smallest arrow; of the smallest whale too, where `filtered`
  }

  /** Whether only larger whales are drawn. */
  get filtered() {
    return this.times > 1;
  }

  get note() {
    const from = this.filtered ? `Whales from ${usd(this.min)}` : "";
    return this.cut ? `${from || "Whales"}, not all of the busiest hours` : from;
  }

  /** Whales of this stretch of time, seconds; `to` null for now. */
  async load(from, to) {
    const due = new Map(this.missed);
    this.missed.clear();
    due.set(to, Math.min(from, due.get(to) ?? from));
    try {
      for (const [end, begin] of due) {
        await this.stretch(begin, end);
        due.delete(end);
      }
    } catch (error) {
      for (const [end, begin] of due) this.missed.set(end, Math.min(begin, this.missed.get(end) ?? begin));
      throw error;
    }
  }

  async stretch(from, to) {
    let cursor = "";
    for (let page = 0; page < PAGES; page += 1) {
      const found = await get(
        "/whales",
        {
          ...this.market,
          from: new Date(from * 1000).toISOString(),
          to: to ? new Date(to * 1000).toISOString() : "",
          min_notional: this.filtered ? String(this.min) : "",
          limit: 1000,
          cursor,
        },
        this.signal,
      );
      for (const whale of found.items) this.add(whale);
      cursor = found.next ?? "";
      if (!cursor) return;
    }
    this.cut = true;
  }

  /** Whether it is new and to be drawn. */
  add(whale) {
    const key = keyOf(whale);
    const size = Number(whale.notional_usd);
    if ((this.filtered && size < this.min) || this.whales.has(key)) return false;
    this.whales.set(key, { time: Date.parse(whale.event_time) / 1000, side: whale.side, usd: size, whale });
    if (this.whales.size > MOST) this.drop();
    return this.whales.has(key);
  }

  /** The oldest go. */
  drop() {
    const times = [...this.whales.values()].map((one) => one.time).sort((a, b) => a - b);
    for (const [key, one] of this.whales) if (one.time < times[ROOM]) this.whales.delete(key);
    this.cut = true;
  }

  /** Markers for lightweight-charts, oldest first. colour: by side. */
  markers(colour, oldest) {
    const sums = new Map();
    for (const one of this.whales.values()) {
      const time = Math.floor(one.time / this.step) * this.step;
      if (time < oldest) continue;
      const id = `${time}/${one.side}`;
      const held = sums.get(id);
      if (held) held.usd += one.usd;
      else sums.set(id, { id, time, side: one.side, usd: one.usd });
    }
    return [...sums.values()]
      .sort((a, b) => a.time - b.time)
      .map(({ id, time, side, usd: sum }) => {
        const times = Math.max(1, sum / this.min);
        return {
          id,
          time,
          position: side === "buy" ? "belowBar" : "aboveBar",
          shape: side === "buy" ? "arrowUp" : "arrowDown",
          color: colour[side],
          size: 0.6 + 0.45 * Math.log(times) / Math.log(5),
          text: times >= 40 ? usd(sum) : undefined,
        };
      });
  }

  /** The whales behind a marker, largest first. */
  of(id) {
    const [time, side] = id.split("/");
    return [...this.whales.values()]
      .filter((one) => one.side === side && Math.floor(one.time / this.step) * this.step === Number(time))
      .sort((a, b) => b.usd - a.usd)
      .map((one) => one.whale);
  }
}
