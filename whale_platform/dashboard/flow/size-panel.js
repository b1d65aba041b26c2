// The flow by order size of the shown market: for each size of taker orders what they bought less what they sold over
// the last minutes. The server has these minutes a minute or two later than the windows, so a timer asks for them.

import { element, isVisible, setText } from "../lib/dom.js";
import { clock, grouped, signedUsd, usdAxis, whole } from "../lib/format.js";
import { partsOf } from "../lib/panel.js";
import { get } from "../data/api.js";
import { onView, view } from "../data/url-state.js";

/** @import { SizeBandFlow, SizeFlows } from "../data/size-flow.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const FRESH_MS = 30_000;

/** @implements {Panel} */
export class SizePanel {
  #root;
  #parts;
  /** @type {AbortController | null} */
  #request = null;
  #shown = ""; // the market and minutes that are drawn

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#parts = partsOf(root);
  }

  start() {
    onView((changed) => {
      if (changed.has("symbol") || changed.has("exchange")) this.#reload();
    });
    this.#parts.minutes.addEventListener("change", () => this.#reload());
    this.#root.closest("details")?.addEventListener("toggle", () => this.#reload());
    setInterval(() => this.#reload(), FRESH_MS);
    this.#reload();
  }

  onReconnect() {
    this.#reload();
  }

  onVisible() {
    this.#reload();
  }

  onZone() {
    this.#reload();
  }

  async #reload() {
    this.#request?.abort();
    const { signal } = (this.#request = new AbortController());
    const { exchange, symbol } = view;
    const minutes = this.#parts.minutes.value || "120";
    const asked = `${exchange}:${symbol} ${minutes}`;
    if (this.#shown && this.#shown !== asked) this.#show([], "Loading…");
    if (!symbol || document.hidden || !isVisible(this.#root)) return;
    try {
      /** @type {SizeFlows} */
      const flows = await get("/flow", { exchange, symbol, minutes }, signal);
      if (signal.aborted) return;
      const market = flows.items[0];
      const until = flows.to ? ` to ${clock(flows.to, "minute")}` : "";
      if (!market) this.#show([], "No trade in this time.");
      else if (!market.bands) this.#show([], "Its trades have no dollar value here.");
      else this.#show(market.bands, describeUntil(until, market.unvalued_trades));
      this.#shown = asked;
    } catch (error) {
      if (signal.aborted || this.#shown === asked) return; // what is shown says up to when it is
      this.#show([], `It can't be loaded: ${/** @type {Error} */ (error).message}.`);
    }
  }

  /** @param {SizeBandFlow[]} bands @param {string} note */
  #show(bands, note) {
    this.#shown = "";
    setText(this.#parts.note, note);
    this.#parts.body.replaceChildren(...[...bands].reverse().map(makeRow));
  }
}

/** @param {string} until @param {number} unvalued */
const describeUntil = (until, unvalued) =>
  `CVD${until}${unvalued ? `, without ${grouped(unvalued)} trades of no known dollars` : ""}`;

/** "$1k–$10k". @param {Pick<SizeBandFlow, "from_usd" | "to_usd">} band */
export function describeBand({ from_usd: from, to_usd: to }) {
  if (to === null) return `≥ ${usdAxis(from)}`;
  return from ? `${usdAxis(from)}–${usdAxis(to)}` : `< ${usdAxis(to)}`;
}

/** @param {SizeBandFlow} band */
function makeRow(band) {
  const [buy, sell, net] = [band.buy_usd, band.sell_usd, band.cvd_usd].map(Number);
  const part = buy + sell ? buy / (buy + sell) : null;
  const bar = element("span", { class: "meter-buy" });
  bar.style.width = `${((part ?? 0.5) * 100).toFixed(1)}%`;
  const meter = element("span", { class: part === null ? "meter none" : "meter" }, bar);
  const bought = `bought ${whole(band.buy_usd)} in ${band.buy_orders}`;
  const sums = `${bought}, sold ${whole(band.sell_usd)} in ${band.sell_orders} orders`;
  const side = net < 0 ? "sell" : "buy";
  return element(
    "tr",
    { title: sums },
    element("th", { scope: "row", text: describeBand(band) }),
    element("td", { class: "meter-cell" }, meter),
    element("td", { class: `num ${side}`, text: part === null ? "–" : `${net < 0 ? "▼" : "▲"} ${signedUsd(net)}` }),
    element("td", { class: "num", text: grouped(band.buy_orders + band.sell_orders) }),
  );
}
