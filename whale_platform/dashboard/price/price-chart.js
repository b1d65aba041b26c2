// The price chart itself: candles, volume, VWAP, whale markers, and below them the cumulative delta. Knows
// lightweight-charts and nothing of where bars come from. Times stay UTC inside; only their labels follow the chosen
// zone, because shifted times would meet themselves when clocks are set back.

import {
  BaselineSeries,
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  createChart,
  createSeriesMarkers,
} from "/vendor/lightweight-charts.js";
import { rem, token } from "../lib/theme.js";
import { timeLabels } from "./time-labels.js";

/** @import { AutoscaleInfo, SeriesMarker, UTCTimestamp } from "/vendor/lightweight-charts.js" */
/** @import { Bar } from "../data/bars.js" */
/** @import { Side } from "../data/messages.d.ts" */

/**
 * @typedef {object} ChartEvents
 * @property {() => void} near The oldest bars have come into sight.
 * @property {(time: number | null, pointed: boolean) => void} hover Where the crosshair is, and whether the pointer
 *   moved it.
 * @property {(id: string) => void} pick A marker was clicked.
 * @property {(behind: number) => void} scrolled How many bars the newest shown is away from the newest.
 */

const FAINT = "66"; // alpha of volume and fills

export class PriceChart {
  #chart;
  #candles;
  #volume;
  #vwap;
  #delta;
  #markers;
  /** @type {Bar[]} */
  #bars = [];
  /** @type {Record<Side, string>} */
  colours = { buy: "", sell: "" };
  drawn = 0; // time of the newest bar drawn

