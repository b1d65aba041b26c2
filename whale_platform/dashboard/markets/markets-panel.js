// The list of markets: last price, change over 24 hours, the last hour as a line; found by typing, narrowed by
// exchange.

import { element, isVisible, oncePerFrame, reorderChildren, setText, throttle } from "../lib/dom.js";
import { amount, change, price, wholeAmount } from "../lib/format.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { partsOf } from "../lib/panel.js";
import { byNotional, changeOf, spanOf } from "../data/market-catalogue.js";
import { isMarket, marketOf, onView, setView } from "../data/url-state.js";
import { exchangeChoices } from "../data/whale-filter.js";
import { sparkline, sparklinePoints } from "./sparkline.js";

/** @import { Market, MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { Named } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const NONE = "No trade yet. Markets appear here with their first trade, a few seconds after the sources answer.";

/** @implements {Panel} */
export class MarketsPanel {
  #root;
  #parts;
  #markets;
  #onChosen;
  #list;
  /** @type {Map<Market, ReturnType<typeof makeRow>>} */
  #rows = new Map();
  #draw = oncePerFrame(() => this.#render());
  #drawLines = throttle(() => this.#renderLines(), 5_000);

  /**
   * @param {HTMLElement} root
   * @param {MarketCatalogue} markets
   * @param {() => void} onChosen The reader has chosen a market.
   */
  constructor(root, markets, onChosen) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#markets = markets;
    this.#onChosen = onChosen;
    this.#list = keyboardList(this.#parts.body, (row) => {
      const [exchange, symbol] = (row.dataset.market ?? "").split(/:(.*)/s);
      this.#open({ exchange, symbol });
    });
  }

  start() {
    const { search, exchange } = this.#parts;
    search.addEventListener("input", this.#draw);
    search.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#searchKey(event));
    exchange.addEventListener("change", this.#draw);
    this.#markets.onLoad(() => this.#loaded());
    onView(() => {
      this.#showExchanges();
      this.#draw();
    });
    this.#showExchanges();
  }

  onWindows() {
    this.#draw();
  }

  onVisible() {
    this.#draw();
  }

  /** @param {Named} market */
  #open({ exchange, symbol }) {
    setView({ exchange, symbol });
    this.#onChosen();
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    const { search } = this.#parts;
    const [first] = this.#found();
    if (event.key === "ArrowDown") this.#list.first();
    else if (event.key === "Enter" && first) this.#open(first);
    else if (event.key === "Escape" && search.value) search.value = "";
    else return;
    event.preventDefault();
    this.#draw();
  }

  #loaded() {
    const { error } = this.#markets;
    const empty = error ? `Markets can't be loaded: ${error}.` : NONE;
    setText(this.#parts.empty, this.#markets.list().length ? "" : empty);
    this.#showExchanges();
    this.#draw();
  }

  #showExchanges() {
    const { exchange } = this.#parts;
    const chosen = exchange.value;
    const names = exchangeChoices(this.#markets.exchanges());
    const options = names.map((name) => element("option", { value: name, text: name }));
    exchange.replaceChildren(element("option", { value: "", text: "All" }), ...options);
    exchange.value = chosen;
  }

  /** What the search and the exchange of the list let through, in the list's order. */
  #found() {
    const wanted = this.#parts.search.value.trim().toLowerCase();
    const exchange = this.#parts.exchange.value;
    return this.#markets
      .list()
      .filter((market) => !exchange || market.exchange === exchange)
      .filter((market) => `${market.symbol} ${market.exchange}`.toLowerCase().includes(wanted))
      .sort((a, b) => a.exchange.localeCompare(b.exchange) || byNotional(a, b));
  }

  #render() {
    if (!isVisible(this.#root)) return;
    const { body, count, empty } = this.#parts;
    const all = this.#markets.list().length;
    const found = this.#found();
    reorderChildren(body, found.map((market) => this.#renderRow(market)));
    setText(count, all ? `${found.length} of ${all}` : "");
    if (all) setText(empty, found.length ? "" : "No market fits.");
    this.#list.settle();
    this.#drawLines();
  }

  /** @param {Market} market */
  #renderRow(market) {
    let row = this.#rows.get(market);
    if (!row) this.#rows.set(market, (row = makeRow(market, this.#markets.newestMinute)));
    const moved = changeOf(market, market.price);
    setText(row.price, price(market.price, market.digits));
    setText(row.change, change(moved));
    row.node.className = (moved ?? 0) < 0 ? "fell" : "rose";
    if (isMarket(market)) row.button.setAttribute("aria-current", "true");
    else row.button.removeAttribute("aria-current");
    if (market.day) row.node.title = dayOf(market, market.day.notional, spanOf(market.day));
    return row.node;
  }

  #renderLines() {
    for (const [market, { line }] of this.#rows) {
      line.setAttribute("points", sparklinePoints(market.line, this.#markets.newestMinute));
    }
  }
}

/** @param {Market} market @param {string} notional @param {string} span */
function dayOf(market, notional, span) {
  const note = market.note ? `; ${market.note}` : "";
  return `${span}: ${amount(notional, market)} (${wholeAmount(notional, market)})${note}`;
}

/** @param {Market} market @param {number} newest The newest minute of all markets. */
function makeRow(market, newest) {
  const name = element("b", { text: market.symbol });
  const button = element("button", { class: "row", type: "button", tabindex: -1 }, name);
  const { node: svg, line } = sparkline();
  line.setAttribute("points", sparklinePoints(market.line, newest));
  const cells = { price: element("span", { class: "last" }), change: element("span") };
  const node = element(
    "tr",
    { "data-market": marketOf(market) },
    element("td", {}, button, element("small", { text: market.exchange })),
    element("td", { class: "spark" }, svg),
    element("td", { class: "num" }, cells.price, cells.change),
  );
  return { node, button, line, ...cells };
}
