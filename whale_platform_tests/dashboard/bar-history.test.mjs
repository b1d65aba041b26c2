import assert from "node:assert/strict";
import { test } from "node:test";
import { Bars } from "../../whale_platform/dashboard/data/bars.js";
import { BarHistory } from "../../whale_platform/dashboard/data/bar-history.js";
import { bar, iso, serve } from "./fake-api.mjs";

const HOUR = 1_700_006_400;
const market = { exchange: "sim", symbol: "BTCUSDT" };

test("between the newest rollup and the first page of windows there is no hole", async () => {
  const minutes = Array.from({ length: 1200 }, (_, minute) => bar(HOUR + 3600 + 60 * (1199 - minute)));
  const asked = serve((url) => {
    if (url.pathname === "/rollups") return { items: [bar(HOUR)], next: null };
    assert.equal(url.searchParams.get("from"), iso(HOUR + 3600));
    const at = Number(url.searchParams.get("cursor") ?? 0);
    return { items: minutes.slice(at, at + 500), next: at + 500 < 1200 ? String(at + 500) : null };
  });
  const bars = new Bars("1h");
  const history = new BarHistory(market, "1h", bars);
  await history.loadOlder();
  const times = bars.rebuild().map(({ time }) => time);
  assert.deepEqual(times, Array.from({ length: 21 }, (_, hour) => HOUR + 3600 * hour));
  assert.equal(asked.length, 4);
  assert.ok(history.done);
});

test("where there are no rollups, one page of windows is loaded at a time", async () => {
  serve((url) => (url.pathname === "/rollups" ? { items: [], next: null } : { items: [bar(HOUR)], next: "more" }));
  const history = new BarHistory(market, "1h", new Bars("1h"));
  assert.equal(await history.loadOlder(), true);
});

test("a catch-up that failed is made up for from where it began, whatever came live since", async () => {
  const bars = new Bars("1m");
  bars.addWindows([bar(HOUR)]);
  bars.rebuild();
  const history = new BarHistory(market, "1m", bars);
  serve(() => {
    throw new Error("busy");
  });
  await assert.rejects(history.loadNewest(), /busy/);
  bars.addLive(bar(HOUR + 7200));
  const asked = serve(() => ({ items: [bar(HOUR + 3600)], next: null }));
  await history.loadNewest();
  assert.equal(asked[0].searchParams.get("from"), iso(HOUR - 600));
  await history.loadNewest();
  assert.equal(asked[1].searchParams.get("from"), iso(HOUR + 6600));
});

test("a page that failed is asked for again", async () => {
  let down = true;
  serve(() => {
    if (down) throw new Error("away");
    return { items: [bar(HOUR)], next: null };
  });
  const bars = new Bars("1m");
  const history = new BarHistory(market, "1m", bars);
  await assert.rejects(history.loadOlder(), /away/);
  down = false;
  assert.equal(await history.loadOlder(), false);
  assert.equal(bars.rebuild().length, 1);
});
