import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRoot, settled, textOf } from "./fake-page.mjs";
import { iso, serve } from "./fake-api.mjs";
import { SizePanel, describeBand } from "../../whale_platform/dashboard/flow/size-panel.js";
import { setView } from "../../whale_platform/dashboard/data/url-state.js";

globalThis.location = { pathname: "/", search: "", hash: "" };
globalThis.history = { pushState: () => {}, replaceState: () => {} };
const END = 1_795_255_260;

function band(from, to, buy, sell) {
  const cvd = String(Number(buy) - Number(sell));
  return { from_usd: from, to_usd: to, buy_usd: buy, sell_usd: sell, cvd_usd: cvd, buy_orders: 1200, sell_orders: 2 };
}

const BANDS = [band(0, 1000, "0", "0"), band(1000, 10_000, "2500.5", "1000"), band(1_000_000, null, "0", "2000000")];

const flows = (bands, unvalued = 0) => ({
  from: iso(END - 7200),
  to: iso(END),
  items: [{ exchange: "sim", symbol: "BTCUSDT", trades: 9, unvalued_trades: unvalued, bands }],
});

async function started(answer) {
  const asked = serve(answer);
  setView({ exchange: "sim", symbol: "BTCUSDT" });
  const root = makeRoot("sizes", ["minutes", "note", "body"]);
  const panel = new SizePanel(root);
  panel.start();
  await settled();
  const rows = () => root.querySelectorAll("tr").map((row) => row.children.map((cell) => cell.textContent));
  return { asked, root, panel, rows };
}

test("each size of orders has its volume delta, the largest first", async () => {
  const { asked, root, rows } = await started(() => flows(BANDS));
  assert.equal(asked[0].pathname + asked[0].search, "/flow?exchange=sim&symbol=BTCUSDT&minutes=120");
  assert.deepEqual(rows(), [
    ["≥ $1M", "", "▼ −$2.00M", "1,202"],
    ["$1k–$10k", "", "▲ +$1.50k", "1,202"],
    ["< $1k", "", "–", "1,202"],
  ]);
  const title = root.querySelectorAll("tr")[1].getAttribute("title");
  assert.equal(title, "bought $2,500.5 in 1200, sold $1,000 in 2 orders");
  assert.match(textOf(root, "note"), /^CVD to \d\d:\d\d$/);
});

test("what has no dollars is said", async () => {
  let said = flows(BANDS, 3);
  const { panel, root, rows } = await started(() => said);
  assert.match(textOf(root, "note"), /, without 3 trades of no known dollars$/);
  said = flows(null);
  panel.onReconnect();
  await settled();
  assert.deepEqual([textOf(root, "note"), rows()], ["Its trades have no dollar value here.", []]);
  said = { from: null, to: null, items: [] };
  panel.onVisible();
  await settled();
  assert.equal(textOf(root, "note"), "No trade in this time.");
});

test("what can't be loaded leaves what is shown, but not another market's", async () => {
  let fails = false;
  const { panel, root, rows } = await started(() => {
    if (fails) throw new Error("the database is unavailable");
    return flows(BANDS);
  });
  fails = true;
  panel.onReconnect();
  await settled();
  assert.equal(rows().length, 3);
  setView({ symbol: "ETHUSDT" });
  await settled();
  assert.deepEqual(rows(), []);
  assert.equal(textOf(root, "note"), "It can't be loaded: the database is unavailable.");
});

test("other minutes are asked for", async () => {
  const { asked, root } = await started(() => flows(BANDS));
  const minutes = root.querySelector('[data-part="minutes"]');
  minutes.value = "1440";
  minutes.dispatch("change");
  await settled();
  assert.equal(asked.at(-1).searchParams.get("minutes"), "1440");
});

test("sizes have names", () => {
  assert.equal(describeBand({ from_usd: 100_000, to_usd: 1_000_000 }), "$100k–$1M");
});
