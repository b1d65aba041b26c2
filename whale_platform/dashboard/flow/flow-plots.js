// What the two bar charts beside the price show: whale flow by hour and whales by size.

import { clock, signedUsd, usd, usdAxis } from "../lib/format.js";
import { rem, token } from "../lib/theme.js";
import { describeFlow, everyHour, usedSizes } from "../data/flow-summary.js";
import { bars, plainTable } from "./plot.js";

/** @import { SizeBin, WhaleSummary } from "../data/messages.d.ts" */
/** @import { Content } from "./plot.js" */
/** @typedef {import("/vendor/uplot.js")} uPlot */

const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000]; // between two lines

/**
 * Whale buys up, sells down, the net as a line, over the last 24 hours.
 *
 * @param {WhaleSummary} summary
 * @returns {Content}
 */
export function hoursPlot(summary) {
  const hours = everyHour(summary);
  const places = hours.map((_, index) => index);
  /** @param {number[]} at */
  const times = (at) => at.map((index) => clock(hours[index].time, "minute"));
  return {
    data: [
      places,
      hours.map((hour) => hour.buy),
      hours.map((hour) => -hour.sell),
      hours.map((hour) => hour.buy - hour.sell),
    ],
    options: (axis) => ({
      scales: {
        x: { time: false, range: () => [-0.6, hours.length - 0.4] },
        y: { range: (_, low, high) => [Math.min(low, 0) * 1.08, Math.max(high, 0) * 1.08 || 1] },
      },
      axes: [
        {
          ...axis,
          size: rem() * 1.5,
          splits: () => places.filter((index) => index % 6 === 2),
          values: (_, at) => times(at),
          grid: { show: false },
        },
        { ...axis, size: rem() * 3.7, values: (_, at) => at.map(usdAxis), space: 26 },
      ],
      series: [
        {},
        bars("--buy", { size: [0.7, 60] }),
        bars("--sell", { size: [0.7, 60] }),
        { stroke: token("--text"), width: 1.5, points: { show: true, size: 4, fill: token("--text") } },
      ],
    }),
    read: (index) => {
      const hour = index === null ? null : hours[index];
      const [buy, sell] = hour ? [hour.buy, hour.sell] : [Number(summary.buy_usd), Number(summary.sell_usd)];
      const sums = describeFlow(buy, sell);
      return hour ? `${clock(hour.time, "minute")}: ${sums} · ${hour.whales} whales` : `24 h: ${sums}`;
    },
    table: () =>
      plainTable(
        "Whale flow by hour",
        ["Hour", "Buys", "Sells", "Net"],
        hours.map(({ time, buy, sell }) => [clock(time, "bar"), usd(buy), usd(sell), signedUsd(buy - sell)]),
      ),
  };
}

/** @param {SizeBin} bin */
const sizeOf = (bin) => (bin.to_usd ? `${usd(bin.from_usd)} to ${usd(bin.to_usd)}` : `from ${usd(bin.from_usd)}`);

/**
 * How many whales there were of each size, buys beside sells.
 *
 * @param {WhaleSummary} summary
 * @returns {Content}
 */
export function sizesPlot(summary) {
  const bins = usedSizes(summary.sizes);
  const places = bins.map((_, index) => index);
  const every = Math.ceil(bins.length / 7);
  /** @param {number[]} at */
  const sizes = (at) => at.map((index) => usdAxis(bins[index].from_usd).slice(1));
  /** @param {"buys" | "sells"} field */
  const sum = (field) => bins.reduce((all, bin) => all + bin[field], 0);
  return {
    data: [places, bins.map((bin) => bin.buys), bins.map((bin) => bin.sells)],
    options: (axis) => ({
      scales: {
        x: { time: false, range: () => [-0.6, bins.length - 0.4] },
        y: { range: (_, _low, high) => [0, high * 1.18 || 1] },
      },
      axes: [
        {
          ...axis,
          size: rem() * 1.5,
          splits: () => places.filter((index) => index % every === 0),
          values: (_, at) => sizes(at),
          grid: { show: false },
          space: 20,
        },
        { ...axis, size: rem() * 2.6, space: 26, incrs: COUNTS },
      ],
      series: [
        {},
        bars("--buy", { size: [0.42, 40], align: -1 }),
        bars("--sell", { size: [0.42, 40], align: 1 }),
      ],
    }),
    read: (index) => {
      const bin = index === null ? null : bins[index];
      if (bin) return `${sizeOf(bin)}: ▲ ${bin.buys} · ▼ ${bin.sells}`;
      return `24 h: ▲ ${sum("buys")} buys · ▼ ${sum("sells")} sells`;
    },
    table: () =>
      plainTable(
        "Whales by size",
        ["Notional", "Buys", "Sells"],
        bins.map((bin) => [sizeOf(bin), bin.buys, bin.sells]),
      ),
    over: (plot) => drawCounts(plot, bins),
  };
}

/** Write each count over its bar. @param {uPlot} plot @param {SizeBin[]} bins */
function drawCounts(plot, bins) {
  const { ctx } = plot;
  /** @param {number} value @param {string} colour @param {number} place */
  const write = (value, colour, place) => {
    if (!value) return;
    ctx.fillStyle = token(colour);
    ctx.fillText(String(value), plot.valToPos(place, "x", true), plot.valToPos(value, "y", true) - 4);
  };
  ctx.save();
  ctx.font = `${Math.round(rem() * 0.66 * devicePixelRatio)}px ${token("--font")}`;
  ctx.textAlign = "center";
  bins.forEach((bin, index) => {
    write(bin.buys, "--buy", index - 0.23);
    write(bin.sells, "--sell", index + 0.23);
  });
  ctx.restore();
}
