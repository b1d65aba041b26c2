// Bars of one market and interval, made from one-minute windows and, for hours that are over, from rollups. Pure: no
// page, no network. A window is replaced by a state with more trades, never by one with fewer, so that pages and live
// messages may come in any order. VWAP and delta run from 00:00 UTC of each day; where that is not loaded, they are
// null.

import { decimals } from "../lib/format.js";

/** @import { Bar as Row, Rollup, TradeWindow } from "./messages.d.ts" */
/** @import { Interval } from "./url-state.js" */

/**
 * @typedef {object} Part What was traded in a minute or longer.
 * @property {number} open
 * @property {number} high
 * @property {number} low
 * @property {number} close
 * @property {number} volume
 * @property {number} notional
 * @property {number} buys Volume whose taker bought.
 * @property {number} trades
 *
 * @typedef {object} Sums And what has been since 00:00 UTC of its day.
 * @property {number} time Its begin, seconds since the epoch.
 * @property {boolean} known Whether everything since the day's begin is loaded.
 * @property {number} dayVolume
 * @property {number} dayNotional
 * @property {number} delta Bought less sold by takers since the day's begin, base units.
 * @property {number | null} vwap
 *
 * @typedef {Part & Sums} Bar
 */

/** @type {Record<Interval, number>} Seconds. */
export const STEP = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600 };
const DAY = 86_400;
const MOST_MINUTES = 14_000;

/** @param {string} time */
const seconds = (time) => Math.floor(Date.parse(time) / 1000);

/** @param {Row} row @returns {Part} */
function partOf(row) {
  return {
    open: Number(row.open),
    high: Number(row.high),
    low: Number(row.low),
    close: Number(row.close),
    volume: Number(row.volume),
    notional: Number(row.notional),
    buys: Number(row.buy_volume),
    trades: row.trade_count,
  };
}

/**
 * Hold `row` unless what is held of its time has as many trades.
 *
 * @param {Map<number, Part>} held
 * @param {number} start
 * @param {Row} row
 * @returns {boolean} Whether it is held now.
 */
function grow(held, start, row) {
  if ((held.get(start)?.trades ?? -1) >= row.trade_count) return false;
  held.set(start, partOf(row));
  return true;
}

export class Bars {
  /** @type {Bar[]} Oldest first. */
  list = [];
  digits = 0; // decimals of prices
  complete = false; // whether there is nothing older than what is loaded
  /** @type {Map<number, Part>} The hours that are rolled up. */
  hours = new Map();
  /** @type {Map<number, Part>} */
  #minutes = new Map();
  #loaded = false; // whether a page has come
  #step;

  /** @param {Interval} interval */
  constructor(interval) {
    this.#step = STEP[interval];
  }

  /** @returns {Bar | null} */
  get newest() {
    return this.list.at(-1) ?? null;
  }

  /** The bars from this time on, oldest first. @param {number} time */
  barsSince(time) {
    let first = this.list.length;
    while (first > 0 && this.list[first - 1].time >= time) first -= 1;
    return this.list.slice(first);
  }

  /** Where in the list the bar of this time is, or null. @param {number | null} time */
  indexOf(time) {
    if (time === null) return null;
    let [low, high] = [0, this.list.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.list[middle].time === time) return middle;
      if (this.list[middle].time < time) low = middle + 1;
      else high = middle - 1;
    }
    return null;
  }

  /** The bar of this time, or null. @param {number | null} time */
  at(time) {
    const index = this.indexOf(time);
    return index === null ? null : this.list[index];
  }

  /** Take the windows of a page; `rebuild` is due afterwards. @param {TradeWindow[]} windows */
  addWindows(windows) {
    this.#page(windows);
    for (const row of windows) grow(this.#minutes, seconds(row.window_start), row);
  }

  /** Take the rollups of a page; `rebuild` is due afterwards. @param {Rollup[]} rollups */
  addRollups(rollups) {
    this.#page(rollups);
    for (const row of rollups) grow(this.hours, seconds(row.hour), row);
  }

  /** @param {Row[]} rows */
  #page(rows) {
    this.#loaded = true;
    this.digits = Math.max(this.digits, decimals(rows.map((row) => row.close)));
  }

  /**
   * Take a live window.
   *
   * @param {TradeWindow} row
   * @returns {Bar | "past" | null} Its bar if that is the newest now, "past" if an older one changed, or null.
   */
  addLive(row) {
    const start = seconds(row.window_start);
    // Before what is loaded: its page brings it, with those between.
    if (this.#loaded && !this.complete && start < (this.list[0]?.time ?? 0)) return null;
    if (!grow(this.#minutes, start, row)) return null;
    this.digits = Math.max(this.digits, decimals([row.close]));
    const time = start - (start % this.#step);
    const newest = this.newest;
    if (newest && time < newest.time) return "past";
    const index = newest && newest.time === time ? this.list.length - 1 : this.list.length;
    return (this.list[index] = this.#bar(time, this.list[index - 1]));
  }

  /** Make all bars again. */
  rebuild() {
    if (this.#minutes.size > MOST_MINUTES) this.#drop();
    const times = new Set(this.#step === 3600 ? this.hours.keys() : []);
    for (const start of this.#minutes.keys()) times.add(start - (start % this.#step));
    this.list = [];
    for (const time of [...times].sort((a, b) => a - b)) this.list.push(this.#bar(time, this.list.at(-1)));
    return this.list;
  }

  #drop() {
    const kept = [...this.#minutes.keys()].sort((a, b) => b - a).slice(0, MOST_MINUTES - 2_000);
    const floor = kept[kept.length - 1];
    for (const start of this.#minutes.keys()) if (start < floor) this.#minutes.delete(start);
    this.complete = false;
  }

  /** @param {number} time @param {Bar | undefined} before The bar before it. */
  #bar(time, before) {
    return accumulate(time, this.#sum(time), before, this.complete);
  }

  /** What was traded in the bar of this time. @param {number} time @returns {Part} */
  #sum(time) {
    const hour = this.#step === 3600 ? this.hours.get(time) : undefined;
    if (hour) return hour;
    const sum = { open: 0, high: -Infinity, low: Infinity, close: 0, volume: 0, notional: 0, buys: 0, trades: 0 };
    for (let start = time; start < time + this.#step; start += 60) {
      const minute = this.#minutes.get(start);
      if (!minute) continue;
      if (!sum.trades) sum.open = minute.open;
      sum.close = minute.close;
      sum.high = Math.max(sum.high, minute.high);
      sum.low = Math.min(sum.low, minute.low);
      sum.volume += minute.volume;
      sum.notional += minute.notional;
      sum.buys += minute.buys;
      sum.trades += minute.trades;
    }
    return sum;
  }
}

/**
 * A bar with its sums since 00:00 UTC.
 *
 * @param {number} time
 * @param {Part} part
 * @param {Bar | undefined} before
 * @param {boolean} complete Whether nothing is older than the first bar.
 * @returns {Bar}
 */
function accumulate(time, part, before, complete) {
  const sameDay = before && Math.floor(before.time / DAY) === Math.floor(time / DAY);
  const day = sameDay ? before : { dayVolume: 0, dayNotional: 0, delta: 0 };
  const known = sameDay ? before.known : complete || Boolean(before);
  const dayVolume = day.dayVolume + part.volume;
  const dayNotional = day.dayNotional + part.notional;
  const delta = day.delta + 2 * part.buys - part.volume;
  const vwap = known && dayVolume ? dayNotional / dayVolume : null;
  return { time, ...part, known, dayVolume, dayNotional, delta, vwap };
}
