import assert from "node:assert/strict";
import { test } from "node:test";
import { Bars } from "../../whale_platform/dashboard/bars.js";
import { bar } from "./server.mjs";

const DAY = 1_700_006_400; // 00:00 UTC

test("every bar from the last one drawn on is given, also several that came between two frames", () => {
  const bars = new Bars("1m");
  bars.add([bar(DAY)]);
  bars.rebuild();
  bars.live(bar(DAY, 5));
  for (const minute of [1, 2, 3]) bars.live(bar(DAY + 60 * minute));
  const drawn = bars.from(DAY);
  assert.deepEqual(drawn.map((one) => one.time), [DAY, DAY + 60, DAY + 120, DAY + 180]);
  assert.equal(drawn[0].trades, 5);
  assert.equal(bars.from(DAY + 240).length, 0);
  assert.equal(new Bars("1m").from(0).length, 0);
});

test("a bar is found by its time, whatever was put before it", () => {
  const bars = new Bars("1m");
  bars.add([bar(DAY + 600), bar(DAY + 660)]);
  bars.rebuild();
  assert.equal(bars.place(DAY + 660), 1);
  bars.add([bar(DAY), bar(DAY + 60)]);
  bars.rebuild();
  assert.equal(bars.place(DAY + 660), 3);
  assert.equal(bars.place(DAY + 1), null);
  assert.equal(bars.place(null), null);
});

test("a state with fewer trades replaces none with more", () => {
  const bars = new Bars("5m");
  bars.add([bar(DAY, 9, "101.5")]);
  bars.rebuild();
  assert.equal(bars.live(bar(DAY, 4)), null);
  assert.equal(bars.live(bar(DAY + 60, 2)).trades, 11);
  assert.equal(bars.live(bar(DAY + 300)).time, DAY + 300);
  assert.equal(bars.live(bar(DAY + 120)), "past");
});

test("VWAP and delta begin with the day, and are not told where its beginning is not loaded", () => {
  const bars = new Bars("1m");
  bars.add([bar(DAY - 60), bar(DAY), bar(DAY + 60)]);
  const [before, first, second] = bars.rebuild();
  assert.equal(before.vwap, null);
  assert.equal(first.vwap, 100);
  assert.equal(second.dayVolume, 4);
});

test("a window from before what is loaded waits for its page, unless nothing is older", () => {
  const bars = new Bars("1m");
  bars.add([bar(DAY + 8 * 3600)]);
  bars.rebuild();
  assert.equal(bars.live(bar(DAY - 3600)), null);
  bars.rebuild();
  assert.deepEqual(bars.list.map((one) => one.time), [DAY + 8 * 3600]);
  bars.complete = true;
  assert.equal(bars.live(bar(DAY - 3600)), "past");
});

test("before the first page every live window counts", () => {
  const bars = new Bars("1m");
  bars.live(bar(DAY + 60));
  bars.live(bar(DAY, 6));
  bars.add([bar(DAY, 5), bar(DAY - 60, 5)]);
  bars.rebuild();
  assert.deepEqual(bars.list.map((one) => one.trades), [5, 6, 1]);
});
