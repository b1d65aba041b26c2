import assert from "node:assert/strict";
import { test } from "node:test";
import { titleOf } from "../../whale_platform/dashboard/whale/whale-dialog.js";

test("a whale's title has the base currency that the server tells, not a cut symbol", () => {
  const sums = { quantity: "2", notional_usd: "123456", threshold_usd: "50000" };
  const whale = { symbol: "BTCTUSD", base: "BTC", side: "buy", ...sums };
  assert.equal(titleOf(whale), "▲ buy 2.000 BTC for $123k");
  assert.equal(titleOf({ ...whale, base: null }), "▲ buy 2.000 of BTCTUSD for $123k");
});
