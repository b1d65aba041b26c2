import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { frame, makeNode, makeRoot, settled, textOf } from "./fake-page.mjs";
import { bar, iso, serve, sweep, whale } from "./fake-api.mjs";
import { MarketCatalogue } from "../../whale_platform/dashboard/data/market-catalogue.js";
import { view } from "../../whale_platform/dashboard/data/url-state.js";
import { Panels, partsOf } from "../../whale_platform/dashboard/lib/panel.js";
import { MarketsPanel } from "../../whale_platform/dashboard/markets/markets-panel.js";
import { PressurePanel } from "../../whale_platform/dashboard/pressure/pressure-panel.js";
import { QuotePanel } from "../../whale_platform/dashboard/quote/quote-panel.js";
import { StatusPanel } from "../../whale_platform/dashboard/status/status-panel.js";
import { TapePanel } from "../../whale_platform/dashboard/tape/tape-panel.js";

const NOW = 1_700_006_400;
const market = { exchange: "sim", symbol: "BTCUSDT" };
const SYMBOLS = ["BTCUSDT", "ETHUSDT"].map((symbol) => ({ exchange: "sim", symbol, threshold_usd: "50000" }));
const BANNER = ["banner", "banner-text", "banner-say", "banner-count", "banner-act"];
const STRIP = ["link", "chips", "rates", "source", "dagster", "open", "details", "details-body"];
const search = (root) => root.querySelector('[data-part="search"]');

// Of each kind: its parts, how one is made, what happens to one of two, what has it draw what it holds, and what is
// then to be read of it.
const KINDS = {
  markets: {
    parts: ["search", "exchange", "scroll", "above", "body", "below", "count", "empty"],
    make: (root, markets) => new MarketsPanel(root, markets, () => {}),
    happen: (_, root) => {
      search(root).value = "eth";
      search(root).dispatch("input");
    },
    draw: (panel) => panel.onVisible(),
    read: (root) => [textOf(root, "count"), root.querySelectorAll("[data-market]").length],
    before: ["2 of 2", 2],
    after: ["1 of 2", 1],
  },
  pressure: {
    parts: ["body"],
    make: (root, markets) => new PressurePanel(root, markets),
    happen: (panel) => panel.onWindows([{ ...market, ...bar(NOW, 7), buy_volume: "1.5" }]),
    draw: (panel) => panel.onVisible(),
    read: (root) => root.querySelector(".share").textContent,
    before: "–",
    after: "▲ 75% buy",
  },
  quote: {
    parts: ["symbol", "exchange", "price", "change", "volume", "age"],
    make: (root, markets) => new QuotePanel(root, markets),
    happen: (panel) => panel.onTrades([{ ...market, price: "61837.1", event_time: iso(NOW) }]),
    draw: (panel) => panel.onTrades([]),
    read: (root) => [textOf(root, "price"), textOf(root, "age")],
    before: ["–", "no trade heard yet"],
    after: ["61,837.1", "live"],
  },
  status: {
    parts: [...BANNER, ...STRIP],
    make: (root) => new StatusPanel(root, { reconnect: () => {}, askKey: () => {}, isAsking: () => false }),
    happen: (panel) => panel.onConnect(),
    draw: (panel) => panel.onStatus({ type: "status" }),
    read: (root) => [root.dataset.state, textOf(root, "link")],
    before: ["wait", "◐ Waiting"],
    after: ["live", "● Live"],
  },
  tape: {
    parts: ["tape", "on", "kind", "tier", "side", "min", "scroll", "body", "count", "empty", "new"],
    make: (root, markets) => new TapePanel(root, markets, { announce: () => {} }),
    happen: (panel) => panel.onWhale({ ...whale(1, NOW), price: "61837.1", threshold_usd: "50000" }),
    draw: (panel) => panel.onVisible(),
    read: (root) => [textOf(root, "count"), root.querySelectorAll("tr").length],
    before: ["", 0],
    after: ["1 shown", 1],
  },
};

beforeEach(() => {
  serve((url) => (url.pathname === "/symbols" ? { items: SYMBOLS } : { items: [], symbols: [], next: null }));
  Object.assign(view, market);
});

