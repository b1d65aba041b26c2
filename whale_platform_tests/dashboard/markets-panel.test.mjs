import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { frame, makeNode, makeRoot, settled, textOf } from "./fake-page.mjs";
import { iso, serve } from "./fake-api.mjs";
import { install, pass } from "./fake-clock.mjs";
import { MarketCatalogue } from "../../whale_platform/dashboard/data/market-catalogue.js";
import { view } from "../../whale_platform/dashboard/data/url-state.js";
import { MarketsPanel } from "../../whale_platform/dashboard/markets/markets-panel.js";

const NOW = 1_700_006_400;
const COUNT = 500;
const PARTS = ["search", "exchange", "count", "empty"];
const nameOf = (number) => `X${String(number).padStart(4, "0")}`;
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const rows = () => part("body").children;
const symbols = () => rows().map((row) => row.dataset.market.split(":")[1]);
const rowOf = (symbol) => rows().find((row) => row.dataset.market === `sim:${symbol}`);
const tickers = (closes, minute = NOW) => [{ exchange: "sim", minute: iso(minute), closes }];

let root, asked, markets, panel, notional, state;

function latestOf(number) {
  const window = { start: iso(NOW), open: "1.00", high: "1.00", low: "1.00" };
  const day = { since: iso(NOW - 86_400), change: "0.0", notional: String(notional(number)) };
  const market = { exchange: "sim", symbol: nameOf(number), price: "1.00", window, day };
  return { ...market, stale: false, quiet: false, reason: null, ...state(number) };
}

const numbers = Array.from({ length: COUNT }, (_, number) => number);
const ANSWERS = {
  "/symbols": () => ({ items: numbers.map((number) => ({ exchange: "sim", symbol: nameOf(number), usd_via: "USD" })) }),
  "/latest": () => ({ symbols: numbers.map(latestOf) }),
  "/sparklines": (url) => {
    const found = url.searchParams.getAll("symbol");
    return { items: found.map((symbol) => ({ exchange: "sim", symbol, times: [NOW - 60, NOW], closes: ["1", "2"] })) };
  },
};

beforeEach(async () => {
  install();
  notional = (number) => COUNT - number;
  state = () => ({});
  asked = serve((url) => ANSWERS[url.pathname](url));
  Object.assign(view, { exchange: "sim", symbol: nameOf(3) });
  const bodies = ["above", "body", "below"].map((name) => makeNode("tbody", { "data-part": name }));
  const table = makeNode("table", {}, makeNode("thead"), ...bodies);
  root = makeRoot("markets", PARTS);
  root.append(makeNode("div", { "data-part": "scroll" }, table));
  markets = new MarketCatalogue();
  panel = new MarketsPanel(root, markets, () => {});
  panel.start();
  await markets.load();
  await settled();
  frame();
  await settled();
});

/** Every text that is set from now on. */
function watchTexts(context) {
  const set = [];
  const { set: setText } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(root), "textContent");
  context.mock.setter(Object.getPrototypeOf(root), "textContent", function watched(text) {
    set.push(text);
    setText.call(this, text);
  });
  return set;
}

function scrollTo(top) {
  part("scroll").scrollTop = top;
  part("scroll").dispatch("scroll");
  frame();
}

function press(key) {
  const button = document.activeElement;
  part("body").dispatch("keydown", { target: button, key });
  return document.activeElement.closest("tr").dataset.market.split(":")[1];
}

test("of hundreds of markets only the rows in sight are in the page, and all can be scrolled to", () => {
  assert.equal(textOf(root, "count"), "500 of 500");
  assert.deepEqual(symbols().slice(0, 2), ["X0000", "X0001"]);
  assert.ok(rows().length < 40);
  const heightOf = (name) => Number.parseFloat(part(name).querySelector("td").style.height);
  const heights = () => ["above", "below"].map(heightOf);
  assert.deepEqual(heights(), [0, (COUNT - rows().length) * 10]);
  scrollTo(2000);
  assert.ok(symbols().includes("X0200") && !symbols().includes("X0000"));
  assert.ok(rows().length < 40);
  const [above, below] = heights();
  assert.equal(above + below + rows().length * 10, COUNT * 10);
});

test("a screen reader knows how many rows there are, and which of them one is", () => {
  assert.equal(root.querySelector("table").getAttribute("aria-rowcount"), "501");
  scrollTo(2000);
  assert.equal(rowOf("X0200").getAttribute("aria-rowindex"), "202");
});

test("a ticker changes the rows of its markets and nothing else", (context) => {
  const set = watchTexts(context);
  panel.onPrices(markets.addTickers(tickers({ X0001: "1.25", X0400: "9.00" })));
  frame();
  assert.deepEqual(set, ["1.25", "▲ 25.00%"]);
  panel.onPrices(markets.addTickers(tickers({ X0001: "1.25" })));
  frame();
  assert.equal(set.length, 2);
  scrollTo(4000);
  assert.match(rowOf("X0400").textContent, /9\.00/);
});

