// Each order once: whatever the order in which a sweep's states and its fills come.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WhaleOrders } from "../../whale_platform/dashboard/data/whale-orders.js";
import { fill, sweep, whale } from "./fake-api.mjs";

const NOW = 1_700_006_400;
const fills = [fill(11, 10, NOW), fill(13, 10, NOW)];
const states = [sweep(10, NOW, 3), sweep(10, NOW, 5)];

function permutations(items) {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

test("in any order of its messages a sweep stays, with the most fills, and none of its fills beside it", () => {
  for (const order of permutations([...fills, ...states])) {
    const orders = new WhaleOrders();
    const shown = new Set();
    for (const one of [...order, ...order]) {
      const replaced = orders.add(one);
      if (!replaced) continue;
      for (const gone of replaced) assert.ok(shown.delete(gone), "it replaces what is there");
      shown.add(one);
    }
    assert.deepEqual([...shown], [states[1]]);
    assert.equal(orders.size, 1);
  }
});

test("whatever its ids, a fill is one of the sweep that it names, and a first fill of the sweep of its id", () => {
  const orders = new WhaleOrders();
  const state = sweep(900, NOW, 3, { last_trade_id: 500 });
  const parts = [whale(900, NOW), fill(300, 900, NOW), fill(500, 900, NOW)];
  const others = [whale(700, NOW, "60000", { side: "sell" }), whale(400, NOW), fill(450, 400, NOW)];
  for (const one of [...others, ...parts]) assert.deepEqual(orders.add(one), []);
  assert.deepEqual(orders.add(state), parts);
  for (const one of parts) assert.equal(orders.add(one), null);
  assert.equal(orders.size, 4);
});

test("what has another order, market or kind is no fill of it", () => {
  const orders = new WhaleOrders();
  orders.add(states[1]);
  const others = [
    whale(11, NOW),
    fill(12, 9, NOW),
    whale(10, NOW, "60000", { symbol: "ETHUSDT" }),
    whale(10, NOW, "60000", { kind: "block" }),
    fill(13, 11, NOW),
    sweep(12, NOW, 2),
  ];
  for (const other of others) assert.deepEqual(orders.add(other), []);
  assert.equal(orders.size, 7);
  for (const other of others) orders.delete(other);
  assert.equal(orders.add(fills[0]), null);
  orders.delete(states[1]);
  assert.deepEqual(orders.add(fills[0]), []);
});
