// One bar chart of uPlot's, with a sentence and a table for screen readers, as a canvas says nothing. It is not drawn
// while it is hidden; a new theme draws it again.

import uPlot from "/vendor/uplot.js";
import { element, isVisible, setText } from "../lib/dom.js";
import { onTheme, rem, token } from "../lib/theme.js";

/**
 * @typedef {object} Content What a plot shows.
 * @property {uPlot.AlignedData} data
 * @property {(axis: uPlot.Axis) => Pick<uPlot.Options, "scales" | "axes" | "series">} options Of the look that both
 *   axes have.
 * @property {(index: number | null) => string} read The sentence about one bar, or about all of them.
 * @property {() => HTMLTableElement} table
 * @property {(plot: uPlot) => void} [over] Draws over the bars.
 */

export class Plot {
  #node;
  #reading;
  #table = element("div", { class: "vh" });
  /** @type {Content | null} */
  #content = null;
  /** @type {uPlot | null} */
  #plot = null;

  /** @param {HTMLElement} node @param {HTMLElement} reading Where the sentence stands. */
  constructor(node, reading) {
    this.#node = node;
    this.#reading = reading;
    node.after(this.#table);
    new ResizeObserver(() => this.#draw()).observe(node);
    onTheme(() => this.show(this.#content));
  }

  /** Show this; null: nothing. @param {Content | null} content */
  show(content) {
    this.#content = content;
    this.#plot?.destroy();
    this.#plot = null;
    this.#draw();
  }

  /** Say why there is nothing to show. @param {string} reason */
  clear(reason) {
    this.show(null);
    setText(this.#reading, reason);
    this.#node.setAttribute("aria-label", reason);
    this.#table.replaceChildren();
  }

  #draw() {
    if (!this.#content || !isVisible(this.#node)) return;
    const size = { width: this.#node.clientWidth, height: this.#node.clientHeight };
    if (size.width < 40 || size.height < 30) return;
    if (this.#plot) {
      if (this.#plot.width !== size.width || this.#plot.height !== size.height) this.#plot.setSize(size);
      return;
    }
    const { data, read, table } = this.#content;
    this.#plot = new uPlot({ ...size, ...this.#options(this.#content) }, data, this.#node);
    setText(this.#reading, read(null));
    this.#node.setAttribute("aria-label", read(null));
    this.#table.replaceChildren(table());
  }

  /** @param {Content} content @returns {Omit<uPlot.Options, "width" | "height">} */
  #options({ options, read, over }) {
    const font = `${Math.round(rem() * 0.8)}px ${token("--font")}`;
    const grid = { stroke: token("--grid"), width: 1 };
    return {
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: {
        setCursor: [(plot) => setText(this.#reading, read(plot.cursor.idx ?? null))],
        draw: over ? [over] : [],
      },
      ...options({ stroke: token("--muted"), font, grid, ticks: { show: false } }),
    };
  }
}

/** A table for screen readers. @param {string} caption @param {string[]} names @param {(string | number)[][]} rows */
export function plainTable(caption, names, rows) {
  const head = element("tr", {}, ...names.map((text) => element("th", { scope: "col", text })));
  const body = rows.map((row) => element("tr", {}, ...row.map((text) => element("td", { text: String(text) }))));
  const parts = [element("thead", {}, head), element("tbody", {}, ...body)];
  return element("table", {}, element("caption", { text: caption }), ...parts);
}

/**
 * A series of bars in a colour of the theme.
 *
 * @param {string} name
 * @param {{ size: [number, number], align?: -1 | 1 }} shape
 * @returns {uPlot.Series}
 */
export function bars(name, shape) {
  const paths = uPlot.paths.bars?.(shape);
  return { stroke: token(name), fill: `${token(name)}b0`, width: 0, points: { show: false }, paths };
}