  /** @param {HTMLElement} node @param {ChartEvents} events */
  constructor(node, events) {
    this.#chart = createChart(node, {
      autoSize: true,
      layout: { attributionLogo: false }, // its style is one that the page's policy refuses; index.html has ours
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, rightOffset: 5, barSpacing: 8, minBarSpacing: 0.6 },
    });
    this.#candles = this.#chart.addSeries(CandlestickSeries, { borderVisible: false, priceLineVisible: true });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#vwap = this.#chart.addSeries(LineSeries, {
      lineWidth: 2,
      title: "VWAP",
      priceLineVisible: false,
      crosshairMarkerVisible: false,
      autoscaleInfoProvider: (/** @type {() => AutoscaleInfo | null} */ own) => this.#near(own()),
    });
    const delta = { title: "CVD", lineWidth: /** @type {const} */ (2), priceLineVisible: false };
    const zero = { type: /** @type {const} */ ("price"), price: 0 };
    this.#delta = this.#chart.addSeries(
      BaselineSeries,
      { ...delta, baseValue: zero, priceFormat: { type: "volume" } },
      1,
    );
    this.#candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.24 } });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    const [above, below] = this.#chart.panes();
    above.setStretchFactor(4);
    below.setStretchFactor(1);
    this.#markers = createSeriesMarkers(this.#candles, []);
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
      if (this.isNearStart()) events.near();
      events.scrolled(this.#behind());
    });
    this.#chart.subscribeCrosshairMove((at) => {
      events.hover(/** @type {UTCTimestamp | undefined} */ (at.time) ?? null, Boolean(at.sourceEvent));
    });
    this.#chart.subscribeClick((at) => {
      if (at.hoveredObjectId) events.pick(String(at.hoveredObjectId));
    });
    this.updateZone();
    this.paint();
  }

  /** Colours and sizes of the theme. */
  paint() {
    const line = token("--line");
    const { buy, sell } = (this.colours = { buy: token("--buy"), sell: token("--sell") });
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: token("--panel") },
        textColor: token("--muted"),
        fontSize: Math.round(rem() * 0.85),
        fontFamily: token("--font"),
        panes: { separatorColor: line, separatorHoverColor: token("--raise") },
      },
      grid: { vertLines: { color: token("--grid") }, horzLines: { color: token("--grid") } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
      crosshair: {
        vertLine: { color: token("--muted"), labelBackgroundColor: token("--label") },
        horzLine: { color: token("--muted"), labelBackgroundColor: token("--label") },
      },
    });
    this.#candles.applyOptions({ upColor: buy, downColor: sell, wickUpColor: buy, wickDownColor: sell });
    this.#vwap.applyOptions({ color: token("--vwap") });
    this.#delta.applyOptions({
      topLineColor: buy,
      bottomLineColor: sell,
      topFillColor1: buy + FAINT,
      topFillColor2: `${buy}0a`,
      bottomFillColor1: `${sell}0a`,
      bottomFillColor2: sell + FAINT,
    });
  }

  /** Draw all bars. @param {Bar[]} bars Oldest first. @param {number} digits Decimals of prices. */
  setBars(bars, digits) {
    this.#bars = bars;
    this.drawn = bars.at(-1)?.time ?? 0;
    const format = { type: /** @type {const} */ ("price"), precision: digits, minMove: 1 / 10 ** digits };
    this.#candles.applyOptions({ priceFormat: format });
    this.#vwap.applyOptions({ priceFormat: format });
    const rows = bars.map((bar) => this.#rows(bar));
    this.#candles.setData(rows.map((row) => row.candle));
    this.#volume.setData(rows.map((row) => row.volume));
    this.#vwap.setData(rows.map((row) => row.vwap));
    this.#delta.setData(rows.map((row) => row.delta));
  }

  /** Draw the newest bar drawn again, or the next. @param {Bar} bar */
  updateBar(bar) {
    const row = this.#rows(bar);
    this.drawn = bar.time;
    this.#candles.update(row.candle);
    this.#volume.update(row.volume);
    this.#vwap.update(row.vwap);
    this.#delta.update(row.delta);
  }

  /** @param {SeriesMarker<UTCTimestamp>[]} markers Oldest first. */
  setMarkers(markers) {
    this.#markers.setMarkers(markers);
  }

  /**
   * Let VWAP stretch the scale while it is near the price; farther away it would flatten the candles.
   *
   * @param {AutoscaleInfo | null} info
   */
  #near(info) {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    if (!info?.priceRange || !range) return null;
    let [low, high] = [Infinity, -Infinity];
    for (const bar of this.#bars.slice(Math.max(0, Math.floor(range.from)), Math.max(0, Math.ceil(range.to) + 1))) {
      low = Math.min(low, bar.low);
      high = Math.max(high, bar.high);
    }
    const { minValue, maxValue } = info.priceRange;
    return Math.max(high, maxValue) - Math.min(low, minValue) < 2.2 * (high - low) ? info : null;
  }

  /** A bar as each series wants it. @param {Bar} bar */
  #rows(bar) {
    const { open, high, low, close, volume, vwap, delta } = bar;
    const time = /** @type {UTCTimestamp} */ (bar.time);
    return {
      candle: { time, open, high, low, close },
      volume: { time, value: volume, color: this.colours[close >= open ? "buy" : "sell"] + FAINT },
      vwap: vwap === null ? { time } : { time, value: vwap },
      delta: vwap === null ? { time } : { time, value: delta },
    };
  }

  /** Labels of times in the zone chosen now. */
  updateZone() {
    this.#chart.applyOptions(timeLabels());
  }

  /** Put the crosshair on a bar, or take it away. @param {Bar | null} bar */
  pointAt(bar) {
    const time = /** @type {UTCTimestamp | undefined} */ (bar?.time);
    if (bar && time !== undefined) this.#chart.setCrosshairPosition(bar.close, time, this.#candles);
    else this.#chart.clearCrosshairPosition();
  }

  /** Keep the bar at this index of the list in sight. @param {number} index */
  reveal(index) {
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range || (index >= range.from + 2 && index <= range.to - 2)) return;
    const half = (range.to - range.from) / 2;
    scale.setVisibleLogicalRange({ from: index - half, to: index + half });
  }

  /** @param {number} factor Above 1: nearer. */
  zoom(factor) {
    const scale = this.#chart.timeScale();
    const spacing = Math.min(60, Math.max(1, scale.options().barSpacing * factor));
    scale.applyOptions({ barSpacing: spacing });
  }

  /** Whether the oldest bars are in sight, or nearly. */
  isNearStart() {
    return (this.#chart.timeScale().getVisibleLogicalRange()?.from ?? Infinity) < 40;
  }

  /** Let nobody scroll past the oldest bar: where there is nothing older. @param {boolean} fixed */
  fixLeftEdge(fixed) {
    this.#chart.timeScale().applyOptions({ fixLeftEdge: fixed });
  }

  /** Scroll to the newest bar. */
  scrollToNewest() {
    this.#chart.timeScale().scrollToRealTime();
  }

  /** Empty, at its newest end, for another market or interval. */
  clear() {
    this.pointAt(null);
    this.fixLeftEdge(false);
    this.setBars([], 2);
    this.#chart.timeScale().scrollToPosition(this.#chart.timeScale().options().rightOffset, false);
  }

  #behind() {
    return -this.#chart.timeScale().scrollPosition();
  }
}
