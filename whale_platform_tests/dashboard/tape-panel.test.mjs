import assert from "node:assert/strict";
import { test } from "node:test";
import { frame, makeNode, makeRoot, settled } from "./fake-page.mjs";
import { serve, whale } from "./fake-api.mjs";
import { MarketCatalogue } from "../../whale_platform/dashboard/data/market-catalogue.js";
import { setView } from "../../whale_platform/dashboard/data/url-state.js";
import { TapePanel } from "../../whale_platform/dashboard/tape/tape-panel.js";

globalThis.location = { hash: "", href: "http://page/" };
globalThis.history = { pushState: () => {}, replaceState: () => {} };

const PARTS = ["new", "count", "empty", "scroll", "body", "tape", "on", "kind", "tier", "side"];
const status = (...names) => ({ type: "status", exchanges: names.map((exchange) => ({ exchange })) });

async function started(answer) {
  const asked = serve(answer);
  const root = makeRoot("tape", PARTS);
  root.append(makeNode("select", { "data-part": "min" }, makeNode("option", { value: "0" })));
  const markets = new MarketCatalogue();
  const panel = new TapePanel(root, markets, { announce: () => {} });
  panel.start();
  await markets.load();
  await settled();
  const on = root.querySelector('[data-part="on"]');
  const choices = () => on.children.map((option) => option.value).filter(Boolean);
  return { asked, choices, on, panel, root };
}

const SYMBOLS = { "/symbols": [{ exchange: "sim", symbol: "BTCUSDT" }] };

test("an exchange that is ingested and has no markets, as one of blocks, can be chosen", async () => {
  const { asked, choices, on, panel, root } = await started(({ pathname, searchParams }) => {
    if (pathname !== "/whales") return { items: SYMBOLS[pathname] ?? [], symbols: [] };
    const detected_time = "2026-01-01T00:00:00Z";
    const block = whale(7, 1_000, "90000", { exchange: "sim_block", kind: "block", detected_time });
    return { items: searchParams.get("exchange") === "sim_block" ? [block] : [], next: null };
  });
  assert.deepEqual(choices(), ["sim"]);
  panel.onStatus(status("sim_block", "sim"));
  assert.deepEqual(choices(), ["sim", "sim_block"]);
  on.value = "sim_block";
  on.dispatch("change");
  await settled();
  frame();
  assert.equal(asked.at(-1).searchParams.get("exchange"), "sim_block");
  assert.equal(root.querySelectorAll("tr").length, 1);
  setView({ on: "" });
});

test("what the reader sees of the choices changes only where the exchanges do", async () => {
  const nothing = { symbols: [], next: null };
  const { choices, on, panel } = await started(({ pathname }) => ({ items: SYMBOLS[pathname] ?? [], ...nothing }));
  panel.onStatus(status("okx"));
  const before = on.children;
  panel.onStatus(status("okx"));
  panel.onStatus({ type: "status", feed: "ready" });
  assert.deepEqual(on.children, before);
  assert.equal(on.children[1], before[1]);
  assert.deepEqual(choices(), ["okx", "sim"]);
});
