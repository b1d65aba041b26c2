// The two bar charts beside the price, drawn by uPlot: whale flow by hour and whales by size. Each has a sentence and a
// table for screen readers, as a canvas says nothing. Hidden plots are not drawn; a new theme draws them anew.

import uPlot from "/vendor/uplot.js";
import { byId, element, isVisible, setText } from "../lib/dom.js";
import { clock, signedUsd, usd, usdAxis } from "../lib/format.js";
import { everyHour, usedSizes } from "../data/flow-summary.js";
import { onTheme, rem, token } from "../lib/theme.js";

const bars = uPlot.paths.bars;

class Plot {
  /** options(): of uPlot; read(place): the sentence about one bar, or about all of them. */
  constructor(node, reading, options, read, table) {
    Object.assign(this, { node, reading, options, read, table, data: null, plot: null });
    this.hidden = element("div", { class: "vh" });
    node.after(this.hidden);
    new ResizeObserver(() => this.draw()).observe(node);
    onTheme(() => this.set(this.data));
  }

  set(data) {
    this.data = data;
    this.plot?.destroy();
    this.plot = null;
    this.draw();
  }

  /** Nothing to draw, for this reason. */
  clear(reason) {
    this.set(null);
    setText(this.reading, reason);
    this.node.setAttribute("aria-label", reason);
    this.hidden.replaceChildren();
  }

  draw() {
    if (!this.data || !isVisible(this.node)) return;
    const size = { width: this.node.clientWidth, height: this.node.clientHeight };
    if (size.width < 40 || size.height < 30) return;
    if (this.plot) {
      if (this.plot.width !== size.width || this.plot.height !== size.height) this.plot.setSize(size);
      return;
    }
    const font = `${Math.round(rem() * 0.8)}px ${token("--font")}`;
    const axis = { stroke: token("--muted"), font, grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false } };
    this.plot = new uPlot(
      {
        ...size,
        padding: [8, 4, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        hooks: { setCursor: [(plot) => setText(this.reading, this.read(plot.cursor.idx ?? null))] },
        ...this.options(axis),
      },
      this.data,
      this.node,
    );
    setText(this.reading, this.read(null));
    this.node.setAttribute("aria-label", this.read(null));
    this.hidden.replaceChildren(this.table());
  }
}

function plain(caption, names, rows) {
  const head = element("tr", {}, ...names.map((text) => element("th", { scope: "col", text })));
  const body = rows.map((row) => element("tr", {}, ...row.map((text) => element("td", { text: String(text) }))));
  return element("table", {}, element("caption", { text: caption }), element("thead", {}, head), element("tbody", {}, ...body));
}

const filled = (name, width) => ({ stroke: token(name), fill: `${token(name)}b0`, width, points: { show: false } });

/** Whale buys up, sells down, the net as a line, over the last 24 hours. */
export function hoursPlot() {
  let summary;
  let hours = [];
  const plot = new Plot(
    byId("hours"),
    byId("hours-read"),
    (axis) => ({
      scales: { x: { time: false, range: () => [-0.6, hours.length - 0.4] }, y: { range: (_, low, high) => [Math.min(low, 0) * 1.08, Math.max(high, 0) * 1.08 || 1] } },
      axes: [
        { ...axis, size: rem() * 1.5, splits: () => hours.map((_, place) => place).filter((place) => place % 6 === 2), values: (_, at) => at.map((place) => clock(hours[place].time, "minute")), grid: { show: false } },
        { ...axis, size: rem() * 3.7, values: (_, at) => at.map((value) => usdAxis(value)), space: 26 },
      ],
      series: [
        {},
        { ...filled("--buy", 0), paths: bars({ size: [0.7, 60] }) },
        { ...filled("--sell", 0), paths: bars({ size: [0.7, 60] }) },
        { stroke: token("--text"), width: 1.5, points: { show: true, size: 4, fill: token("--text") } },
      ],
    }),
    (place) => {
      const hour = place === null ? null : hours[place];
      const [buy, sell] = hour ? [hour.buy, hour.sell] : [Number(summary.buy_usd), Number(summary.sell_usd)];
      const when = hour ? clock(hour.time, "minute") : "24 h";
      return `${when}: net ${signedUsd(buy - sell)} · ▲ ${usd(buy)} · ▼ ${usd(sell)} · ${hour ? hour.whales : summary.whales} whales`;
    },
    () => plain("Whale flow by hour", ["Hour", "Buys", "Sells", "Net"], hours.map((one) => [clock(one.time, "bar"), usd(one.buy), usd(one.sell), signedUsd(one.buy - one.sell)])),
  );
  return (next, reason) => {
    if (!next) return plot.clear(reason);
    summary = next;
    hours = everyHour(next);
    const of = (value) => hours.map(value);
    plot.set([of((_, place) => place), of((one) => one.buy), of((one) => -one.sell), of((one) => one.buy - one.sell)]);
  };
}

/** How many whales there were of each size, buys beside sells. */
export function sizesPlot() {
  let bins;
  const name = (bin) => (bin.to_usd ? `${usd(bin.from_usd)} to ${usd(bin.to_usd)}` : `from ${usd(bin.from_usd)}`);
  const counts = (plot) => {
    const { ctx } = plot;
    ctx.save();
    ctx.font = `${Math.round(rem() * 0.66 * devicePixelRatio)}px ${token("--font")}`;
    ctx.textAlign = "center";
    bins.forEach((bin, place) => {
      for (const [value, side, shift] of [[bin.buys, "--buy", -0.23], [bin.sells, "--sell", 0.23]]) {
        if (!value) continue;
        ctx.fillStyle = token(side);
        ctx.fillText(String(value), plot.valToPos(place + shift, "x", true), plot.valToPos(value, "y", true) - 4);
      }
    });
    ctx.restore();
  };
  const plot = new Plot(
    byId("sizes"),
    byId("sizes-read"),
    (axis) => ({
      scales: { x: { time: false, range: () => [-0.6, bins.length - 0.4] }, y: { range: (_, low, high) => [0, high * 1.18 || 1] } },
      axes: [
        { ...axis, size: rem() * 1.5, splits: () => bins.map((_, place) => place).filter((place) => place % Math.ceil(bins.length / 7) === 0), values: (_, at) => at.map((place) => usdAxis(bins[place].from_usd).slice(1)), grid: { show: false }, space: 20 },
        { ...axis, size: rem() * 2.6, space: 26, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000] },
      ],
      series: [
        {},
        { ...filled("--buy", 0), paths: bars({ size: [0.42, 40], align: -1 }) },
        { ...filled("--sell", 0), paths: bars({ size: [0.42, 40], align: 1 }) },
      ],
      hooks: { draw: [counts], setCursor: [(at) => setText(plot.reading, plot.read(at.cursor.idx ?? null))] },
    }),
    (place) => {
      if (place !== null && bins[place]) return `${name(bins[place])}: ▲ ${bins[place].buys} · ▼ ${bins[place].sells}`;
      const sum = (field) => bins.reduce((all, bin) => all + bin[field], 0);
      return `24 h: ▲ ${sum("buys")} buys · ▼ ${sum("sells")} sells, by notional from`;
    },
    () => plain("Whales by size", ["Notional", "Buys", "Sells"], bins.map((bin) => [name(bin), bin.buys, bin.sells])),
  );
  return (summary, reason) => {
    if (!summary) return plot.clear(reason);
    bins = usedSizes(summary.sizes);
    plot.set([bins.map((_, place) => place), bins.map((bin) => bin.buys), bins.map((bin) => bin.sells)]);
  };
}
