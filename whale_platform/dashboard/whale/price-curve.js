// The price in the quarter hours before and after a whale as a small picture: the range of each minute, its close, and
// the whale itself.

import { svgElement } from "../lib/dom.js";

/** @import { StoredWindow, Whale } from "../data/messages.d.ts" */

const LABEL = "Price in the quarter hours before and after the whale";
const SPAN = 1860; // seconds from the left to the right end

/** @param {string} time */
const seconds = (time) => Math.floor(Date.parse(time) / 1000);

/**
 * @param {StoredWindow[]} windows
 * @param {number} minute The whale's, epoch seconds.
 * @param {Whale} whale
 * @returns {SVGElement | null} Null where there are too few windows.
 */
export function priceCurve(windows, minute, whale) {
  if (windows.length < 2) return null;
  const values = windows.flatMap((row) => [Number(row.low), Number(row.high)]);
  const [low, high] = [Math.min(...values, Number(whale.price)), Math.max(...values, Number(whale.price))];
  /** @param {number} time */
  const x = (time) => 300 * ((time - minute) / SPAN + 0.5);
  /** @param {number} value */
  const y = (value) => 74 - (68 * (value - low)) / (high - low || 1);
  /** @param {"high" | "low" | "close"} field */
  const points = (field) =>
    windows.map((row) => `${x(seconds(row.window_start) + 30).toFixed(1)},${y(Number(row[field])).toFixed(1)}`);
  const here = { cx: x(seconds(whale.event_time)), cy: y(Number(whale.price)) };
  return svgElement(
    "svg",
    { viewBox: "0 0 300 80", class: `curve ${whale.side}`, role: "img", "aria-label": LABEL },
    svgElement("polygon", { points: [...points("high"), ...points("low").reverse()].join(" ") }),
    svgElement("polyline", { points: points("close").join(" ") }),
    svgElement("line", { x1: here.cx, x2: here.cx, y1: 0, y2: 80 }),
    svgElement("circle", { ...here, r: 4 }),
  );
}
