// The view in the address: a link to a symbol of any script opens it, what can't be a symbol is left out.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.location = { hash: "", pathname: "/" };
globalThis.addEventListener = () => {};
const { link, startView, view } = await import("../../whale_platform/dashboard/data/url-state.js");

const opened = (hash) => {
  Object.assign(view, { exchange: "", symbol: "", on: "", whale: "" });
  location.hash = hash;
  startView();
  return [view.exchange, view.symbol, view.on, view.whale];
};

test("a link to a symbol of any script leads back to it", () => {
  for (const symbol of ["BTCUSDT", "ETH-USD", "币安人生USDT", "कखUSDT", "A/B:C"]) {
    Object.assign(view, { exchange: "binance", symbol, on: symbol, whale: `binance/${symbol}/7` });
    assert.deepEqual(opened(link()), ["binance", symbol, symbol, `binance/${symbol}/7`]);
  }
});

test("a link leads to one kind of whale, and to a tape of one kind", () => {
  Object.assign(view, { exchange: "binance", symbol: "BTCUSDT", kind: "sweep", whale: "binance/BTCUSDT/7:block" });
  const address = link();
  assert.equal(opened(address)[3], "binance/BTCUSDT/7:block");
  assert.equal(view.kind, "sweep");
  assert.equal(opened(address.replace("block", "cluster").replace("sweep", "cluster"))[3], "");
  assert.equal(view.kind, "");
});

test("what can't be a symbol is left out", () => {
  for (const symbol of ["A B", "A\u2028B", "A\u202eB", "<b>", "", "A".repeat(41)]) {
    const said = new URLSearchParams({ market: `binance:${symbol}`, on: symbol, whale: `binance/${symbol}/7` });
    assert.deepEqual(opened(`#${said}`), ["", "", "", ""]);
  }
});
