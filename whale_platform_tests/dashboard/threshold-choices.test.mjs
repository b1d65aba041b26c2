import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describeAlerts,
  estimateAlerts,
  findApplying,
  listPlaces,
  nameOf,
  parseAmount,
  parsePlace,
  splitRefusal,
} from "../../whale_platform/dashboard/data/threshold-choices.js";

const row = (exchange, symbol) => ({ exchange, symbol });
const ROWS = [row("*", "*"), row("*", "BTC"), row("okx", "*"), row("okx", "BTC")];

test("the most specific threshold applies", () => {
  for (let count = ROWS.length; count > 0; count -= 1) {
    const order = [3, 1, 2, 0].map((place) => ROWS[place]);
    const left = order.slice(ROWS.length - count);
    assert.equal(findApplying(left.toReversed(), row("okx", "BTC")), left[0]);
  }
  assert.equal(findApplying(ROWS, row("okx", "*")), ROWS[2]);
  assert.equal(findApplying(ROWS, row("kraken", "*")), ROWS[0]);
  assert.equal(findApplying([], row("okx", "BTC")), undefined);
});

test("all places can be chosen, those of exchanges without markets and of odd thresholds among them", () => {
  const places = listPlaces([row("okx", "BTC"), row("okx", "A/B:C")], ["block"], ROWS);
  assert.deepEqual(places, ["*:*", "block:*", "okx:*", "*:BTC", "okx:A/B:C", "okx:BTC"]);
  assert.deepEqual(parsePlace("okx:A/B:C"), row("okx", "A/B:C"));
  const names = places.map((place) => nameOf(parsePlace(place)));
  const exchanges = ["every market of block", "every market of okx"];
  assert.deepEqual(names.slice(0, 5), ["every market", ...exchanges, "BTC on every exchange", "A/B:C on okx"]);
});

const SUGGESTION = {
  choices: [
    { per_day: 1, usd: "500", alerts: [1, 1] },
    { per_day: 10, usd: "100", alerts: [9, 12] },
    { per_day: 5, usd: "200", alerts: [5, 5] },
    { per_day: null, usd: "1", alerts: null },
  ],
};

test("what a typed amount would have given lies between its neighbours", () => {
  const said = [50, 100, 150, 200, 300, 500, 900].map((usd) => estimateAlerts(SUGGESTION, usd));
  assert.deepEqual(said, [
    "It would have given 10.5 a day or more.",
    "It would have given 10.5 a day.",
    "It would have given 5 to 10.5 a day.",
    "It would have given 5 a day.",
    "It would have given 1 to 5 a day.",
    "It would have given 1 a day.",
    "It would have given 1 a day or fewer.",
  ]);
  assert.deepEqual([0, -1, NaN].map((usd) => estimateAlerts(SUGGESTION, usd)), ["", "", ""]);
  assert.equal(estimateAlerts(undefined, 50), "");
  assert.equal(SUGGESTION.choices[0].usd, "500", "the choices stay in their order");
});

test("what a choice gave is told with its days", () => {
  assert.equal(describeAlerts(SUGGESTION.choices[1]), "gave 10.5 a day (9 to 12)");
  assert.equal(describeAlerts(SUGGESTION.choices[3]), "gave more than were counted");
});

test("an amount may be typed as people write it", () => {
  assert.deepEqual(["$100,000", " 99 999.50", "", "1e5"].map(parseAmount), ["100000", "99999.50", "", "1e5"]);
});

test("a refusal stands at its fields, and what concerns none stands alone", () => {
  assert.deepEqual(splitRefusal("threshold_usd: give more; giant_usd: 7 <= 6: no; symbol: nothing: of it"), {
    threshold_usd: "give more",
    giant_usd: "7 <= 6: no",
    market: "nothing: of it",
  });
  assert.deepEqual(splitRefusal("the database is unavailable: retry"), { "": "the database is unavailable: retry" });
});
