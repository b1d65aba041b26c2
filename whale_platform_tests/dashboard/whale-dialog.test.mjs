import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, titleOf } from "../../whale_platform/dashboard/whale/whale-dialog.js";

test("a whale's title has the base currency that the server tells, not a cut symbol", () => {
  const sums = { quantity: "2", notional_usd: "123456", threshold_usd: "50000" };
  const whale = { symbol: "BTCTUSD", base: "BTC", side: "buy", kind: "single_trade", ...sums };
  assert.equal(titleOf(whale), "▲ buy 2.000 BTC for $123k");
  assert.equal(titleOf({ ...whale, base: null }), "▲ buy 2.000 of BTCTUSD for $123k");
});

test("a title tells a sweep and a block", () => {
  const sums = { quantity: "2", notional_usd: "300000", threshold_usd: "50000" };
  const whale = { symbol: "BTCUSDT", base: "BTC", side: "sell", kind: "sweep", fills: 12, ...sums };
  assert.equal(titleOf(whale), "▼ sell 2.000 BTC for $300k, large sweep of 12 fills");
  assert.equal(titleOf({ ...whale, kind: "block", notional_usd: "60000" }), "▼ sell 2.000 BTC for $60.0k, block");
});

test("a whale is asked for by its kind, and without one where a link has none", () => {
  const address = "/whales/binance/A%2FB%3AC/7";
  assert.deepEqual(addressOf("binance/A/B:C/7:sweep"), { address, parameters: { kind: "sweep" } });
  assert.deepEqual(addressOf("binance/A/B:C/7"), { address, parameters: { kind: "" } });
});
