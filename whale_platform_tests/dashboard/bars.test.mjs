import assert from "node:assert/strict";
import { test } from "node:test";
import { Bars } from "../../whale_platform/dashboard/data/bars.js";
import { bar } from "./fake-api.mjs";

const DAY = 1_700_006_400; // 00:00 UTC

test("every bar from the last one drawn on is given, also several that came between two frames", () => {
  const bars = new Bars("1m");
  bars.addWindows([bar(DAY)]);
  bars.rebuild();
  bars.addLive(bar(DAY, 5));
  for (const minute of [1, 2, 3]) bars.addLive(bar(DAY + 60 * minute));
  const drawn = bars.barsSince(DAY);
  assert.deepEqual(drawn.map(({ time }) => time), [DAY, DAY + 60, DAY + 120, DAY + 180]);
  assert.equal(drawn[0].trades, 5);
  assert.equal(bars.barsSince(DAY + 240).length, 0);
  assert.equal(new Bars("1m").barsSince(0).length, 0);
});

test("a bar is found by its time, whatever was put before it", () => {
  const bars = new Bars("1m");
  bars.addWindows([bar(DAY + 600), bar(DAY + 660)]);
  bars.rebuild();
  assert.equal(bars.indexOf(DAY + 660), 1);
  bars.addWindows([bar(DAY), bar(DAY + 60)]);
  bars.rebuild();
  assert.equal(bars.indexOf(DAY + 660), 3);
  assert.equal(bars.indexOf(DAY + 1), null);
  assert.equal(bars.indexOf(null), null);
});

test("a state with fewer trades replaces none with more", () => {
  const bars = new Bars("5m");
  bars.addWindows([bar(DAY, 9, "101.5")]);
  bars.rebuild();
  assert.equal(bars.addLive(bar(DAY, 4)), null);
  assert.equal(bars.addLive(bar(DAY + 60, 2)).trades, 11);
  assert.equal(bars.addLive(bar(DAY + 300)).time, DAY + 300);
  assert.equal(bars.addLive(bar(DAY + 120)), "past");
});

test("VWAP and delta begin with the day, and are not told where its beginning is not loaded", () => {
  const bars = new Bars("1m");
  bars.addWindows([bar(DAY - 60), bar(DAY), bar(DAY + 60)]);
  const [before, first, second] = bars.rebuild();
  assert.equal(before.vwap, null);
  assert.equal(first.vwap, 100);
  assert.equal(second.dayVolume, 4);
});

/** A window, or a rollup, of its own numbers. */
function of(start, [open, high, low, close], volume, notional, buys, trades = 2) {
  const text = { open, high, low, close, volume, notional, buy_volume: buys };
  const strings = Object.entries(text).map(([name, value]) => [name, String(value)]);
  return { ...bar(start, trades), ...Object.fromEntries(strings) };
}
const DAY_OF = [
  of(DAY, [100, 107, 99, 102], 4, 408, 3),
  of(DAY + 60, [102, 104, 90, 95], 6, 570, 1),
  of(DAY + 120, [95, 103, 94, 101], 10, 1000, 8),
];

test("VWAP is notional by volume, CVD what takers bought less what they sold, both since 00:00 UTC", () => {
  const bars = new Bars("1m");
  bars.addWindows([of(DAY - 60, [50, 50, 50, 50], 9, 450, 9), ...DAY_OF]);
  const [, first, second, third] = bars.rebuild();
  assert.deepEqual([first.vwap, second.vwap, third.vwap], [102, 97.8, 98.9]);
  assert.deepEqual([first.delta, second.delta, third.delta], [2, -2, 4]);
  const live = bars.addLive(of(DAY + 180, [101, 101, 101, 101], 5, 600, 0));
  assert.deepEqual([live.vwap, live.delta], [2578 / 25, -1]);
});

test("a longer bar has the first open, the highest high, the lowest low, the last close, and the sums", () => {
  const bars = new Bars("5m");
  bars.addWindows([...DAY_OF, of(DAY + 300, [101, 500, 1, 101], 1, 101, 1)]);
  const [first] = bars.rebuild();
  const { open, high, low, close, volume, notional, buys, trades } = first;
  assert.deepEqual([open, high, low, close], [100, 107, 90, 101]);
  assert.deepEqual([volume, notional, buys, trades], [20, 1978, 12, 6]);
});

test("an hour that is rolled up is its rollup, whatever minutes are loaded; one that is not is its minutes", () => {
  const bars = new Bars("1h");
  bars.complete = true;
  bars.addWindows(DAY_OF);
  bars.addRollups([of(DAY, [98, 120, 80, 110], 40, 4000, 25, 60)]);
  bars.addWindows([of(DAY + 3600, [110, 111, 109, 110], 3, 330, 2)]);
  const [made, open] = bars.rebuild();
  assert.deepEqual([made.open, made.high, made.low, made.close, made.volume, made.trades], [98, 120, 80, 110, 40, 60]);
  assert.deepEqual([made.vwap, made.delta], [100, 10]);
  assert.deepEqual([open.close, open.trades, open.vwap, open.delta], [110, 2, 4330 / 43, 11]);
});

test("a window from before what is loaded waits for its page, unless nothing is older", () => {
  const bars = new Bars("1m");
  bars.addWindows([bar(DAY + 8 * 3600)]);
  bars.rebuild();
  assert.equal(bars.addLive(bar(DAY - 3600)), null);
  bars.rebuild();
  assert.deepEqual(bars.list.map(({ time }) => time), [DAY + 8 * 3600]);
  bars.complete = true;
  assert.equal(bars.addLive(bar(DAY - 3600)), "past");
});

test("before the first page every live window counts", () => {
  const bars = new Bars("1m");
  bars.addLive(bar(DAY + 60));
  bars.addLive(bar(DAY, 6));
  bars.addWindows([bar(DAY, 5), bar(DAY - 60, 5)]);
  bars.rebuild();
  assert.deepEqual(bars.list.map(({ trades }) => trades), [5, 6, 1]);
});
