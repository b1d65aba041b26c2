// Whale flow of the last 24 hours under the tape's filters: by hour, by size, the largest ten. The server sums; here it
// is asked for again when the filters change, soon after a whale that fits, and every minute. Nothing is asked while
// neither part is in sight. Where it can't be loaded, numbers of the same filters stay, under the time they are from;
// those of other filters go.

import { isVisible, reorderChildren, setText, throttle } from "../lib/dom.js";
import { clock, keyOf } from "../lib/format.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { partsOf } from "../lib/panel.js";
import { get } from "../data/api.js";
import { onView, setView } from "../data/url-state.js";
import { currentFilter, describeFilter, filterChanged, passesFilter } from "../data/whale-filter.js";
import { whaleRow } from "../whale/whale-row.js";
import { hoursPlot, sizesPlot } from "./flow-plots.js";
import { Plot } from "./plot.js";

/** @import { MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { Whale, WhaleSummary } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const SOON_MS = 15_000;
const FRESH_MS = 60_000;

/** @implements {Panel} */
export class FlowPanel {
  #parts;
  #scopes;
  #markets;
  #list;
  #hours;
  #sizes;
  /** @type {AbortController | null} */
  #request = null;
  #late = true; // what is shown is not what would be answered now
  /** @type {{ scope: string, time: number } | null} Filters and time of what is shown. */
  #shown = null;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #soon = throttle(() => this.#reload(), SOON_MS);

  /** @param {HTMLElement} root @param {MarketCatalogue} markets */
  constructor(root, markets) {
    const parts = (this.#parts = partsOf(root));
    this.#scopes = [parts["hours-scope"], parts["sizes-scope"], parts["top-scope"]];
    this.#markets = markets;
    this.#hours = new Plot(parts.hours, parts["hours-read"]);
    this.#sizes = new Plot(parts.sizes, parts["sizes-read"]);
    this.#list = keyboardList(parts["top-body"], (row) => setView({ whale: row.dataset.whale }));
  }

  start() {
    onView((changed) => {
      if (filterChanged(changed)) this.#reload();
    });
    document.addEventListener("visibilitychange", () => this.onVisible());
    setInterval(() => this.#reload(), FRESH_MS);
    this.#reload();
  }

  /** @param {Whale} whale */
  onWhale(whale) {
    if (passesFilter(whale)) this.#soon();
  }

  onReconnect() {
    this.#reload();
  }

  onVisible() {
    if (this.#late) this.#reload();
  }

  onZone() {
    this.#rows.clear();
    this.#reload();
  }

  async #reload() {
    this.#late = true;
    if (document.hidden || !(isVisible(this.#parts.plots) || isVisible(this.#parts.top))) return;
    this.#request?.abort();
    const { signal } = (this.#request = new AbortController());
    const scope = describeFilter();
    try {
      /** @type {WhaleSummary} */
      const summary = await get("/whales/summary", currentFilter(), signal);
      if (signal.aborted) return;
      this.#late = false;
      this.#shown = { scope, time: Date.now() / 1000 };
      this.#show(scope, summary, summary.top.length ? "" : "No whale in the last 24 hours.");
    } catch (error) {
      if (!signal.aborted) this.#fail(scope, /** @type {Error} */ (error));
    }
  }

  /** @param {string} scope @param {Error} error */
  #fail(scope, error) {
    if (this.#shown?.scope === scope) {
      this.#showScope(`${scope}, as of ${clock(this.#shown.time, "minute")}`);
      return;
    }
    this.#shown = null;
    this.#show(scope, null, `It can't be loaded: ${error.message}.`);
  }

  /** @param {string} text */
  #showScope(text) {
    for (const node of this.#scopes) setText(node, text);
  }

  /**
   * @param {string} scope
   * @param {WhaleSummary | null} summary
   * @param {string} note Why there is nothing to show.
   */
  #show(scope, summary, note) {
    this.#showScope(scope);
    if (summary?.whales) {
      this.#hours.show(hoursPlot(summary));
      this.#sizes.show(sizesPlot(summary));
    } else {
      this.#hours.clear(note);
      this.#sizes.clear(note);
    }
    this.#showTop(summary?.top ?? []);
    setText(this.#parts["top-empty"], note);
  }

  /** @param {Whale[]} whales */
  #showTop(whales) {
    /** @type {Map<string, HTMLElement>} */
    const rows = new Map();
    for (const whale of whales) {
      const digits = this.#markets.digitsOf(whale);
      const key = `${keyOf(whale)} ${whale.fills} ${digits}`; // grown, or more decimals of its market: another row
      rows.set(key, this.#rows.get(key) ?? whaleRow(whale, digits, "minute"));
    }
    this.#rows = rows;
    reorderChildren(this.#parts["top-body"], [...rows.values()]);
    this.#list.settle();
  }
}
