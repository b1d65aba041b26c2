import assert from "node:assert/strict";
import { test } from "node:test";
import { WhaleMarkers } from "../../whale_platform/dashboard/price/whale-markers.js";
import { fill, iso, serve, sweep, whale } from "./fake-api.mjs";

const NOW = 1_700_006_400;
const market = { exchange: "sim", symbol: "BTCUSDT" };
const away = () => {
  throw new Error("away");
};

test("short intervals draw every whale, also below a threshold not right yet; long ones only the larger", () => {
  assert.ok(new WhaleMarkers(market, "1m", 50_000).add(whale(1, NOW, "12000")));
  const hourly = new WhaleMarkers(market, "1h", 10_000);
  assert.ok(!hourly.add(whale(1, NOW, "49999")));
  assert.ok(hourly.add(whale(2, NOW, "50000")));
  assert.equal(hourly.note, "Whales from $50.0k");
});

test("a stretch that could not be loaded is loaded with the next", async () => {
  const marks = new WhaleMarkers(market, "1m", 50_000);
  serve(away);
  await assert.rejects(marks.load(NOW - 7200, NOW - 3600));
  await assert.rejects(marks.load(NOW - 60, null));
  await assert.rejects(marks.load(NOW - 30, null));
  const asked = serve(() => ({ items: [], next: null }));
  await marks.load(NOW - 10, null);
  const stretches = asked.map((url) => [url.searchParams.get("from"), url.searchParams.get("to")]);
  assert.deepEqual(stretches, [[iso(NOW - 7200), iso(NOW - 3600)], [iso(NOW - 60), null]]);
  await marks.load(NOW, null);
  assert.equal(asked.length, 3);
});

test("where there are too many, the oldest go", () => {
  const marks = new WhaleMarkers(market, "1m", 50_000);
  for (let id = 20_000; id > 0; id -= 1) marks.add(whale(id, NOW + id));
  assert.ok(marks.add(whale(20_001, NOW + 20_001)));
  const times = marks.toMarkers({ buy: "green", sell: "red" }, 0).map(({ time }) => time - NOW);
  assert.equal(Math.max(...times), 19_980);
  assert.equal(Math.min(...times), 960);
  const oldest = marks.whalesOf(`${NOW + 960}/buy`).map((marked) => marked.trade_id);
  assert.equal(Math.min(...oldest), 1_001);
  assert.match(marks.note, /not all/);
});

test("whales of one bar and side are one arrow, each counts once, and the arrow tells them", () => {
  const marks = new WhaleMarkers(market, "5m", 50_000);
  const first = whale(1, NOW, "60000");
  assert.ok(marks.add(first));
  assert.ok(!marks.add(first));
  marks.add(whale(2, NOW + 299, "90000"));
  marks.add(whale(3, NOW + 10, "70000", { side: "sell" }));
  marks.add(whale(4, NOW - 900, "70000"));
  const drawn = marks.toMarkers({ buy: "green", sell: "red" }, NOW);
  assert.deepEqual(drawn.map((one) => [one.time, one.color]), [[NOW, "green"], [NOW, "red"]]);
  assert.deepEqual(marks.whalesOf(drawn[0].id).map((one) => one.trade_id), [2, 1]);
});

test("a sweep that grows is one whale behind its arrow, in the place of its fills", () => {
  const marks = new WhaleMarkers(market, "5m", 50_000);
  for (const one of [fill(11, 10, NOW), sweep(10, NOW, 3), sweep(10, NOW, 5)]) assert.ok(marks.add(one));
  assert.ok(!marks.add(sweep(10, NOW, 4)));
  const [drawn] = marks.toMarkers({ buy: "green", sell: "red" }, NOW);
  assert.deepEqual(marks.whalesOf(drawn.id).map((one) => one.notional_usd), ["100000"]);
});

test("buys are arrows up from below the bar, sells down from above it, larger by what they add up to", () => {
  const marks = new WhaleMarkers(market, "5m", 50_000);
  marks.add(whale(1, NOW, "50000"));
  marks.add(whale(2, NOW + 10, "2450000", { side: "sell" }));
  marks.add(whale(3, NOW + 300, "100000"));
  marks.add(whale(4, NOW + 310, "150000"));
  const drawn = marks.toMarkers({ buy: "green", sell: "red" }, NOW);
  const looks = drawn.map(({ time, shape, position, color, size, text }) => [
    time - NOW,
    shape,
    position,
    color,
    size.toFixed(2),
    text ?? "",
  ]);
  assert.deepEqual(looks, [
    [0, "arrowUp", "belowBar", "green", "0.60", ""],
    [0, "arrowDown", "aboveBar", "red", "1.69", "$2.45M"],
    [300, "arrowUp", "belowBar", "green", "1.05", ""],
  ]);
});
