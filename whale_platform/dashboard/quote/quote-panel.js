// The head of the page: the shown market's last price, from the samples of its trades, its day, and how long ago the
// last trade was heard of. Time is measured by the browser's steady clock, because wall clocks leap.

import { oncePerFrame, setText, throttle } from "../lib/dom.js";
import { age, amount, change, price, wholeAmount } from "../lib/format.js";
import { partsOf } from "../lib/panel.js";
import { changeOf, spanOf } from "../data/market-catalogue.js";
import { isMarket, onView, view } from "../data/url-state.js";

/** @import { Market, MarketCatalogue } from "../data/market-catalogue.js" */
/** @import { TradeSample } from "../data/messages.d.ts" */
/** @import { Panel } from "../lib/panel.js" */

const APART_MS = 200; // of two prices: each costs the browser a frame, and nobody reads ten in a second
const SILENT_MS = 30_000;

/** @implements {Panel} */
export class QuotePanel {
  #parts;
  #markets;
  /** @type {TradeSample | null} */
  #last = null;
  #heard = 0; // when, by the steady clock; 0: never
  /** @type {string | undefined} The price that is shown. */
  #shown;
  #draw = oncePerFrame(() => this.#render());
  #drawTrade = throttle(this.#draw, APART_MS);

  /** @param {HTMLElement} root @param {MarketCatalogue} markets */
  constructor(root, markets) {
    this.#parts = partsOf(root);
    this.#markets = markets;
  }

  start() {
    onView((changed) => {
      if (changed.has("symbol") || changed.has("exchange")) {
        this.#last = null;
        this.#heard = 0;
        this.#shown = undefined;
      }
      this.#draw();
    });
    this.#markets.onLoad(this.#draw);
    setInterval(() => {
      this.#title();
      this.#draw();
    }, 1000);
    this.#draw();
  }

  /** @param {TradeSample[]} trades */
  onTrades(trades) {
    for (const trade of trades) {
      if (!isMarket(trade)) continue;
      this.#heard = performance.now();
      // Repaired: an old one come late.
      if (this.#last && Date.parse(trade.event_time) < Date.parse(this.#last.event_time)) continue;
      this.#last = trade;
    }
    this.#drawTrade();
  }

  /** The market in sight, where it is known, and its price. */
  #now() {
    const market = this.#markets.find(view);
    return { market, text: this.#last?.price ?? market?.price };
  }

  #render() {
    const { market, text } = this.#now();
    const parts = this.#parts;
    setText(parts.symbol, view.symbol || "No market yet");
    setText(parts.exchange, view.exchange);
    this.#showPrice(text, market?.digits ?? 0);
    const moved = changeOf(market, text);
    setText(parts.change, change(moved));
    parts.change.className = `quote-fact ${(moved ?? 0) < 0 ? "sell" : "buy"}`;
    const day = market?.day;
    const span = day ? spanOf(day) : "";
    parts.change.dataset.span = span;
    const [volume, exact] = day ? [amount(day.notional, market), wholeAmount(day.notional, market)] : ["", ""];
    setText(parts.volume, day ? `${volume} ${span}` : "", exact);
    setText(parts.age, this.#silence(market), market?.reason ?? "");
    const silent = this.#heard > 0 && performance.now() - this.#heard > SILENT_MS;
    parts.age.classList.toggle("old", silent || Boolean(market?.quiet));
    parts.age.classList.toggle("stale", Boolean(market?.stale));
  }

  /** Show a price, and how it has moved since the one that was shown before. @param {string | undefined} text */
  #showPrice(text, digits = 0) {
    const node = this.#parts.price;
    const [before, now] = [Number(this.#shown ?? NaN), Number(text ?? NaN)];
    const move = now > before ? "up" : now < before ? "down" : node.dataset.move;
    if (move && move !== node.dataset.move) node.dataset.move = move;
    this.#shown = text;
    setText(node, text ? price(text, digits) : "–");
  }

  /** How long no trade was heard, and whether that is a fault. @param {Market | undefined} market */
  #silence(market) {
    const seconds = (performance.now() - this.#heard) / 1000;
    const last = this.#heard ? `last trade ${age(seconds)} ago` : "";
    const state = market?.stale ? "no feed" : market?.quiet ? "quiet" : "";
    if (state) return [state, last].filter(Boolean).join(", ");
    return last && seconds < 2 ? "live" : last || "no trade heard yet";
  }

  /** Not with the frames: a tab in the background has none, but its title is seen. */
  #title() {
    const { market, text } = this.#now();
    document.title = text ? `${price(text, market?.digits ?? 0)} ${view.symbol} · Whale Platform` : "Whale Platform";
  }
}
