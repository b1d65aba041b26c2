// Numbers and times as people read them. Money comes as decimal strings: the short form is for the eye, the whole one
// goes into the title, digit for digit. A value that is missing shows as a dash.

import { pref } from "./prefs.js";

/** @import { Currencies, Whale } from "../data/messages.d.ts" */

export const SIDE = { buy: "▲ buy", sell: "▼ sell" };
/** @type {[number, string, number][]} Size, sign, decimals below a hundred. */
const UNITS = [[1, "", 0], [1e3, "k", 1], [1e6, "M", 1], [1e9, "B", 1]];
const compact = new Intl.NumberFormat("en-US", {
  notation: "compact",
  minimumFractionDigits: 0,
  maximumFractionDigits: 2,
});

/** "1234567.8900" to "1,234,567.8900": no digit is lost. @param {string | number} text */
export function grouped(text) {
  const [whole, rest] = String(text).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest === undefined ? "" : `.${rest}`);
}

/**
 * $1.25M; whole() gives the title of it.
 *
 * @param {string | number | null | undefined} value
 */
export function usd(value) {
  const number = Number(value);
  if (value === null || value === undefined || !Number.isFinite(number)) return "–";
  let text = "";
  for (const [unit, name, tens] of UNITS) {
    const figures = rounded(Math.abs(number) / unit, tens);
    text = `${figures}${name}`;
    if (Number(figures) < 1000) break;
  }
  return `${number < 0 ? "−" : ""}$${text}`;
}

/**
 * Two decimals below 10, `tens` below 100, none above: judged by what is shown, so that 99.96 is 100.
 *
 * @param {number} size
 * @param {number} tens
 */
function rounded(size, tens) {
  const two = size.toFixed(2);
  if (Number(two) < 10) return two;
  const few = size.toFixed(tens);
  return Number(few) < 100 ? few : size.toFixed(0);
}

/** @typedef {Partial<Currencies> | null | undefined} Quoted Whose amounts are meant. */

/** Whether amounts in a market's quote currency are dollars, as the server counts them. @param {Quoted} market */
export const inDollars = (market) => Boolean(market?.usd_via);

/**
 * An amount in a market's quote currency, short: "$1.25M", "1.25M EUR".
 *
 * @param {string | number} value
 * @param {Quoted} market
 */
export const amount = (value, market) =>
  inDollars(market) ? usd(value) : `${usd(value).replace("$", "")} ${market?.quote ?? ""}`.trim();

/** The same digit for digit. @param {string | number} value @param {Quoted} market */
export const wholeAmount = (value, market) =>
  inDollars(market) ? whole(value) : `${grouped(value)} ${market?.quote ?? ""}`.trim();

/** Dollars on an axis: no digits that say nothing. @param {number} value */
export const usdAxis = (value) =>
  `${value < 0 ? "−" : ""}$${compact.format(Math.abs(value)).replace("K", "k")}`;

/** @param {string | number} value */
export const signedUsd = (value) => (Number(value) > 0 ? `+${usd(value)}` : usd(value));

/** @param {string | number} value */
export const whole = (value) => `$${grouped(value)}`;

/**
 * A price with at least `digits` decimals and all of its own.
 *
 * @param {string | number | null | undefined} value
 */
export function price(value, digits = 0) {
  if (value === null || value === undefined || value === "") return "–";
  const text = typeof value === "number" ? value.toFixed(digits) : String(value);
  const [head, rest = ""] = text.split(".");
  return grouped(head) + (rest || digits ? `.${rest.padEnd(digits, "0")}` : "");
}

/** Decimals that a list of prices uses, at most 10. @param {string[]} prices */
export function decimals(prices) {
  return Math.min(10, Math.max(0, ...prices.map((text) => (text.split(".")[1] ?? "").length)));
}

/** @param {string | number} value In base units. */
export function quantity(value) {
  const number = Number(value);
  if (!Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  if (size >= 10_000) return compact.format(number).replace("-", "−").replace("K", "k");
  return number.toFixed(size >= 100 ? 1 : size >= 1 ? 3 : 4).replace("-", "−");
}

/** A fraction as percent with its sign. @param {string | number | null | undefined} value */
export function percent(value, digits = 2) {
  const number = Number(value) * 100;
  if (value === null || value === undefined || !Number.isFinite(number)) return "–";
  return `${number > 0 ? "+" : number < 0 ? "−" : ""}${Math.abs(number).toFixed(digits)}%`;
}

/** A change of price: "▲ 1.20%"; nothing where it is not known. @param {number | null} value A fraction. */
export const change = (value) =>
  value === null ? "" : `${value < 0 ? "▼" : "▲"} ${percent(Math.abs(value)).replace("+", "")}`;

/** Seconds as "3 s", "4 min", "2 h". @param {number} seconds */
export function age(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const styles = {
  time: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
  year: { year: "numeric" },
  full: {
    year: "numeric",
    month: "short",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  },
  bar: { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit" },
};
/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** A time in the chosen zone. @param {string | number} when RFC 3339, or seconds since the epoch. */
export function clock(when, style = "time") {
  const local = pref("zone", "utc") === "local";
  const key = `${style}${local}`;
  let format = formats.get(key);
  if (!format) {
    const zone = local ? undefined : "UTC";
    format = new Intl.DateTimeFormat("en-GB", { ...styles[style], timeZone: zone, hourCycle: "h23" });
    formats.set(key, format);
  }
  const date = new Date(typeof when === "number" ? when * 1000 : when);
  return Number.isNaN(date.getTime()) ? "–" : format.format(date);
}

export const zoneName = () =>
  pref("zone", "utc") === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC";

/** How many thresholds a whale is worth. @param {Pick<Whale, "notional_usd" | "threshold_usd">} whale */
export const timesOf = (whale) => Number(whale.notional_usd) / Number(whale.threshold_usd);

/** @param {Whale} whale */
export const keyOf = (whale) => `${whale.exchange}/${whale.symbol}/${whale.kind}/${whale.trade_id}`;

/** What a whale is, in words: "trade", "sweep", "block", "liquidation". @param {Pick<Whale, "kind">} whale */
export const kindName = ({ kind }) => (kind === "single_trade" ? "trade" : kind);

/** "+3.2 bp": hundredths of a per cent, with their sign. @param {string | null | undefined} value */
export function bps(value) {
  if (value === null || value === undefined) return "–";
  const figures = Math.abs(Number(value)).toFixed(1);
  return `${Number(figures) === 0 ? "" : Number(value) > 0 ? "+" : "−"}${figures} bp`;
}

/** How much worse the price became for the taker. @param {Pick<Whale, "slippage_bps">} whale */
export const slippage = ({ slippage_bps: value }) => bps(value);
