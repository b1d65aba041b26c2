// What the plots of the whale flow draw, made from the server's summary: one place for every hour and every size
// between the first and the last, so that an axis has no holes. Pure: no page, no network.

import { signedUsd, usd } from "../lib/format.js";

/** @import { MarketKind, SizeBin, WhaleSummary } from "./messages.d.ts" */
/** @typedef {{ time: number, buy: number, sell: number, whales: number }} FlowHour `time`: epoch seconds; USD. */

const HOUR_MS = 3_600_000;
/** @type {Record<MarketKind, string>} */
const MARKET_KINDS = {
  spot: "spot",
  perpetual: "perpetuals",
  block: "blocks off the book",
  liquidation: "liquidations",
};

/** Net, bought and sold dollars in words. @param {number} buy @param {number} sell */
export const describeFlow = (buy, sell) => `net ${signedUsd(buy - sell)} · ▲ ${usd(buy)} · ▼ ${usd(sell)}`;

/**
 * Of which markets the sums are, in words; empty where there are spot markets alone.
 *
 * @param {Pick<WhaleSummary, "market_kind" | "others">} summary
 */
export const describeMarkets = ({ market_kind, others }) =>
  market_kind === "spot" && !others.length ? "" : MARKET_KINDS[market_kind];

/**
 * The sums of the other kinds of markets, each under its name.
 *
 * @param {Pick<WhaleSummary, "others">} summary
 */
export const describeOthers = ({ others }) =>
  others
    .map(({ market_kind, whales, buy_usd, sell_usd }) => {
      const name = MARKET_KINDS[market_kind];
      const sums = describeFlow(Number(buy_usd), Number(sell_usd));
      return `${name[0].toUpperCase()}${name.slice(1)}, 24 h: ${sums} · ${whales} whales`;
    })
    .join("\n");

/**
 * Every hour that the summary's time touches, oldest first: 25 where the 24 hours do not begin with one.
 *
 * @param {Pick<WhaleSummary, "from" | "to" | "hours">} summary
 * @returns {FlowHour[]}
 */
export function everyHour(summary) {
  const first = Math.floor(Date.parse(summary.from) / HOUR_MS);
  const last = Math.floor((Date.parse(summary.to) - 1) / HOUR_MS);
  const flows = new Map(summary.hours.map((flow) => [Date.parse(flow.hour) / HOUR_MS, flow]));
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const flow = flows.get(first + index);
    const [buy, sell] = [Number(flow?.buy_usd ?? 0), Number(flow?.sell_usd ?? 0)];
    return { time: (first + index) * 3600, buy, sell, whales: flow?.whales ?? 0 };
  });
}

/**
 * The sizes from the smallest to the largest that has whales, those between them too; none where there is no whale.
 *
 * @param {SizeBin[]} sizes
 */
export function usedSizes(sizes) {
  const used = sizes.map((bin) => bin.buys + bin.sells > 0);
  return used.includes(true) ? sizes.slice(used.indexOf(true), used.lastIndexOf(true) + 1) : [];
}
