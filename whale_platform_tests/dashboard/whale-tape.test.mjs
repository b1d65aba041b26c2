import assert from "node:assert/strict";
import { test } from "node:test";
import { WhaleTape } from "../../whale_platform/dashboard/data/whale-tape.js";
import { view } from "../../whale_platform/dashboard/data/url-state.js";
import { fill, serve, sweep, whale } from "./fake-api.mjs";

const NOW = 1_700_006_400;
const page = (first, count, next) => {
  const items = Array.from({ length: count }, (_, index) => whale(first - index, NOW + first - index));
  return { items, next };
};
const away = () => {
  throw new Error("away");
};

test("what failed is asked for again, the page that it was", async () => {
  const tape = new WhaleTape();
  serve(away);
  await tape.fill();
  assert.equal(tape.state, "failed");
  assert.equal(tape.error, "away");
  serve(() => page(1000, 150, "older"));
  await tape.retry();
  assert.equal(tape.state, "ready");
  assert.equal(tape.rows.length, 150);
  serve(away);
  await tape.loadMore();
  const asked = serve(() => page(850, 150, "oldest"));
  await tape.retry();
  assert.equal(asked[0].searchParams.get("cursor"), "older");
  assert.equal(tape.rows.length, 300);
  await tape.retry();
  assert.equal(asked.length, 1);
});

test("at 500 rows there is no page back", async () => {
  const tape = new WhaleTape();
  let first = 10_000;
  serve(() => {
    first -= 150;
    return page(first + 150, 150, `c${first}`);
  });
  await tape.fill();
  for (let turn = 0; turn < 3; turn += 1) {
    assert.ok(tape.ready);
    await tape.loadMore();
  }
  assert.equal(tape.rows.length, 500);
  assert.equal(tape.cursor, null);
  assert.ok(!tape.ready);
});

test("live whales and pages come in any order: newest first, each once", async () => {
  const tape = new WhaleTape();
  assert.ok(tape.addLive(whale(5, NOW + 5)));
  assert.ok(tape.addLive(whale(9, NOW + 9)));
  assert.ok(!tape.addLive(whale(5, NOW + 5)));
  serve(() => page(9, 9, null));
  await tape.fill();
  assert.deepEqual(tape.rows.map((one) => one.trade_id), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
});

test("a whale that the tables do not have yet stays through a change of filters", async () => {
  const tape = new WhaleTape();
  tape.addLive(whale(7, NOW, "2000000"));
  serve(() => ({ items: [], next: null }));
  view.min = 1_000_000;
  await tape.refilter();
  assert.equal(tape.rows.length, 1);
  view.side = "sell";
  await tape.refilter();
  assert.equal(tape.rows.length, 0);
  Object.assign(view, { min: 0, side: "" });
  await tape.refilter();
  assert.equal(tape.rows.length, 1);
});

test("a whale that was taken back goes when all is asked for anew", async () => {
  const tape = new WhaleTape();
  serve(() => page(1000, 3, null));
  await tape.fill();
  tape.addLive(whale(1001, NOW + 1001));
  assert.equal(tape.rows.length, 4);
  serve(() => page(999, 2, null));
  await tape.fill();
  assert.equal(tape.rows.length, 4, "another page takes nothing away");
  await tape.reload();
  assert.deepEqual(tape.rows.map((row) => row.trade_id), [999, 998]);
});

test("a sweep is one row that grows, in the place of its fills", async () => {
  const tape = new WhaleTape();
  tape.addLive(whale(30, NOW + 1));
  const part = fill(11, 10, NOW);
  assert.deepEqual(tape.addLive(part), []);
  const begun = sweep(10, NOW, 3);
  assert.deepEqual(tape.addLive(begun), [part]);
  assert.equal(tape.addLive(fill(12, 10, NOW)), null, "a fill of it that comes late");
  const grown = sweep(10, NOW, 5);
  assert.deepEqual(tape.addLive(grown), [begun]);
  assert.equal(tape.addLive(begun), null, "it is never set back");
  assert.deepEqual(tape.rows.map((row) => [row.kind, row.trade_id]), [["single_trade", 30], ["sweep", 10]]);
  serve(() => ({ items: [whale(30, NOW + 1), sweep(10, NOW, 4)], next: null }));
  await tape.fill();
  assert.deepEqual(tape.rows[1], grown, "nor by a page that is older than the stream");
});

test("the filter of kinds shows fills alone, and the sweep again without them", async () => {
  const tape = new WhaleTape();
  tape.addLive(fill(11, 10, NOW));
  tape.addLive(sweep(10, NOW, 5));
  const asked = serve(() => ({ items: [], next: null }));
  view.kind = "single_trade";
  await tape.refilter();
  assert.deepEqual(tape.rows.map((row) => row.kind), ["single_trade"]);
  assert.equal(asked[0].searchParams.get("kind"), "single_trade");
  view.kind = "";
  await tape.refilter();
  assert.deepEqual(tape.rows.map((row) => row.kind), ["sweep"]);
});

test("the filter of tiers lets a sweep in once it is of that tier", async () => {
  const tape = new WhaleTape();
  view.tier = "large";
  const asked = serve(() => ({ items: [], next: null }));
  await tape.refilter();
  assert.deepEqual(asked[0].searchParams.getAll("tier"), ["large", "giant"]);
  tape.addLive(sweep(10, NOW, 3));
  assert.deepEqual(tape.rows, []);
  tape.addLive(sweep(10, NOW, 15, { tier: "large" }));
  tape.addLive(whale(40, NOW, "2000000", { tier: "giant" }));
  assert.deepEqual(tape.rows.map((row) => row.tier), ["giant", "large"]);
  view.tier = "";
});
