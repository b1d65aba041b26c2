// The last hour of a market as a line, without axes.

import { svgElement } from "../lib/dom.js";
import { HOUR } from "../data/market-catalogue.js";

const WIDTH = 80;
const HEIGHT = 24;

/** An element for the line, and the line itself, whose `points` are set. */
export function sparkline() {
  const line = svgElement("polyline");
  const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return { node: svgElement("svg", box, line), line };
}

/**
 * The points of a line of closes by minute, over the hour that ends with `last`.
 *
 * @param {Map<number, number>} all
 * @param {number} last Epoch seconds.
 */
export function sparklinePoints(all, last) {
  const closes = new Map([...all].filter(([time]) => time > last - HOUR));
  if (closes.size < 2) return "";
  const [low, high] = [Math.min(...closes.values()), Math.max(...closes.values())];
  /** @param {number} time */
  const x = (time) => WIDTH * (1 - (last - time) / (HOUR - 60));
  /** @param {number} value */
  const y = (value) => 22 - (20 * (value - low)) / (high - low || 1);
  const points = [...closes].sort((a, b) => a[0] - b[0]);
  return points.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}
