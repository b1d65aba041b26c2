// One row of the list of markets: symbol, last price, change over 24 hours, the last hour as a line. It is changed in
// place, each cell only where it shows something else.

import { element, setText } from "../lib/dom.js";
import { amount, change, price, wholeAmount } from "../lib/format.js";
import { changeOf, spanOf } from "../data/market-catalogue.js";
import { isMarket, marketOf } from "../data/url-state.js";
import { sparkline, sparklinePoints } from "./sparkline.js";

/** @import { Market } from "../data/market-catalogue.js" */

const QUIET = "No trade for two minutes or more: its exchange is connected, and nobody trades";

export class MarketRow {
  node;
  #market;
  #button;
  #place;
  #price;
  #change;
  #line;

  /** @param {Market} market */
  constructor(market) {
    this.#market = market;
    const name = element("b", { text: market.symbol });
    this.#button = element("button", { class: "row", type: "button", tabindex: -1 }, name);
    this.#place = element("small", { text: market.exchange });
    this.#price = element("span", { class: "last" });
    this.#change = element("span");
    const { node: svg, line } = sparkline();
    this.#line = line;
    this.node = element(
      "tr",
      { "data-market": marketOf(market) },
      element("td", {}, this.#button, this.#place),
      element("td", { class: "spark" }, svg),
      element("td", { class: "num" }, this.#price, this.#change),
    );
  }

  /** Show its price. */
  showPrice() {
    const market = this.#market;
    const moved = changeOf(market, market.price);
    setText(this.#price, price(market.price, market.digits));
    setText(this.#change, change(moved));
    const name = market.stale ? "stale" : (moved ?? 0) < 0 ? "fell" : "rose";
    if (this.node.className !== name) this.node.className = name;
    const state = market.stale ? " · no feed" : market.quiet ? " · quiet" : "";
    setText(this.#place, `${market.exchange}${state}`);
  }

  /** Show everything but its line. */
  show() {
    this.showPrice();
    const market = this.#market;
    if (isMarket(market)) this.#button.setAttribute("aria-current", "true");
    else this.#button.removeAttribute("aria-current");
    const facts = [market.reason ?? (market.quiet && QUIET), market.day && dayOf(market, market.day), market.note];
    const title = facts.filter(Boolean).join("; ");
    if (this.node.title !== title) this.node.title = title;
  }

  /** Show its line. @param {number} newest The newest minute of all markets. */
  showLine(newest) {
    const points = sparklinePoints(this.#market.line, newest);
    if (this.#line.getAttribute("points") !== points) this.#line.setAttribute("points", points);
  }
}

/** @param {Market} market @param {NonNullable<Market["day"]>} day */
const dayOf = (market, day) =>
  `${spanOf(day)}: ${amount(day.notional, market)} (${wholeAmount(day.notional, market)})`;
