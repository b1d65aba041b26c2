// How the chart tells times: in the zone chosen now. Each call gives other functions, or the chart would keep the
// labels that it has.

import { clock } from "../lib/format.js";

/** @import { TickMarkType } from "/vendor/lightweight-charts.js" */

/** The chart's options for it. */
export const timeLabels = () => ({
  timeScale: { tickMarkFormatter: (/** @type {number} */ time, /** @type {TickMarkType} */ kind) => tick(time, kind) },
  localization: { timeFormatter: (/** @type {number} */ time) => clock(time, "bar") },
});

/** @param {number} time @param {TickMarkType} kind */
function tick(time, kind) {
  if (kind === 0) return clock(time, "year");
  if (kind === 1) return clock(time, "month");
  const minute = clock(time, "minute");
  if (kind === 2) return minute === "00:00" ? clock(time, "day") : `${clock(time, "day")} ${minute}`;
  return minute;
}
