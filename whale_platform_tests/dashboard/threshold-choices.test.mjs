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
  questionAmount,
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
  const typed = ["$100,000", "$ 1,000,000.5", " 99 999.50", "5000", "", "1e5"];
  assert.deepEqual(typed.map(parseAmount), ["100000", "1000000.5", "99999.50", "5000", "", "1e5"]);
});

test("what is no such amount stays as it was typed, for the server to refuse", () => {
  const typed = ["1,5", "0,5", "50,00", "1.000,50", "1,0000", "1 5", "1,000 000", "50.000.000", ",5", "1$"];
  assert.deepEqual(typed.map(parseAmount), typed);
});

test("an amount far below what holds is asked about", () => {
  const held = { ...ROWS[0], threshold_usd: "50000" };
  const asked = "$50 is less than a tenth of the $50,000 that hold now: save again if you mean it.";
  assert.equal(questionAmount(held, Number(parseAmount("50.000"))), asked);
  assert.deepEqual([5000, 60000, NaN].map((usd) => questionAmount(held, usd)), ["", "", ""]);
  assert.equal(questionAmount(undefined, 1), "");
});

test("a refusal stands at its fields, and what concerns none stands alone", () => {
  assert.deepEqual(splitRefusal("threshold_usd: give more; giant_usd: 7 <= 6: no; symbol: nothing: of it"), {
    threshold_usd: "give more",
    giant_usd: "7 <= 6: no",
    market: "nothing: of it",
  });
  assert.deepEqual(splitRefusal("the database is unavailable: retry"), { "": "the database is unavailable: retry" });
});
