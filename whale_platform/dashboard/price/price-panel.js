// The price panel: opens a market at an interval, loads history as the reader scrolls into it, keeps the newest bar
// live. A failed load is tried again by a timer, by the next scroll and once the server is back; the panel tells of it
// where there is no bar yet. An answer that comes after the market was changed is dropped.

import { byId, isVisible, oncePerFrame, setText, throttle } from "../lib/dom.js";
import { Bars } from "../data/bars.js";
import { PriceChart } from "./price-chart.js";
import { BarHistory } from "../data/bar-history.js";
import { WhaleMarkers } from "./whale-markers.js";
import { Retry } from "../lib/retry.js";
import { onTheme } from "../lib/theme.js";
import { sayBar, showBar, showTable } from "./legend.js";
import { isMarket, onView, setView, view } from "../data/url-state.js";

let canvas, bars, history, marks, leave;
let loading = false;
let loaded = false; // a page has come, and is drawn next
let all = false; // everything is to be drawn anew, not only what came after the newest bar drawn
let marked = false;
let hovered = null; // time of the bar under the crosshair
let keyed = false; // it was put there by keys: there it stays when bars move below it
let table = false;

const draw = oncePerFrame(() => {
  if (!bars || !isVisible(byId("chart"))) return;
  if (all) canvas.set(bars.list, bars.digits);
  else for (const bar of bars.barsSince(canvas.drawn)) canvas.update(bar); // several where no frame ran in between
  if (marked || all) canvas.marks.setMarkers(marks.markers({ buy: canvas.colour[0], sell: canvas.colour[1] }, bars.list[0]?.time ?? 0));
  all = marked = false;
  if (keyed) canvas.point(bars.list[bars.place(hovered)]);
  showBar(bars.list[bars.place(hovered)] ?? bars.newest, bars.digits);
  setText(byId("chart-note"), marks.note);
  if (table) slowTable();
  if (loaded) {
    loaded = false;
    if (canvas.early()) older(); // the reader went on while it was under way
  }
});
const slowTable = throttle(() => table && showTable(bars.list, bars.digits), 1000);
const redraw = throttle(() => {
  all = true;
  bars.rebuild();
  draw();
}, 500);

const wanted = () => !history.done && (!bars.newest?.known || bars.list.length < 120);

async function older() {
  if (loading || !history || (history.done && bars.list.length)) return;
  loading = true;
  const mine = history;
  const before = bars.list[0]?.time ?? null;
  try {
    await mine.older();
    if (mine !== history) return;
    bars.rebuild();
    all = true;
    const oldest = bars.list[0]?.time;
    canvas.edge(history.done && bars.list.length > 200);
    draw();
    empty(oldest === undefined ? "No trade of this market yet. Its first bar appears with its first trade." : "");
    if (oldest !== undefined && oldest !== before) {
      await marks.load(oldest, before);
      marked = true;
      draw();
    }
  } catch (error) {
    if (mine === history) {
      empty(bars.list.length ? "" : `The chart can't be loaded: ${error.message}.`);
      retry.later();
    }
    return;
  } finally {
    if (mine === history) loading = false;
  }
  if (mine !== history) return;
  if (wanted()) return older();
  loaded = true;
  draw();
}

function empty(text) {
  setText(byId("chart-empty"), text);
  byId("chart-empty").hidden = !text;
}

/** Everything of the view's market and interval from the start. */
function open() {
  leave?.abort();
  if (!view.symbol) return empty("Bars appear here with the first trade of a market.");
  leave = new AbortController();
  retry.stop();
  const market = { exchange: view.exchange, symbol: view.symbol };
  bars = new Bars(view.interval);
  history = new BarHistory(market, view.interval, bars, leave.signal);
  marks = new WhaleMarkers(market, view.interval, thresholdOf(market), leave.signal);
  hovered = null;
  keyed = false;
  loading = false;
  all = true;
  setText(byId("chart-title"), `${view.symbol} price`);
  for (const button of byId("intervals").children) button.setAttribute("aria-pressed", button.dataset.interval === view.interval);
  canvas.clear();
  showBar(null, 0);
  empty("Loading bars…");
  older();
}

