// Each order once: whatever the order in which a sweep's states and its fills come.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WhaleOrders } from "../../whale_platform/dashboard/data/whale-orders.js";
import { sweep, whale } from "./fake-api.mjs";

const NOW = 1_700_006_400;
const fills = [whale(11, NOW), whale(13, NOW)];
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

test("what has another time, market, kind or id is no fill of it", () => {
  const orders = new WhaleOrders();
  orders.add(states[1]);
  const others = [
    whale(11, NOW + 1),
    whale(9, NOW),
    whale(15, NOW),
    whale(11, NOW, "60000", { symbol: "ETHUSDT" }),
    whale(11, NOW, "60000", { kind: "block" }),
    sweep(11, NOW, 2),
  ];
  for (const other of others) assert.deepEqual(orders.add(other), []);
  assert.equal(orders.size, 7);
  for (const other of others) orders.delete(other);
  assert.equal(orders.add(fills[0]), null);
  orders.delete(states[1]);
  assert.deepEqual(orders.add(fills[0]), []);
});
