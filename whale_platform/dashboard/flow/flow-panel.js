// Whale flow of the last 24 hours under the tape's filters: by hour, by size, the largest ten. The server sums; here it
// is asked for again when the filters change, soon after a whale that fits, and every minute. Nothing is asked while
// neither panel is in sight. Where it can't be loaded, numbers of the same filters stay, under the time they are from;
// those of other filters go.

import { byId, isVisible, reorderChildren, setText, throttle } from "../lib/dom.js";
import { get } from "../data/api.js";
import { clock, keyOf } from "../lib/format.js";
import { digits } from "../markets/markets-panel.js";
import { onView, view } from "../data/url-state.js";
import { hoursPlot, sizesPlot } from "./flow-plots.js";
import { tapeAsked, tapeFits } from "../tape/tape-panel.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { whaleRow } from "../whale/whale-row.js";

let leave = null;
let plots;
let walk;
let late = true; // what is shown is not what would be answered now
let held = null; // filters and time of what is shown
const nodes = new Map();

function scope() {
  const names = view.tape === "this" ? `${view.symbol} on ${view.exchange}` : view.on || "all markets";
  const extra = [view.side && `${view.side}s`, view.min && `≥ $${view.min.toLocaleString("en-US")}`].filter(Boolean).join(", ");
  return extra ? `${names}, ${extra}` : names;
}

async function load() {
  late = true;
  if (document.hidden || !(isVisible(byId("flow")) || isVisible(byId("top")))) return;
  leave?.abort();
  const mine = (leave = new AbortController());
  const asked = scope();
  try {
    const summary = await get("/whales/summary", tapeAsked(), mine.signal);
    if (mine.signal.aborted) return;
    late = false;
    held = { scope: asked, time: Date.now() / 1000 };
    show(asked, summary, summary.top.length ? "" : "No whale in the last 24 hours.");
  } catch (error) {
    if (mine.signal.aborted) return;
    if (held?.scope === asked) return head(`${asked}, as of ${clock(held.time, "minute")}`);
    held = null;
    show(asked, null, `It can't be loaded: ${error.message}.`);
  }
}

function head(text) {
  for (const note of document.querySelectorAll(".scope")) setText(note, text);
}

/** summary: null where there is none; note: why there is nothing to show. */
function show(text, summary, note) {
  head(text);
  for (const set of plots) set(summary?.whales ? summary : null, note);
  const top = summary?.top ?? [];
  const keys = top.map((whale) => `${keyOf(whale)} ${digits(whale)}`); // more decimals of its market: another row
  const rows = top.map((whale, at) => nodes.get(keys[at]) ?? whaleRow(whale, "minute"));
  nodes.clear();
  keys.forEach((key, at) => nodes.set(key, rows[at]));
  reorderChildren(byId("top-body"), rows);
  walk.settle();
  setText(byId("top-empty"), note);
}

const soon = throttle(load, 15_000);

/** A live whale. */
export function flowWhale(whale) {
  if (tapeFits(whale)) soon();
}

export const flowLoad = load;

/** All rows anew: the zone of times has changed. */
export function flowAgain() {
  nodes.clear();
  load();
}

/** A panel has come into sight. */
export function flowShown() {
  if (late) load();
}

export function startFlow(open) {
  plots = [hoursPlot(), sizesPlot()];
  walk = keyboardList(byId("top-body"), (row) => open(row.dataset.whale));
  onView((changed) => {
    const fields = view.tape === "this" ? ["tape", "on", "side", "min", "symbol", "exchange"] : ["tape", "on", "side", "min"];
    if (fields.some((field) => changed.has(field))) load();
  });
  document.addEventListener("visibilitychange", flowShown);
  setInterval(load, 60_000);
  load();
}
