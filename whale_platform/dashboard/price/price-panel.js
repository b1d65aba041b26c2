// The price panel: the market in sight at the chosen interval, as a chart, under the crosshair in figures, and as a
// table. Loads older bars as the reader scrolls into them; where there is no bar, it says why.

import { isVisible, oncePerFrame, setText, throttle } from "../lib/dom.js";
import { partsOf } from "../lib/panel.js";
import { onTheme } from "../lib/theme.js";
import { isMarket, onView, setView, view } from "../data/url-state.js";
import { Legend, sentence, table } from "./legend.js";
import { MarketSeries } from "./market-series.js";
import { PriceChart } from "./price-chart.js";

/** @import { MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { Gap, TradeWindow, Whale } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

/** @implements {Panel} */
export class PricePanel {
  #root;
  #parts;
  #markets;
  #chart;
  #legend;
  /** @type {MarketSeries | null} */
  #series = null;
  #all = false; // everything is to be drawn, not only what came after the newest bar drawn
  #marked = false; // the markers are to be drawn
  #settled = false; // no page is under way, and the last one is drawn next
  /** @type {number | null} Time of the bar under the crosshair. */
  #hovered = null;
  #keyed = false; // it was put there by keys: there it stays when bars move below it
  #table = false;
  #draw = oncePerFrame(() => this.#render());
  #drawTable = throttle(() => this.#renderTable(), 1000);
  #redraw = throttle(() => {
    this.#series?.bars.rebuild();
    this.#drawAll();
  }, 500);

  /**
   * @param {HTMLElement} root
   * @param {MarketCatalogue} markets
   * @param {(whales: Whale[]) => void} onPick The reader has picked a marker.
   */
  constructor(root, markets, onPick) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#markets = markets;
    this.#legend = new Legend(this.#parts.legend);
    this.#chart = new PriceChart(this.#parts.canvas, {
      near: () => this.#series?.loadOlder(),
      hover: (time, pointed) => this.#hover(time, pointed),
      pick: (id) => onPick(this.#series?.markers.whalesOf(id) ?? []),
      scrolled: (behind) => (this.#parts.newest.hidden = behind < 3),
    });
  }

  start() {
    const { newest, canvas, intervals, table: button } = this.#parts;
    newest.addEventListener("click", () => this.#chart.scrollToNewest());
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    intervals.addEventListener("click", (/** @type {any} */ { target: { dataset } }) => {
      if (dataset.interval) setView({ interval: dataset.interval });
    });
    button.addEventListener("click", () => this.#switchTable());
    onTheme(() => {
      this.#chart.paint();
      this.#drawAll();
    });
    document.addEventListener("visibilitychange", this.#draw);
    this.#markets.onLoad(() => {
      if (this.#series) this.#series.setThreshold(this.#markets.thresholdOf(this.#series.market));
    });
    onView((changed) => {
      if (changed.has("exchange") || changed.has("symbol") || changed.has("interval")) this.#open();
    });
    this.#open();
  }

  /** @param {TradeWindow[]} windows */
  onWindows(windows) {
    for (const row of windows) if (isMarket(row)) this.#series?.addWindow(row);
  }

  /** @param {Whale} whale */
  onWhale(whale) {
    if (isMarket(whale)) this.#series?.addWhale(whale);
  }

  /** @param {Gap} gap */
  onGap(gap) {
    if (gap.topic === "windows" || gap.topic === "whales") this.#series?.catchUp();
  }

  onReconnect() {
    this.#series?.catchUp();
  }

  onVisible() {
    this.onZone();
  }

  onZone() {
    this.#chart.updateZone();
    this.#drawAll();
  }

  /** Everything of the view's market and interval from the start. */
  #open() {
    this.#series?.close();
    if (!view.symbol) {
      this.#empty("Bars appear here with the first trade of a market.");
      return;
    }
    const market = { exchange: view.exchange, symbol: view.symbol };
    this.#series = new MarketSeries(market, view.interval, this.#markets.thresholdOf(market), this.#events());
    this.#hovered = null;
    this.#keyed = false;
    this.#all = true;
    setText(this.#parts.title, `${view.symbol} price`);
    for (const button of this.#parts.intervals.children) {
      button.setAttribute("aria-pressed", button.dataset.interval === view.interval);
    }
    this.#chart.clear();
    this.#legend.show(null, 0);
    this.#empty("Loading bars…");
    this.#series.loadOlder();
  }

  /** What the panel does about each event of its series. */
  #events() {
    return {
      page: () => {
        this.#chart.fixLeftEdge(Boolean(this.#series?.done) && (this.#series?.bars.list.length ?? 0) > 200);
        this.#drawAll();
      },
      newest: () => {
        if (!this.#parts.empty.hidden && !this.#series?.loading) this.#empty("");
        this.#draw();
      },
      past: this.#redraw,
      markers: () => {
        this.#marked = true;
        this.#draw();
      },
      empty: (/** @type {string} */ reason) => this.#empty(reason),
      settled: () => {
        this.#settled = true;
        this.#draw();
      },
      restart: () => this.#open(),
    };
  }

  #drawAll() {
    this.#all = true;
    this.#draw();
  }

  #render() {
    const series = this.#series;
    if (!series || !isVisible(this.#root)) return;
    const { bars, markers } = series;
    const chart = this.#chart;
    if (this.#all) chart.setBars(bars.list, bars.digits);
    else for (const bar of bars.barsSince(chart.drawn)) chart.updateBar(bar); // several where no frame ran in between
    if (this.#marked || this.#all) chart.setMarkers(markers.toMarkers(chart.colours, bars.list[0]?.time ?? 0));
    this.#all = this.#marked = false;
    const hovered = bars.at(this.#hovered);
    if (this.#keyed) chart.pointAt(hovered);
    this.#legend.show(hovered ?? bars.newest, bars.digits);
    setText(this.#parts.note, markers.note);
    if (this.#table) this.#drawTable();
    if (this.#settled) {
      this.#settled = false;
      if (chart.isNearStart()) series.loadOlder(); // the reader went on while it was under way
    }
  }

  #renderTable() {
    if (!this.#table || !this.#series) return;
    this.#parts.bars.replaceChildren(table(this.#series.bars.list, this.#series.bars.digits));
  }

  #switchTable() {
    const { canvas, bars, table: button } = this.#parts;
    this.#table = !this.#table;
    button.setAttribute("aria-pressed", this.#table);
    bars.hidden = !this.#table;
    canvas.hidden = this.#table;
    this.#drawTable();
  }

  /** Why there is no bar to be seen; "" where there is one. @param {string} reason */
  #empty(reason) {
    setText(this.#parts.empty, reason);
    this.#parts.empty.hidden = !reason;
  }

  /** @param {number | null} time @param {boolean} pointed */
  #hover(time, pointed) {
    if (this.#keyed && !pointed) return;
    this.#keyed = false;
    this.#hovered = time;
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const bars = this.#series?.bars;
    if (!bars?.list.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = bars.list.length - 1;
    const index = bars.indexOf(this.#hovered) ?? last;
    const [back, on] = [{ ArrowLeft: index - 1, PageUp: index - 20 }, { ArrowRight: index + 1, PageDown: index + 20 }];
    /** @type {Record<string, number>} */
    const moves = { ...back, ...on, Home: 0, End: last };
    if (event.key in moves) this.#moveTo(Math.max(0, Math.min(last, moves[event.key])), event.key === "End");
    else if (event.key === "+" || event.key === "=") this.#chart.zoom(1.3);
    else if (event.key === "-") this.#chart.zoom(1 / 1.3);
    else if (event.key === "Escape") {
      this.#keyed = false;
      this.#hovered = null;
      this.#chart.pointAt(null);
    } else return;
    event.preventDefault();
  }

  /** Put the crosshair on a bar. @param {number} index In the list. @param {boolean} toNewest Scroll to the newest. */
  #moveTo(index, toNewest) {
    const bars = /** @type {MarketSeries} */ (this.#series).bars;
    const bar = bars.list[index];
    this.#hovered = bar.time;
    this.#keyed = true;
    if (toNewest) this.#chart.scrollToNewest();
    else this.#chart.reveal(index);
    this.#chart.pointAt(bar);
    setText(this.#parts.say, sentence(bar, bars.digits));
    this.#draw();
  }
}
