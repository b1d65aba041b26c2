import assert from "node:assert/strict";
import { test } from "node:test";
import { title } from "../../whale_platform/dashboard/whale/whale-dialog.js";

test("a whale's title has the base currency that the server tells, not a cut symbol", () => {
  const whale = { symbol: "BTCTUSD", base: "BTC", side: "buy", quantity: "2", notional_usd: "123456", threshold_usd: "50000" };
  assert.equal(title(whale), "▲ buy 2.000 BTC for $123k");
  assert.equal(title({ ...whale, base: null }), "▲ buy 2.000 of BTCTUSD for $123k");
});
