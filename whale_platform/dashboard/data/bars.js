// Bars of one market and interval, made from one-minute windows and, for hours that are over, from rollups. Pure: no
// page, no network. A window is replaced by a state with more trades, never by one with fewer, so that pages and live
// messages may come in any order. VWAP and delta run from 00:00 UTC of each day; where that is not loaded, they are null.

import { decimals } from "../lib/format.js";

export const STEP = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600 };
const DAY = 86_400;
const MOST_MINUTES = 14_000;

const seconds = (time) => Math.floor(Date.parse(time) / 1000);

function part(row, start) {
  return {
    start,
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

export class Bars {
  constructor(interval) {
    this.step = STEP[interval];
    this.minutes = new Map();
    this.hours = new Map();
    this.list = [];
    this.digits = 0; // decimals of prices
    this.loaded = false; // whether a page has come
    this.complete = false; // whether there is nothing older than what is loaded
  }

  get newest() {
    return this.list.at(-1) ?? null;
  }

  /** The bars from this time on, oldest first. */
  barsSince(time) {
    let at = this.list.length;
    while (at > 0 && this.list[at - 1].time >= time) at -= 1;
    return this.list.slice(at);
  }

  /** Where in the list the bar of this time is, or null. */
  place(time) {
    let [low, high] = [0, this.list.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.list[middle].time === time) return middle;
      if (this.list[middle].time < time) low = middle + 1;
      else high = middle - 1;
    }
    return null;
  }

  /** Windows of a page, or rollups; call `rebuild` afterwards. */
  add(rows, hourly = false) {
    this.loaded = true;
    this.digits = Math.max(this.digits, decimals(rows.map((row) => row.close)));
    for (const row of rows) {
      const start = seconds(hourly ? row.hour : row.window_start);
      const held = hourly ? this.hours : this.minutes;
      if (!(held.get(start)?.trades >= row.trade_count)) held.set(start, part(row, start));
    }
  }

  /** A live window. Returns its bar if that is the newest now, "past" if an older one changed, or null. */
  live(row) {
    const start = seconds(row.window_start);
    if (this.minutes.get(start)?.trades >= row.trade_count) return null;
    if (this.loaded && !this.complete && start < (this.list[0]?.time ?? 0)) return null; // its page brings it, with those between
    this.digits = Math.max(this.digits, decimals([row.close]));
    this.minutes.set(start, part(row, start));
    const time = start - (start % this.step);
    const newest = this.newest;
    if (newest && time < newest.time) return "past";
    const bar = this.sum(time);
    const at = newest && newest.time === time ? this.list.length - 1 : this.list.length;
    this.list[at] = bar;
    this.run(bar, this.list[at - 1]);
    return bar;
  }

  /** All bars again, oldest first. */
  rebuild() {
    if (this.minutes.size > MOST_MINUTES) this.drop();
    const times = new Set(this.step === 3600 ? this.hours.keys() : []);
    for (const start of this.minutes.keys()) times.add(start - (start % this.step));
    const sorted = [...times].sort((a, b) => a - b);
    this.list = sorted.map((time) => this.sum(time));
    this.list.forEach((bar, at) => this.run(bar, this.list[at - 1]));
    return this.list;
  }

  drop() {
    const kept = [...this.minutes.keys()].sort((a, b) => b - a).slice(0, MOST_MINUTES - 2_000);
    const floor = kept.at(-1);
    for (const start of this.minutes.keys()) if (start < floor) this.minutes.delete(start);
    this.complete = false;
  }

  sum(time) {
    const hour = this.step === 3600 ? this.hours.get(time) : undefined;
    const bar = { time, open: 0, high: -Infinity, low: Infinity, close: 0, volume: 0, notional: 0, buys: 0, trades: 0 };
    if (hour) return Object.assign(bar, hour);
    for (let start = time; start < time + this.step; start += 60) {
      const one = this.minutes.get(start);
      if (!one) continue;
      if (!bar.trades) bar.open = one.open;
      bar.close = one.close;
      bar.high = Math.max(bar.high, one.high);
      bar.low = Math.min(bar.low, one.low);
      for (const field of ["volume", "notional", "buys", "trades"]) bar[field] += one[field];
    }
    return bar;
  }

  run(bar, before) {
    const sameDay = before && Math.floor(before.time / DAY) === Math.floor(bar.time / DAY);
    const known = sameDay ? before.known : this.complete || Boolean(before);
    const from = sameDay ? before : { dayVolume: 0, dayNotional: 0, delta: 0 };
    bar.known = known;
    bar.dayVolume = from.dayVolume + bar.volume;
    bar.dayNotional = from.dayNotional + bar.notional;
    bar.delta = from.delta + 2 * bar.buys - bar.volume;
    bar.vwap = known && bar.dayVolume ? bar.dayNotional / bar.dayVolume : null;
  }
}
