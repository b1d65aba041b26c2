// What is known of thresholds, without a page: which one applies to a market, what amounts would have given, and what
// the server says of a field. A place is `exchange:symbol`, with `*` for any.

import { clock, whole, zoneName } from "../lib/format.js";
import { marketOf } from "./url-state.js";

/** @import { Named, SuggestedChoice, Suggestion, Threshold } from "./messages.d.ts" */

export const ANY = "*";
export const BY_HOUR = "by hour"; // the value of the choice that has an amount for each hour of the week
const HOURS_OF_WEEK = 168;
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FIELD = /^(threshold_usd|large_usd|giant_usd|exchange|symbol): (.*)$/s;

/** @param {string} place @returns {Named} */
export function parsePlace(place) {
  const colon = place.indexOf(":");
  return { exchange: place.slice(0, colon), symbol: place.slice(colon + 1) };
}

/** A place in words. @param {Named} place */
export function nameOf({ exchange, symbol }) {
  if (symbol === ANY) return exchange === ANY ? "every market" : `every market of ${exchange}`;
  return exchange === ANY ? `${symbol} on every exchange` : `${symbol} on ${exchange}`;
}

/**
 * The places to choose from: everything, each exchange, each market, and what has a threshold.
 *
 * @param {Named[]} markets
 * @param {string[]} exchanges
 * @param {Named[]} rows
 */
export function listPlaces(markets, exchanges, rows) {
  const names = [...new Set([...exchanges, ...markets.map(({ exchange }) => exchange)])].sort();
  const known = [...markets, ...rows].map(marketOf).sort();
  return [...new Set([`${ANY}:${ANY}`, ...names.map((name) => `${name}:${ANY}`), ...known])];
}

/**
 * The threshold that applies at a place: the most specific one.
 *
 * @param {Threshold[]} rows
 * @param {Named} place
 */
export function findApplying(rows, { exchange, symbol }) {
  const places = [`${exchange}:${symbol}`, `${ANY}:${symbol}`, `${exchange}:${ANY}`, `${ANY}:${ANY}`];
  return places.map((place) => rows.find((row) => marketOf(row) === place)).find(Boolean);
}

/**
 * The threshold of this very place.
 *
 * @param {Threshold[]} rows
 * @param {Named} place
 */
export const findOwn = (rows, place) => rows.find((row) => marketOf(row) === marketOf(place));

/**
 * The thresholds with this one at a place; null: with none there.
 *
 * @param {Threshold[]} rows
 * @param {Named} place
 * @param {Threshold | null} row
 */
export function replaceRow(rows, place, row) {
  const others = rows.filter((one) => marketOf(one) !== marketOf(place));
  return row ? [...others, row] : others;
}

/** What has come in between, in words. @param {Threshold | null} current Null: it was removed. */
export function describeConflict(current) {
  if (!current) return "Somebody else has removed this threshold meanwhile. Nothing was changed; save again to set it.";
  const now = describeAmounts(current);
  return `Somebody else has set this threshold meanwhile: ${now}. Nothing was changed; do it again to replace that.`;
}

/** @param {Threshold} row */
export function describeAmounts({ threshold_usd: least, large_usd: large, giant_usd: giant, hours_usd: hours }) {
  const amounts = `whale from ${whole(least)}, large from ${whole(large)}, giant from ${whole(giant)}`;
  return hours ? `${amounts}; by the hour of the week ${describeHours(hours)}` : amounts;
}

/** The amount of each hour of the week that is suggested, null where there is none. @param {Suggestion} suggestion */
export function listHours({ hours_of_week: found }) {
  /** @type {(string | null)[]} */
  const hours = Array.from({ length: HOURS_OF_WEEK }, () => null);
  for (const { hour_of_week: hour, usd } of found) hours[hour] = usd;
  return hours;
}

/** The least and the highest amount of the hours of the week, and when they hold. @param {(string | null)[]} hours */
export function describeHours(hours) {
  const sorted = hours
    .flatMap((usd, hour) => (usd === null ? [] : [{ usd, hour }]))
    .sort((a, b) => Number(a.usd) - Number(b.usd));
  const [least, most] = [sorted[0], sorted.at(-1)].map((one) => one && `${whole(one.usd)} (${nameHour(one.hour)})`);
  return least === undefined ? "no other amounts" : `from ${least} to ${most} UTC`;
}

/** @param {number} hour */
const nameHour = (hour) => `${DAYS[Math.floor(hour / 24)]} ${String(hour % 24).padStart(2, "0")}:00`;

