import assert from "node:assert/strict";
import { test } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";
import { frame, makeNode, makeRoot, settled, textOf } from "./fake-page.mjs";
import { bar, iso, serve, whale } from "./fake-api.mjs";
import { install, pass } from "./fake-clock.mjs";
import { MarketCatalogue } from "../../whale_platform/dashboard/data/market-catalogue.js";
import { view } from "../../whale_platform/dashboard/data/url-state.js";
import { MarketsPanel } from "../../whale_platform/dashboard/markets/markets-panel.js";
import { News } from "../../whale_platform/dashboard/page/news.js";
import { MarketSeries } from "../../whale_platform/dashboard/price/market-series.js";
import { PressurePanel } from "../../whale_platform/dashboard/pressure/pressure-panel.js";
import { QuotePanel } from "../../whale_platform/dashboard/quote/quote-panel.js";
import { TapePanel } from "../../whale_platform/dashboard/tape/tape-panel.js";

const BEGIN = 1_700_006_400;
const COUNT = 500;
const STEP = 60; // seconds between two messages of each kind
const WHALES = 2; // in a step
const HOUR = 3600 / STEP;
const GROWTH = 4_000_000; // bytes; a day of the shown market's bars and whales is a tenth of it
const nameOf = (number) => `X${number}`;
const numbers = Array.from({ length: COUNT }, (_, number) => number);

let now = BEGIN;
const minuteOf = (time) => time - (time % 60);
const priceOf = (number) => (100 + ((now / STEP + number) % 50) / 100).toFixed(2);

function latestOf(number) {
  const window = { start: iso(minuteOf(now)), open: "1", high: "1", low: "1" };
  const day = { since: iso(now - 86_400), change: "0.01", notional: String((number * 7919 + now) % 100_000) };
  const row = { exchange: "sim", symbol: nameOf(number), price: priceOf(number), window, day };
  return { ...row, stale: false, quiet: number % 3 === 0, reason: null };
}

const ANSWERS = {
  "/symbols": () => numbers.map((number) => ({ exchange: "sim", symbol: nameOf(number), usd_via: "USD" })),
  "/sparklines": ({ searchParams }) =>
    searchParams.getAll("symbol").map((symbol) => ({ exchange: "sim", symbol, times: [minuteOf(now)], closes: ["1"] })),
};

/** The page's panels that hold data, without the charts. */
function makePage(markets) {
  const bodies = ["above", "body", "below"].map((name) => makeNode("tbody", { "data-part": name }));
  const list = makeRoot("markets", ["search", "exchange", "count", "empty"]);
  list.append(makeNode("div", { "data-part": "scroll" }, makeNode("table", {}, makeNode("thead"), ...bodies)));
  const tape = makeRoot("tape", ["tape", "on", "kind", "side", "min", "scroll", "body", "count", "empty", "new"]);
  const quote = makeRoot("quote", ["symbol", "exchange", "price", "change", "volume", "age"]);
  const panels = {
    markets: new MarketsPanel(list, markets, () => {}),
    tape: new TapePanel(tape, markets, new News(makeNode("p"))),
    quote: new QuotePanel(quote, markets),
    pressure: new PressurePanel(makeRoot("pressure", ["body"]), markets),
  };
  for (const panel of Object.values(panels)) panel.start();
  return { ...panels, list, tapeRoot: tape };
}

function makeSeries() {
  const nothing = () => {};
  const names = ["page", "newest", "past", "markers", "empty", "settled", "restart"];
  const events = /** @type {any} */ (Object.fromEntries(names.map((name) => [name, nothing])));
  return new MarketSeries({ exchange: "sim", symbol: nameOf(1) }, "1m", 50_000, events);
}

test("a tab open for a day with hundreds of markets holds no more than after six hours", async () => {
  install();
  const asked = serve(({ pathname, searchParams }) => {
    asked.length = 0;
    if (pathname === "/latest") return { symbols: numbers.map(latestOf) };
    return { items: ANSWERS[pathname]?.({ searchParams }) ?? [], next: null };
  });
  Object.assign(view, { exchange: "sim", symbol: nameOf(1) });
  const markets = new MarketCatalogue();
  const page = makePage(markets);
  const series = makeSeries();
  await markets.load();
  await series.loadOlder();
  const shown = { exchange: "sim", symbol: nameOf(1) };

  const scroll = page.list.querySelector('[data-part="scroll"]');
  function addWhale(id) {
    const market = { exchange: "sim", symbol: nameOf(id % 7) };
    const some = whale(id, now, "60000", { ...market, price: priceOf(1), threshold_usd: "50000" });
    page.tape.onWhale(some);
    if (some.symbol === shown.symbol) series.addWhale(some);
  }

  async function live(steps) {
    for (let step = 0; step < steps; step += 1) {
      now += STEP;
      const minute = minuteOf(now);
      const closes = Object.fromEntries(numbers.map((number) => [nameOf(number), priceOf(number)]));
      const changed = markets.addTickers([{ exchange: "sim", minute: iso(minute), closes }]);
      page.markets.onPrices(changed);
      page.pressure.onPrices(changed);
      const window = { ...shown, ...bar(minute, now - BEGIN, priceOf(1)) };
      series.addWindow(window);
      page.pressure.onWindows([window]);
      page.quote.onTrades([{ ...shown, price: priceOf(1), event_time: iso(now) }]);
      for (let count = 0; count < WHALES; count += 1) addWhale(now + count);
      if (step % 10 === 0) {
        scroll.scrollTop = (now * 37) % (COUNT * 10);
        scroll.dispatch("scroll");
        await markets.load();
      }
      pass(STEP * 1000);
      frame();
      await settled();
    }
  }

  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  const heap = async () => {
    await settled();
    collect();
    return process.memoryUsage().heapUsed;
  };
  await live(6 * HOUR); // until what has a bound, such as the tape, has reached it
  const early = await heap();
  await live(18 * HOUR);
  const late = await heap();
  assert.equal(textOf(page.list, "count"), "500 of 500");
  assert.equal(textOf(page.tapeRoot, "count"), "500 shown");
  assert.ok(page.list.querySelectorAll("[data-market]").length < 60);
  assert.ok(series.bars.list.length > 1_400);
  const grown = late - early;
  console.log(`heap after 6 h ${(early / 1e6).toFixed(1)} MB, after 24 h ${(late / 1e6).toFixed(1)} MB`);
  assert.ok(grown < GROWTH, `it grew by ${grown} bytes`);
});
