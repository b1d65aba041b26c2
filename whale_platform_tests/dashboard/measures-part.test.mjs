// What a whale is measured by, as its context shows it: what is so far, not known, or still to come says so.

import "./fake-page.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { isToCome, measuresPart } from "../../whale_platform/dashboard/whale/measures-part.js";
import { pricePart } from "../../whale_platform/dashboard/whale/whale-parts.js";

const OLD = "2026-01-02T10:00:05Z";
const FIT = { factor: 0.8123, factor_error: 0.1, volatility: 0.021, sweeps: 70, note: null };
const measures = {
  minute: { notional: "1000000", share: "0.123", over: true },
  hour: { notional: "20000000", share: "0.00615", over: false },
  streak: 3,
  net_flow_usd: "-250000",
  moved_bps: "5.04",
  expected_bps: "2.5",
  outcome: "broke_through",
  fit: FIT,
};

function whale(more = {}) {
  const names = { exchange: "binance", symbol: "BTCUSDT", kind: "sweep", side: "buy", usd_via: "peg:USDT" };
  return { ...names, price: "100", event_time: OLD, received_time: OLD, ...more };
}

/** The facts by name. */
function read(context) {
  const rows = measuresPart({ whale: whale(), measures, ...context }).querySelectorAll("div");
  return Object.fromEntries(rows.map((row) => row.children.map((cell) => cell.textContent)));
}

test("a whale's measures are told with their units, and the hour's share is so far", () => {
  assert.deepEqual(read({}), {
    "Of its minute": "12.3%",
    "Of its hour": "0.6%, so far",
    Streak: "3 buys in a row",
    "Whales' net flow, 5 min": "−$250k",
    "Moved in a second": "+5.0 bp",
    "Expected of its size": "≈ +2.5 bp",
    Outcome: "broke through",
  });
});

test("what is not known says why", () => {
  const unknown = { ...measures, streak: 1, moved_bps: null, expected_bps: null, outcome: null };
  const note = "too little: 3 sweeps of 30";
  const short = read({ measures: { ...unknown, fit: { ...FIT, factor: null, note } } });
  assert.equal(short["Expected of its size"], note);
  assert.equal(short.Streak, "none before it");
  assert.equal(short["Moved in a second"], "not known");
  assert.equal(short.Outcome, "not known");
  const none = read({ measures: { ...unknown, fit: null } });
  assert.equal(none["Expected of its size"], "no fit that ended before it");
  const young = whale({ received_time: new Date().toISOString() });
  const minute = { notional: "1", share: null, over: false };
  const early = read({ whale: young, measures: { ...unknown, minute } });
  assert.equal(early["Of its minute"], "not yet");
  assert.equal(early["Moved in a second"], "not yet");
});

test("a block, a liquidation and a fill of a sweep have none, and say so", () => {
  const liquidation = measuresPart({ whale: whale({ kind: "liquidation" }), measures });
  assert.match(liquidation.textContent, /A liquidation is part of no window/);
  const block = measuresPart({ whale: whale({ kind: "block" }), measures });
  assert.match(block.textContent, /A block is part of no window/);
  assert.match(measuresPart({ whale: whale(), measures: null }).textContent, /a fill of a sweep/);
});

test("a whale is looked at again until its last price is there, and no longer than that can take", () => {
  const young = whale({ received_time: new Date().toISOString() });
  const prices = { before: "1", after_1s: "1", after_10s: "1", after_1: "1", after_5: "1", after_15: null };
  assert.ok(isToCome({ whale: young, prices: null, measures }));
  assert.ok(isToCome({ whale: young, prices, measures }));
  assert.ok(!isToCome({ whale: young, prices: { ...prices, after_15: "1" }, measures }));
  assert.ok(!isToCome({ whale: whale(), prices: null, measures }));
});

test("prices within a minute are the lake's, with no close in their place", () => {
  const prices = { before: "99", after_1s: "101", after_10s: null, after_1: null, after_5: null, after_15: null };
  const window = { window_start: "2026-01-02T10:01:00Z", open: "1", high: "1", low: "1", close: "102" };
  const rows = pricePart({ whale: whale(), windows: [window], prices }, 2).querySelectorAll("tr");
  const told = Object.fromEntries(rows.slice(1).map((row) => row.children.slice(0, 2).map((cell) => cell.textContent)));
  assert.equal(told["1 s after"], "101.00");
  assert.equal(told["10 s after"], "not known");
  assert.equal(told["1 min after"], "≈ 102.00");
});
