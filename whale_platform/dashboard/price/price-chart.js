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
import { clock } from "../lib/format.js";
import { rem, token } from "../lib/theme.js";

const FAINT = "66"; // alpha of volume and fills

function tick(time, kind) {
  if (kind === 0) return clock(time, "year");
  if (kind === 1) return clock(time, "month");
  const minute = clock(time, "minute");
  if (kind === 2) return minute === "00:00" ? clock(time, "day") : `${clock(time, "day")} ${minute}`;
  return minute;
}

export class PriceChart {
  /** on: near(), hover(time or null, whether the pointer moved), pick(marker id). */
  constructor(node, on) {
    this.bars = [];
    this.drawn = 0; // time of the newest bar drawn
    this.chart = createChart(node, {
      autoSize: true,
      layout: { attributionLogo: false }, // it brings a style of its own, which the page's policy refuses; index.html has ours
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, rightOffset: 5, barSpacing: 8, minBarSpacing: 0.6, tickMarkFormatter: tick },
      localization: { timeFormatter: (time) => clock(time, "bar") },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false, priceLineVisible: true });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.vwap = this.chart.addSeries(LineSeries, {
      lineWidth: 2,
      title: "VWAP",
      priceLineVisible: false,
      crosshairMarkerVisible: false,
      autoscaleInfoProvider: (own) => this.near(own()),
    });
    this.delta = this.chart.addSeries(
      BaselineSeries,
      { title: "CVD", lineWidth: 2, priceLineVisible: false, baseValue: { type: "price", price: 0 }, priceFormat: { type: "volume" } },
      1,
    );
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.24 } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    const [above, below] = this.chart.panes();
    above.setStretchFactor(4);
    below.setStretchFactor(1);
    this.marks = createSeriesMarkers(this.candles, []);
    this.chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.early() && on.near());
    this.chart.subscribeCrosshairMove((at) => on.hover(at.time ?? null, Boolean(at.sourceEvent)));
    this.chart.subscribeClick((at) => at.hoveredObjectId && on.pick(String(at.hoveredObjectId)));
    this.paint();
  }

  /** Colours and sizes of the theme. */
  paint() {
    const line = token("--line");
    const [buy, sell] = (this.colour = [token("--buy"), token("--sell")]);
    this.chart.applyOptions({
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
    this.candles.applyOptions({ upColor: buy, downColor: sell, wickUpColor: buy, wickDownColor: sell });
    this.vwap.applyOptions({ color: token("--vwap") });
    this.delta.applyOptions({
      topLineColor: buy,
      bottomLineColor: sell,
      topFillColor1: buy + FAINT,
      topFillColor2: `${buy}0a`,
      bottomFillColor1: `${sell}0a`,
      bottomFillColor2: sell + FAINT,
    });
  }

  /** All bars, oldest first. digits: decimals of prices. */
  set(bars, digits) {
    this.bars = bars;
    this.drawn = bars.at(-1)?.time ?? 0;
    const format = { type: "price", precision: digits, minMove: 1 / 10 ** digits };
    this.candles.applyOptions({ priceFormat: format });
    this.vwap.applyOptions({ priceFormat: format });
    const rows = bars.map((bar) => this.rows(bar));
    this.candles.setData(bars);
    this.volume.setData(rows.map((row) => row.volume));
    this.vwap.setData(rows.map((row) => row.vwap));
    this.delta.setData(rows.map((row) => row.delta));
  }

  /** The newest bar drawn, or the next. */
  update(bar) {
    const row = this.rows(bar);
    this.drawn = bar.time;
    this.candles.update(bar);
    this.volume.update(row.volume);
    this.vwap.update(row.vwap);
    this.delta.update(row.delta);
  }

  /** Let VWAP stretch the scale while it is near the price; farther away it would flatten the candles. */
  near(info) {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!info?.priceRange || !range) return null;
    let [low, high] = [Infinity, -Infinity];
    for (const bar of this.bars.slice(Math.max(0, Math.floor(range.from)), Math.max(0, Math.ceil(range.to) + 1))) {
      low = Math.min(low, bar.low);
      high = Math.max(high, bar.high);
    }
    const { minValue, maxValue } = info.priceRange;
    return Math.max(high, maxValue) - Math.min(low, minValue) < 2.2 * (high - low) ? info : null;
  }

  rows(bar) {
    const { time } = bar;
    const known = bar.vwap !== null;
    return {
      volume: { time, value: bar.volume, color: this.colour[bar.close >= bar.open ? 0 : 1] + FAINT },
      vwap: known ? { time, value: bar.vwap } : { time },
      delta: known ? { time, value: bar.delta } : { time },
    };
  }

  /** Labels of times in the zone chosen now. */
  zone() {
    this.chart.timeScale().applyOptions({ tickMarkFormatter: (time, kind) => tick(time, kind) });
    this.chart.applyOptions({ localization: { timeFormatter: (time) => clock(time, "bar") } });
  }

  point(bar) {
    if (bar) this.chart.setCrosshairPosition(bar.close, bar.time, this.candles);
    else this.chart.clearCrosshairPosition();
  }

  /** Keep the bar at this place of the list in sight. */
  reveal(at) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range || (at >= range.from + 2 && at <= range.to - 2)) return;
    const half = (range.to - range.from) / 2;
    scale.setVisibleLogicalRange({ from: at - half, to: at + half });
  }

  zoom(factor) {
    const scale = this.chart.timeScale();
    const spacing = Math.min(60, Math.max(1, scale.options().barSpacing * factor));
    scale.applyOptions({ barSpacing: spacing });
  }

  /** Whether the oldest bars are in sight, or nearly. */
  early() {
    return (this.chart.timeScale().getVisibleLogicalRange()?.from ?? Infinity) < 40;
  }

  /** Whether one may scroll past the oldest bar: not where there is nothing older. */
  edge(fixed) {
    this.chart.timeScale().applyOptions({ fixLeftEdge: fixed });
  }

  newest() {
    this.chart.timeScale().scrollToRealTime();
  }

  /** Empty, at its newest end, for another market or interval. */
  clear() {
    this.point(null);
    this.edge(false);
    this.set([], 2);
    this.chart.timeScale().scrollToPosition(this.chart.timeScale().options().rightOffset, false);
  }

  /** How many bars the newest shown is away from the newest. */
  behind() {
    return -this.chart.timeScale().scrollPosition();
  }
}
