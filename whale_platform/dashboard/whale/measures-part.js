// What a whale is measured by, in its context: its shares of the trading, its streak, and the impact that its size let
// expect beside the one that came. What is only so far, or not known, says so.

import { bps, percent, signedUsd, whole, wholeAmount } from "../lib/format.js";
import { facts, none, part } from "./part.js";

/** @import { Whale } from "../data/messages.d.ts" */
/** @import { ImpactFit, Measures, VolumeShare, WhaleContext } from "../data/whale-context.d.ts" */

const HEADING = "Share, streak, impact";
const YOUNG_MS = 35 * 60_000; // after which nothing is still to come but the end of its hour
const MOVED = "From the price before it to that a second after it, in the direction of its taker";

/** @param {WhaleContext} context */
export function measuresPart({ whale, measures }) {
  if (!measures) return part("measures", HEADING, none("It is a fill of a sweep, which has them."));
  if (whale.kind === "block" || whale.kind === "liquidation") {
    return part("measures", HEADING, none(`A ${whale.kind} is part of no window, and moves no book.`));
  }
  const { streak, net_flow_usd: flow, moved_bps: moved, outcome } = measures;
  return part(
    "measures",
    HEADING,
    facts([
      ["Of its minute", shareText(measures.minute), traded(measures.minute, whale)],
      ["Of its hour", shareText(measures.hour), traded(measures.hour, whale)],
      ["Streak", streakText(streak ?? 1, whale), "Whales of its side without one of the other, within 5 minutes"],
      ["Whales' net flow, 5 min", signedUsd(flow ?? "0"), whole(flow ?? "0")],
      ["Moved in a second", moved === null ? (isYoung(whale) ? "not yet" : "not known") : bps(moved), MOVED],
      ["Expected of its size", ...expectedOf(measures)],
      ["Outcome", outcome === null ? "not known" : outcome.replaceAll("_", " ")],
    ]),
  );
}

/** Whether some price after a whale, or its minute, is still to come. @param {WhaleContext} context */
export function isToCome({ whale, prices, measures }) {
  const known = prices !== null && prices.after_15 !== null && measures?.minute.over !== false;
  return !known && isYoung(whale);
}

/** @param {Whale} whale */
const isYoung = (whale) => Date.now() - Date.parse(whale.received_time) < YOUNG_MS;

/** @param {VolumeShare} share */
function shareText({ share, over }) {
  if (share === null) return over ? "not in the tables" : "not yet";
  return `${percent(share, 1).replace("+", "")}${over ? "" : ", so far"}`;
}

/** @param {VolumeShare} share @param {Whale} whale */
const traded = ({ notional }, whale) => (notional === null ? undefined : `of ${wholeAmount(notional, whale)}`);

/** @param {number} streak @param {Whale} whale */
const streakText = (streak, { side }) => (streak < 2 ? "none before it" : `${streak} ${side}s in a row`);

/** @param {Measures} measures @returns {[text: string, title?: string]} */
function expectedOf({ expected_bps: expected, fit }) {
  if (expected !== null && fit) return [`≈ ${bps(expected)}`, lawOf(fit)];
  if (fit) return [fit.note ?? "not known"];
  return ["no fit that ended before it", "Fits are made each night, from a day of trades on"];
}

/** @param {ImpactFit} fit */
function lawOf({ factor, factor_error: error, volatility, sweeps }) {
  const law = `Y = ${factor?.toFixed(2)} ± ${error?.toFixed(2)} from ${sweeps} sweeps`;
  return `${law}, volatility of a day ${percent(volatility).replace("+", "")}`;
}