/** What applies, in words. @param {Threshold} row */
export function describeHeld(row) {
  const whose = row.origin === "suggested" ? "suggested by the platform" : "set";
  const later = Date.parse(row.valid_from) > Date.now();
  const when = later ? ` from ${clock(row.valid_from, "bar")} ${zoneName()} on` : "";
  return `Now: ${describeAmounts(row)}; ${whose} for ${nameOf(row)}${when}.`;
}

/** What was saved, in words. @param {Threshold} row */
export function describeSaved(row) {
  const since = `from ${clock(row.valid_from, "bar")} ${zoneName()} on`;
  const taken = "The stream takes it up at its next checkpoint.";
  return `Saved for ${nameOf(row)}: ${describeAmounts(row)}, ${since}. ${taken}`;
}

/** Where the threshold of a place is set. @param {Named} place */
export function buildPath({ exchange, symbol }) {
  return `/thresholds/${encodeURIComponent(exchange)}/${encodeURIComponent(symbol)}`;
}

/**
 * The headers by which nothing is changed but what was shown.
 *
 * @param {Threshold | undefined} row What was shown as set at this very place.
 * @returns {Record<string, string>}
 */
export function buildCondition(row) {
  return row ? { "If-Match": `"${row.version}"` } : { "If-None-Match": "*" };
}

/** @param {number[]} alerts Of each day. */
const meanOf = (alerts) => alerts.reduce((sum, count) => sum + count, 0) / alerts.length;

/** @param {number} mean */
const figure = (mean) => String(Number(mean.toFixed(1)));

/** What an amount gave a day. @param {SuggestedChoice} choice */
export function describeAlerts({ alerts }) {
  if (!alerts?.length) return "gave more than were counted";
  return `gave ${figure(meanOf(alerts))} a day (${Math.min(...alerts)} to ${Math.max(...alerts)})`;
}

/**
 * What an amount that was typed would have given a day, as far as the choices tell; empty where they do not.
 *
 * @param {Suggestion | undefined} suggestion
 * @param {number} usd
 */
export function estimateAlerts(suggestion, usd) {
  const counted = (suggestion?.choices ?? []).filter(({ alerts, by_hour: byHour }) => alerts?.length && !byHour);
  if (!counted.length || !(usd > 0)) return "";
  const sorted = counted.sort((a, b) => Number(a.usd) - Number(b.usd));
  const below = sorted.findLast((choice) => Number(choice.usd) <= usd);
  const above = sorted.find((choice) => Number(choice.usd) >= usd);
  const [most, least] = [below, above].map((choice) => (choice ? figure(meanOf(choice.alerts ?? [])) : null));
  if (most === null) return `It would have given ${least} a day or more.`;
  if (least === null) return `It would have given ${most} a day or fewer.`;
  return `It would have given ${most === least ? most : `${least} to ${most}`} a day.`;
}

const GROUPED = /^\d{1,3}(?:([\s,])\d{3}(?:\1\d{3})*)?(?:\.\d+)?$/; // thousands by commas or by spaces

/**
 * An amount as the server takes it: without the dollar sign and what groups thousands. Anything else stays as it was
 * typed, so that the server refuses it and no number becomes another one: `1,5` is not 15.
 *
 * @param {string} text
 */
export function parseAmount(text) {
  const bare = text.trim().replace(/^\$\s*/, "");
  return GROUPED.test(bare) ? bare.replace(/[\s,]/g, "") : bare;
}

/**
 * Why an amount may be a slip of the hand (`50.000` is 50 dollars), as a question; empty where it is not below a tenth
 * of what holds.
 *
 * @param {Threshold | undefined} row What holds.
 * @param {number} usd
 */
export function questionAmount(row, usd) {
  if (!row || !(usd * 10 < Number(row.threshold_usd))) return "";
  const held = whole(row.threshold_usd);
  return `${whole(usd)} is less than a tenth of the ${held} that hold now: save again if you mean it.`;
}

/**
 * A refusal by the field that it concerns; "" for what concerns none.
 *
 * @param {string} detail
 * @returns {Record<string, string>}
 */
export function splitRefusal(detail) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const part of detail.split("; ")) {
    const [, name = "", text = part] = FIELD.exec(part) ?? [];
    const field = name === "exchange" || name === "symbol" ? "market" : name;
    found[field] = found[field] ? `${found[field]}; ${text}` : text;
  }
  return found;
}
