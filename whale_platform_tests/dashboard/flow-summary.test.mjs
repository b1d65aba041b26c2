import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describeMarkets,
  describeOthers,
  everyHour,
  usedSizes,
} from "../../whale_platform/dashboard/data/flow-summary.js";

test("every hour has its place: 25 where the 24 do not begin with one", () => {
  const hours = [{ hour: "2026-01-01T12:00:00Z", whales: 3, buy_usd: "5", sell_usd: "2" }];
  const whole = everyHour({ from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", hours });
  assert.equal(whole.length, 24);
  assert.deepEqual(whole[12], { time: Date.parse("2026-01-01T12:00:00Z") / 1000, buy: 5, sell: 2, whales: 3 });
  const cut = everyHour({ from: "2026-01-01T12:59:00Z", to: "2026-01-02T12:59:00Z", hours });
  assert.equal(cut.length, 25);
  assert.equal(cut[0].whales, 3);
});

test("sizes have no hole between the smallest and the largest used", () => {
  const sizes = [0, 0, 3, 0, 0, 1, 0].map((buys, place) => ({ from_usd: place, buys, sells: 0 }));
  assert.deepEqual(usedSizes(sizes).map((bin) => bin.from_usd), [2, 3, 4, 5]);
  const none = sizes.map((bin) => ({ ...bin, buys: 0 }));
  assert.deepEqual(usedSizes(none), []);
});

test("spot alone needs no word; beside other kinds of markets each sum says what it is of", () => {
  const alone = { market_kind: "spot", others: [] };
  assert.deepEqual([describeMarkets(alone), describeOthers(alone)], ["", ""]);
  const flow = { whales: 3, buy_usd: "250000", sell_usd: "100000" };
  const others = ["perpetual", "block"].map((market_kind) => ({ market_kind, ...flow }));
  const beside = { market_kind: "spot", others };
  assert.equal(describeMarkets(beside), "spot");
  const lines = describeOthers(beside).split("\n");
  assert.equal(lines[0], "Perpetuals, 24 h: net +$150k · ▲ $250k · ▼ $100k · 3 whales");
  assert.match(lines[1], /^Blocks off the book, 24 h: /);
  assert.equal(describeMarkets({ market_kind: "perpetual", others: [] }), "perpetuals");
});