/** Live windows of any market. */
export function chartWindows(rows) {
  if (!bars) return;
  for (const row of rows) {
    if (!isMarket(row)) continue;
    const bar = bars.live(row);
    if (bar === "past") redraw();
    else if (bar) {
      if (!byId("chart-empty").hidden && !loading) empty("");
      draw();
    }
  }
}

/** A live whale. */
export function chartWhale(whale) {
  if (bars && isMarket(whale) && marks.add(whale)) {
    marked = true;
    draw();
  }
}

/** What came while the connection was lost, or could not be loaded. */
export async function chartCatchUp() {
  if (!history) return;
  if (!bars.newest) return history.done ? open() : older();
  const mine = history;
  const done = await Promise.allSettled([mine.newest(), marks.load(bars.newest.time - 3600, null)]);
  if (mine !== history) return;
  redraw();
  if (done.some((one) => one.status === "rejected")) return retry.later();
  retry.stop();
  if (wanted()) older();
}

const retry = new Retry(chartCatchUp);

/** The market's whale threshold may have become known, or be another. */
export async function chartThreshold() {
  if (!marks || marks.threshold === thresholdOf(history.market)) return;
  marks.applyThreshold(thresholdOf(history.market));
  marked = true;
  draw();
  if (!marks.filtered) return;
  const mine = (marks = new WhaleMarkers(history.market, view.interval, marks.threshold, leave.signal));
  if (!bars.newest) return;
  try {
    await mine.load(bars.list[0].time, null);
    marked = true;
    draw();
  } catch {
    if (mine === marks) retry.later();
  }
}

let thresholdOf = () => 50_000;

function keys(event) {
  if (!bars?.list.length || event.ctrlKey || event.metaKey || event.altKey) return;
  const last = bars.list.length - 1;
  const at = bars.place(hovered) ?? last;
  const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 20, PageDown: at + 20, End: last, Home: 0 };
  if (event.key in moves) {
    const to = Math.max(0, Math.min(last, moves[event.key]));
    const bar = bars.list[to];
    hovered = bar.time;
    keyed = true;
    if (event.key === "End") canvas.newest();
    else canvas.reveal(to);
    canvas.point(bar);
    sayBar(bar, bars.digits);
    draw();
  } else if (event.key === "+" || event.key === "=") canvas.zoom(1.3);
  else if (event.key === "-") canvas.zoom(1 / 1.3);
  else if (event.key === "Escape") {
    keyed = false;
    canvas.point((hovered = null));
  } else return;
  event.preventDefault();
}

/** threshold(market): its whale threshold; pick(whales): a marker was clicked. */
export function startChart(threshold, pick) {
  thresholdOf = threshold;
  canvas = new PriceChart(byId("canvas"), {
    near: older,
    hover: (time, pointed) => {
      if (keyed && !pointed) return;
      keyed = false;
      hovered = time;
      draw();
    },
    pick: (id) => pick(marks.of(id)),
  });
  canvas.chart.timeScale().subscribeVisibleLogicalRangeChange(() => (byId("chart-newest").hidden = canvas.behind() < 3));
  byId("chart-newest").addEventListener("click", () => canvas.newest());
  byId("canvas").addEventListener("keydown", keys);
  byId("intervals").addEventListener("click", (event) => event.target.dataset.interval && setView({ interval: event.target.dataset.interval }));
  byId("chart-table").addEventListener("click", () => {
    table = !table;
    byId("chart-table").setAttribute("aria-pressed", table);
    byId("bars").hidden = !table;
    byId("canvas").hidden = table;
    slowTable();
  });
  onTheme(() => {
    canvas.paint();
    all = true;
    draw();
  });
  document.addEventListener("visibilitychange", draw);
  onView((changed) => ["exchange", "symbol", "interval"].some((field) => changed.has(field)) && open());
  open();
}

/** The panel has come into sight, or the zone of times has changed. */
export function chartShown() {
  canvas.zone();
  all = true;
  draw();
}
