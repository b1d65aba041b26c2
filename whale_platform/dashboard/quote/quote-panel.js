// The head of the page: the shown market's last price, from the samples of its trades, its day, and how long ago the
// last trade was heard of. Time is measured by the browser's steady clock, because wall clocks leap.

import { byId, oncePerFrame, setText } from "../lib/dom.js";
import { age, amount, percent, price, wholeAmount } from "../lib/format.js";
import { change, market, onMarkets, spanOf } from "../markets/markets-panel.js";
import { isMarket, onView, view } from "../data/url-state.js";

let last = null;
let heard = 0;

const draw = oncePerFrame(() => {
  const one = market(view);
  const text = last?.price ?? one?.price;
  setText(byId("quote-symbol"), view.symbol || "No market yet");
  setText(byId("quote-exchange"), view.exchange);
  setText(byId("quote-price"), text ? price(text, one?.digits ?? 0) : "–");
  const moved = change(text ? { open: one?.open, price: text } : null);
  setText(byId("quote-change"), moved === null ? "" : `${moved < 0 ? "▼" : "▲"} ${percent(Math.abs(moved)).replace("+", "")}`);
  byId("quote-change").dataset.span = one?.day ? spanOf(one.day) : "";
  byId("quote-change").className = `quote-fact ${moved < 0 ? "sell" : "buy"}`;
  setText(byId("quote-volume"), one?.day ? `${amount(one.day.notional, one)} ${spanOf(one.day)}` : "", one?.day ? wholeAmount(one.day.notional, one) : "");
  const seconds = (performance.now() - heard) / 1000;
  setText(byId("quote-age"), !heard ? "no trade heard yet" : seconds < 2 ? "live" : `last trade ${age(seconds)} ago`);
  byId("quote-age").classList.toggle("old", heard > 0 && seconds > 30);
});

/** Not with the frames: a tab in the background has none, but its title is seen. */
function title() {
  const one = market(view);
  const text = last?.price ?? one?.price;
  document.title = text ? `${price(text, one?.digits ?? 0)} ${view.symbol} · Whale Platform` : "Whale Platform";
}

/** Samples of trades. */
export function quoteTrades(trades) {
  for (const trade of trades) {
    if (!isMarket(trade)) continue;
    heard = performance.now();
    if (last && Date.parse(trade.event_time) < Date.parse(last.event_time)) continue; // repaired: an old one come late
    const before = Number(last?.price ?? trade.price);
    last = trade;
    const now = Number(trade.price);
    if (now !== before) byId("quote-price").dataset.move = now > before ? "up" : "down";
  }
  draw();
}

export function startQuote() {
  onView((changed) => {
    if (changed.has("symbol") || changed.has("exchange")) {
      last = null;
      heard = 0;
    }
    draw();
  });
  onMarkets(draw);
  setInterval(() => {
    title();
    draw();
  }, 1000);
  draw();
}
