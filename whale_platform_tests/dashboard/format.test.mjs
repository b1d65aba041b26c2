import assert from "node:assert/strict";
import { test } from "node:test";
import { amount, grouped, price, timesOf, usd, wholeAmount } from "../../whale_platform/dashboard/lib/format.js";

test("sums are rounded before their unit is chosen", () => {
  const small = { 0: "$0.00", 9.996: "$10", 999.4: "$999" };
  const thousands = { 999.7: "$1.00k", 1234: "$1.23k", 99_940: "$99.9k", 99_960: "$100k", "-250000": "−$250k" };
  const larger = { 999_700: "$1.00M", 9_996_000: "$10.0M", 999_960_000: "$1.00B", 1e13: "$10000B" };
  const all = { ...small, ...thousands, ...larger };
  for (const [value, text] of Object.entries(all)) assert.equal(usd(value), text, value);
  assert.equal(usd(null), "–");
  assert.equal(usd("none"), "–");
});

test("only what the server counts as dollars has the dollar's sign", () => {
  const usd1 = { symbol: "BTCUSD1", quote: "USD1", usd_via: "peg:USD1" };
  const euro = { symbol: "ADAEUR", quote: "EUR", usd_via: null };
  assert.equal(amount("1250000", { quote: "USD", usd_via: "USD" }), "$1.25M");
  assert.equal(amount("1250000", usd1), "$1.25M");
  assert.equal(amount("1250000", euro), "1.25M EUR");
  assert.equal(amount("1250000", { symbol: "SYM1", quote: null, usd_via: null }), "1.25M");
  assert.equal(amount("1250000", undefined), "1.25M");
  assert.equal(wholeAmount("1234567.80", euro), "1,234,567.80 EUR");
  assert.equal(wholeAmount("1234567.80", usd1), "$1,234,567.80");
});

test("no digit is lost", () => {
  assert.equal(grouped("1234567.8900"), "1,234,567.8900");
  assert.equal(price("61837.1", 2), "61,837.10");
  assert.equal(price("0.12345678", 2), "0.12345678");
});

test("a whale is worth so many thresholds", () => {
  assert.equal(timesOf({ notional_usd: "125000", threshold_usd: "50000" }), 2.5);
});