for (const [kind, { parts, make, happen, draw, read, before, after }] of Object.entries(KINDS)) {
  test(`what happens to one of two panels of the kind ${kind} is not seen in the other`, async () => {
    const markets = new MarketCatalogue();
    const roots = [makeRoot(kind, parts), makeRoot(kind, parts)];
    const panels = roots.map((root) => make(root, markets));
    for (const panel of panels) panel.start();
    await markets.load();
    await settled();
    frame();
    assert.deepEqual(roots.map(read), [before, before]);
    happen(panels[1], roots[1]);
    panels.forEach(draw);
    frame();
    assert.deepEqual(roots.map(read), [before, after]);
  });
}

test("a row grows with its sweep, which takes over that of its fill, with the focus", () => {
  const root = makeRoot("tape", KINDS.tape.parts);
  const announced = [];
  const panel = new TapePanel(root, new MarketCatalogue(), { announce: (one) => announced.push(one.notional_usd) });
  panel.start();
  const more = { ...market, price: "101", threshold_usd: "50000", detected_time: new Date().toISOString() };
  panel.onWhale(whale(11, NOW, "60000", { ...more, sweep_first_id: 10 }));
  frame();
  const [row] = root.querySelectorAll("tr");
  row.querySelector("button").focus();
  for (const fills of [3, 4, 13, 14]) {
    panel.onWhale(sweep(10, NOW, fills, { ...more, tier: fills < 13 ? "whale" : "large" }));
    frame();
    assert.deepEqual(root.querySelectorAll("tr"), [row]);
    assert.ok(row.contains(document.activeElement));
    assert.equal(row.dataset.whale, "sim/BTCUSDT/10:sweep");
    assert.match(row.textContent, new RegExp(`sweep.*${fills} fills, 2 levels.*100 →.*\\+100.0 bp`));
  }
  assert.deepEqual(announced, ["60000", "260000"], "when it comes and when it is large");
});

test("the head says why no trade is heard of the market in sight", async () => {
  const rows = [{}, { quiet: true }, { stale: true, reason: "sim is away" }];
  for (const [index, text] of ["no trade heard yet", "quiet", "no feed"].entries()) {
    const root = makeRoot("quote", KINDS.quote.parts);
    const markets = new MarketCatalogue();
    const latest = { ...market, price: "1", window: { start: iso(NOW), open: "1", high: "1", low: "1" }, day: null };
    serve((url) => (url.pathname === "/symbols" ? { items: SYMBOLS } : { symbols: [{ ...latest, ...rows[index] }] }));
    const panel = new QuotePanel(root, markets);
    panel.start();
    await markets.load();
    frame();
    assert.equal(textOf(root, "age"), text);
    panel.onTrades([{ ...market, price: "1", event_time: iso(NOW) }]);
    frame();
    assert.equal(textOf(root, "age"), index ? `${text}, last trade 0 s ago` : "live");
  }
});

test("every element with a panel's name becomes a panel of its own, kind by kind", () => {
  const page = makeNode("body", {}, makeRoot("b", []), makeRoot("a", ["one"]), makeRoot("b", []));
  const started = [];
  const kind = (name) => (element) => ({ start: () => started.push([name, page.children.indexOf(element)]) });
  new Panels().start(page, { a: kind("a"), b: kind("b") });
  assert.deepEqual(started, [["a", 1], ["b", 0], ["b", 2]]);
});

test("a panel that fails does not keep the others from working, and is told nothing if it did not start", (context) => {
  const reported = context.mock.method(console, "error", () => {});
  const told = [];
  const fail = () => {
    throw new Error("broken");
  };
  const panel = (name, more) => () => {
    const onWindows = (windows) => told.push([name, windows]);
    return { start: () => {}, onWindows, ...more };
  };
  const page = makeNode("body", {}, ...["unstarted", "broken", "sound"].map((kind) => makeRoot(kind, [])));
  const panels = new Panels();
  const kinds = { unstarted: panel("unstarted", { start: fail }), broken: panel("broken", { onWindows: fail }) };
  panels.start(page, { ...kinds, sound: panel("sound") });
  panels.tell("onWindows", [1]);
  panels.tell("onGap", { topic: "windows" });
  assert.deepEqual(told, [["sound", [1]]]);
  assert.equal(reported.mock.callCount(), 2);
});

test("a part belongs to the nearest panel around it", () => {
  const inner = makeRoot("inner", ["body"]);
  const [first, last] = ["first", "last"].map((name) => makeNode("p", { "data-part": name }));
  const outer = makeNode("main", { "data-panel": "outer" }, first, inner, last);
  assert.deepEqual(Object.keys(partsOf(outer)), ["first", "last"]);
  assert.equal(partsOf(inner).body, inner.children[0]);
});