test("the order is that of the last load, whatever the prices", async () => {
  panel.onPrices(markets.addTickers(tickers({ X0009: "100000" })));
  frame();
  assert.deepEqual(symbols().slice(0, 2), ["X0000", "X0001"]);
  notional = (number) => number;
  await markets.load();
  frame();
  assert.deepEqual(symbols().slice(0, 2), ["X0499", "X0498"]);
});

test("the keyboard walks through all of them, from where it is", () => {
  part("search").dispatch("keydown", { key: "ArrowDown" });
  assert.equal(document.activeElement.closest("tr").dataset.market, "sim:X0000");
  assert.equal(press("ArrowUp"), "X0000", "there is none before the first");
  for (let step = 1; step <= 300; step += 1) assert.equal(press(step % 2 ? "j" : "ArrowDown"), nameOf(step));
  assert.ok(part("scroll").scrollTop > 2_000);
  assert.ok(rows().length < 40);
  assert.equal(press("End"), "X0499");
  assert.equal(press("ArrowDown"), "X0499", "there is none after the last");
  assert.equal(press("Home"), "X0000");
  assert.equal(part("body").querySelectorAll('[tabindex="0"]').length, 1);
});

test("a row in focus stays in the page when the reader scrolls or the order changes", async () => {
  part("search").dispatch("keydown", { key: "ArrowDown" });
  press("j");
  scrollTo(3000);
  assert.equal(document.activeElement.closest("tr").dataset.market, "sim:X0001");
  assert.equal(symbols()[0], "X0001");
  assert.equal(press("j"), "X0002");
  notional = (number) => number;
  await markets.load();
  frame();
  assert.equal(document.activeElement.closest("tr").dataset.market, "sim:X0002");
});

test("the lines of the rows in sight are fetched, once each, and again where tickers were missed", async () => {
  const requests = () => asked.filter((url) => url.pathname === "/sparklines");
  const lines = () => requests().map((url) => url.searchParams.getAll("symbol"));
  assert.deepEqual(lines(), [symbols()]);
  assert.equal(rowOf("X0000").querySelector("polyline").getAttribute("points"), "78.6,22.0 80.0,2.0");
  await markets.load();
  frame();
  await settled();
  pass(60_000);
  assert.equal(lines().length, 1);
  part("search").dispatch("keydown", { key: "ArrowDown" });
  press("End");
  pass(1_000);
  await settled();
  assert.deepEqual(lines().slice(1), [symbols().slice(1)], "the row that was in focus has its line");
  panel.onGap({ type: "gap", topic: "tickers", reason: "", since: null });
  pass(1_000);
  await settled();
  assert.deepEqual(lines().slice(2), [symbols()]);
});

test("the line grows by tickers, which a response of the same minute does not undo", async () => {
  markets.addTickers(tickers({ X0000: "5.00" }, NOW + 60));
  const market = markets.find({ exchange: "sim", symbol: "X0000" });
  markets.addLine({ exchange: "sim", symbol: "X0000", times: [NOW, NOW + 60], closes: ["2", "3"] });
  assert.deepEqual([...market.line], [[NOW - 60, 1], [NOW, 2], [NOW + 60, 5]]);
  markets.addTickers(tickers({ X0001: "5.00" }));
  await markets.load();
  assert.equal(markets.find({ exchange: "sim", symbol: "X0001" }).price, "5.00");
  await markets.reload();
  assert.equal(markets.find({ exchange: "sim", symbol: "X0001" }).price, "1.00", "but where tickers were missed");
});

test("a market that is not known is loaded, by the load under way where there is one", async () => {
  const loads = () => asked.filter((url) => url.pathname === "/symbols").length;
  const other = new MarketCatalogue();
  const first = other.load();
  other.addTickers(tickers({ X0001: "5.00" }));
  await first;
  assert.equal(loads(), 2, "that of the page, and this one");
  other.addTickers(tickers({ NEW: "5.00" }));
  assert.equal(loads(), 3);
});

test("a quiet market and one without a feed are told apart, until a ticker comes", async () => {
  state = (number) => [{}, { quiet: true }, { stale: true, reason: "sim is away" }][number] ?? {};
  await markets.load();
  frame();
  const facts = (symbol) => [rowOf(symbol).querySelector("small").textContent, rowOf(symbol).className];
  assert.deepEqual(["X0000", "X0001", "X0002"].map(facts), [
    ["sim", "rose"],
    ["sim · quiet", "rose"],
    ["sim · no feed", "stale"],
  ]);
  assert.match(rowOf("X0001").title, /nobody trades/);
  assert.match(rowOf("X0002").title, /^sim is away/);
  panel.onPrices(markets.addTickers(tickers({ X0001: "1.00", X0002: "1.00" }, NOW + 60)));
  frame();
  assert.deepEqual(["X0001", "X0002"].map(facts), [["sim", "rose"], ["sim", "rose"]]);
});
