// The list of markets: last price, change over 24 hours, the last hour as a line; found by typing, narrowed by
// exchange. It is put in order when the markets are loaded, once a minute; a ticker changes the rows of its markets
// alone, where they are in the page.

import { element, isVisible, oncePerFrame, setText, throttle } from "../lib/dom.js";
import { keyboardList } from "../lib/keyboard-list.js";
import { partsOf } from "../lib/panel.js";
import { VirtualRows } from "../lib/virtual-rows.js";
import { byNotional } from "../data/market-catalogue.js";
import { MarketLines } from "../data/market-lines.js";
import { onView, setView } from "../data/url-state.js";
import { exchangeChoices } from "../data/whale-filter.js";
import { MarketRow } from "./market-row.js";

/** @import { Market, MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { Gap, Named } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const NONE = "No trade yet. Markets appear here with their first trade, a few seconds after the sources answer.";

/** @implements {Panel} */
export class MarketsPanel {
  #root;
  #parts;
  #markets;
  #onChosen;
  /** @type {VirtualRows<Market, MarketRow>} */
  #list;
  #keys;
  #lines;
  /** @type {Set<Market>} Rows whose price is to be drawn. */
  #changed = new Set();
  #draw = oncePerFrame(() => this.#render());
  #drawPrices = oncePerFrame(() => this.#renderPrices());
  #drawLines = throttle(() => this.#renderLines(), 5_000);

  /**
   * @param {HTMLElement} root
   * @param {MarketCatalogue} markets
   * @param {() => void} onChosen The reader has chosen a market.
   */
  constructor(root, markets, onChosen) {
    this.#root = root;
    this.#markets = markets;
    this.#onChosen = onChosen;
    const { scroll, body, above, below } = (this.#parts = partsOf(root));
    const places = { scroll, body, above, below };
    this.#list = new VirtualRows(places, (market) => this.#makeRow(market), () => this.#moved());
    this.#lines = new MarketLines(markets, () => this.#renderLines());
    this.#keys = keyboardList(body, (row) => this.#open(namedBy(row)), this.#list);
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

  /** @param {Market[]} markets */
  onPrices(markets) {
    for (const market of markets) if (this.#list.rows.has(market)) this.#changed.add(market);
    if (this.#changed.size) this.#drawPrices();
    this.#drawLines();
  }

  /** @param {Gap} gap */
  onGap(gap) {
    if (gap.topic === "tickers") this.#lines.reset();
  }

  onReconnect() {
    this.#lines.reset();
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
    if (event.key === "ArrowDown") this.#keys.first();
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
    const { count, empty } = this.#parts;
    const all = this.#markets.list().length;
    const found = this.#found();
    this.#list.show(found);
    for (const row of this.#list.rows.values()) row.show();
    this.#changed.clear();
    setText(count, all ? `${found.length} of ${all}` : "");
    if (all) setText(empty, found.length ? "" : "No market fits.");
    this.#moved();
    this.#drawLines();
  }

  #renderPrices() {
    if (!isVisible(this.#root)) return;
    for (const market of this.#changed) this.#list.rows.get(market)?.showPrice();
    this.#changed.clear();
  }

  #renderLines() {
    if (!isVisible(this.#root)) return;
    for (const row of this.#list.rows.values()) row.showLine(this.#markets.newestMinute);
  }

  /** Other rows are in the page. */
  #moved() {
    this.#keys.settle();
    this.#lines.show([...this.#list.rows.keys()]);
  }

  /** @param {Market} market */
  #makeRow(market) {
    const row = new MarketRow(market);
    row.show();
    row.showLine(this.#markets.newestMinute);
    return row;
  }
}

/** The market of a row. @param {HTMLElement} row @returns {Named} */
function namedBy(row) {
  const [exchange, symbol] = (row.dataset.market ?? "").split(/:(.*)/s);
  return { exchange, symbol };
}
