import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterText } from "../../whale_platform/dashboard/whale/cluster-part.js";
import { addressOf, titleOf } from "../../whale_platform/dashboard/whale/whale-dialog.js";

test("a whale's title has the base currency that the server tells, not a cut symbol", () => {
  const sums = { quantity: "2", notional_usd: "123456", tier: "whale" };
  const whale = { symbol: "BTCTUSD", base: "BTC", side: "buy", kind: "single_trade", ...sums };
  assert.equal(titleOf(whale), "▲ buy 2.000 BTC for $123k");
  assert.equal(titleOf({ ...whale, base: null }), "▲ buy 2.000 of BTCTUSD for $123k");
});

test("a title tells a sweep and a block", () => {
  const sums = { quantity: "2", notional_usd: "300000", tier: "large" };
  const whale = { symbol: "BTCUSDT", base: "BTC", side: "sell", kind: "sweep", fills: 12, ...sums };
  assert.equal(titleOf(whale), "▼ sell 2.000 BTC for $300k, large sweep of 12 fills");
  const block = { ...whale, kind: "block", notional_usd: "60000", tier: "whale" };
  assert.equal(titleOf(block), "▼ sell 2.000 BTC for $60.0k, block");
});

test("a whale is asked for by its kind, and without one where a link has none", () => {
  const address = "/whales/binance/A%2FB%3AC/7";
  assert.deepEqual(addressOf("binance/A/B:C/7:sweep"), { address, parameters: { kind: "sweep" } });
  assert.deepEqual(addressOf("binance/A/B:C/7"), { address, parameters: { kind: "" } });
});

test("who looks at a whale again does not have Kafka read for it", () => {
  assert.deepEqual(addressOf("binance/BTCUSDT/7:sweep", true).parameters, { kind: "sweep", topic: "skip" });
});

test("a cluster tells the dollars of spot and of perpetuals apart", () => {
  const sums = { spot_usd: "130000", perpetual_usd: "80000.5", false_discovery_rate: 0.04 };
  const cluster = { side: "buy", orders: 3, exchanges: 2, members: [], ...sums };
  assert.equal(
    clusterText(cluster),
    "Part of a cluster of 3 on 2 exchanges, bought: $130k spot and $80.0k perpetual, q = 0.040",
  );
  const spot = { ...cluster, side: "sell", perpetual_usd: null, false_discovery_rate: 0.0001 };
  assert.equal(clusterText(spot), "Part of a cluster of 3 on 2 exchanges, sold: $130k spot, q < 0.001");
});
