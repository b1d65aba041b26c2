import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./fake-page.mjs";
import { BY_HOUR, EVERYTHING, FIELDS, OWN, openForm } from "./threshold-form.mjs";

test("the form opens for the market in sight, with what holds and what is suggested", async () => {
  const { part, root, text } = await openForm();
  const values = part("market").children.map((option) => option.value);
  assert.deepEqual(values, ["*:*", "binance_block:*", "okx:*", "okx:A/B"]);
  assert.equal(part("market").value, "okx:A/B");
  assert.equal(
    text("held"),
    "Now: whale from $50,000, large from $250,000, giant from $1,000,000; set for every market."
  );
  assert.deepEqual(root.querySelectorAll("label").map((label) => label.textContent), [
    " gave 9.5 a day (9 to 10)$98,500",
    " gave 5 a day (5 to 5)$150,000",
  ]);
  assert.match(text("choices"), /\$50,000 held then and gave more than were counted/);
  assert.deepEqual(FIELDS.map((field) => part(field).value), ["", "", ""]);
  assert.equal(part("remove").hidden, true);
});

test("a picked suggestion is what is saved, and what the server answers is what is shown", async () => {
  const answer = { ...OWN, threshold_usd: "98500.5", valid_from: "2026-03-02T10:00:00Z" };
  const rows = [EVERYTHING];
  const { asked, loads, part, root, submit, text } = await openForm({
    rows,
    change: () => {
      rows.push(answer);
      return answer;
    },
  });
  const [radio] = root.querySelectorAll("input");
  part("choices").dispatch("change", { target: radio });
  assert.equal(part("threshold_usd").value, "98500");
  assert.equal(text("estimate"), "It would have given 9.5 a day.");
  part("giant_usd").value = "$1,000,000";
  assert.equal(text("said"), "");
  await submit();
  const put = asked.find(({ method }) => method === "PUT");
  assert.equal(put.pathname, "/thresholds/okx/A%2FB");
  assert.deepEqual(put.body, { threshold_usd: "98500", large_usd: null, giant_usd: "1000000" });
  assert.equal(put.headers["Content-Type"], "application/json");
  assert.match(text("said"), /^Saved for A\/B on okx: whale from \$98,500\.5, .* from 02 Mar, 10:00 UTC on/);
  assert.match(text("held"), /^Now: whale from \$98,500\.5/);
  assert.deepEqual(FIELDS.map((field) => part(field).value), ["98500.5", "", "1000000"]);
  assert.equal(part("remove").hidden, false);
  assert.equal(loads(), 1);
});

test("what is refused stands beside its field, which gets the focus, and nothing is said to be set", async () => {
  const refuse = () => {
    throw new Error("giant_usd: 7 <= 30 <= 29 does not hold: a larger tier begins later");
  };
  const { part, submit, text } = await openForm({ change: refuse });
  part("threshold_usd").value = "7000";
  await submit();
  assert.match(text("giant_usd-error"), /^7 <= 30 <= 29 does not hold/);
  assert.deepEqual(FIELDS.map((field) => part(field).getAttribute("aria-invalid")), [null, null, "true"]);
  assert.equal(document.activeElement, part("giant_usd"));
  assert.deepEqual([text("error"), text("said")], ["", ""]);
  assert.equal(part("threshold_usd").value, "7000", "what was typed stays");
  assert.match(text("held"), /\$50,000/);
});

test("a server that can't be reached is said, and the next try works", async () => {
  let fails = true;
  const { part, submit, text } = await openForm({
    change: () => {
      if (fails) throw new Error("the database is unavailable: retry in some seconds, see /health");
      return OWN;
    },
  });
  part("threshold_usd").value = "7000";
  await submit();
  assert.match(text("error"), /^the database is unavailable/);
  fails = false;
  await submit();
  assert.equal(text("error"), "");
  assert.match(text("said"), /^Saved/);
});

test("an amount far below what holds is saved at the second time, and asked about again when it changes", async () => {
  const { asked, part, submit, text } = await openForm({ change: () => OWN });
  const puts = () => asked.filter(({ method }) => method === "PUT").map(({ body }) => body.threshold_usd);
  part("threshold_usd").value = "50.000";
  await submit();
  assert.match(text("threshold_usd-error"), /^\$50 is less than a tenth of the \$50,000/);
  part("threshold_usd").value = "60.000";
  await submit();
  assert.match(text("threshold_usd-error"), /^\$60 is less/);
  assert.deepEqual(puts(), []);
  await submit();
  assert.deepEqual(puts(), ["60.000"]);
  assert.equal(text("threshold_usd-error"), "");
});

test("a change that is under way is not sent twice", async () => {
  let answer;
  const { asked, part } = await openForm({ change: () => new Promise((resolve) => (answer = resolve)) });
  part("form").dispatch("submit");
  part("form").dispatch("submit");
  assert.equal(part("save").getAttribute("aria-disabled"), "true");
  answer(OWN);
  await settled();
  await settled();
  assert.equal(asked.filter(({ method }) => method === "PUT").length, 1);
  assert.equal(part("save").getAttribute("aria-disabled"), null);
});

test("a threshold of its own can be removed", async () => {
  const rows = [EVERYTHING, OWN];
  const { asked, part, text } = await openForm({
    rows,
    change: () => {
      rows.pop();
      return null;
    },
  });
  assert.deepEqual(FIELDS.map((field) => part(field).value), ["70000", "", "1000000"]);
  part("remove").dispatch("click");
  await settled();
  await settled();
  const removed = asked.filter(({ method }) => method === "DELETE");
  assert.deepEqual(removed.map(({ pathname }) => pathname), ["/thresholds/okx/A%2FB"]);
  assert.equal(text("said"), "Removed for A/B on okx.");
  assert.match(text("held"), /set for every market/);
  assert.equal(part("remove").hidden, true);
});

test("what was removed stays chosen, also where nothing but its threshold named it", async () => {
  const rows = [EVERYTHING, { ...OWN, exchange: "*" }];
  const change = ({ method }) => {
    rows.length = 1;
    return method === "PUT" ? OWN : null;
  };
  const { asked, part, submit, text } = await openForm({ rows, change });
  part("market").value = "*:A/B";
  part("market").dispatch("change");
  part("remove").dispatch("click");
  await settled();
  await settled();
  assert.deepEqual([part("market").value, part("threshold_usd").value], ["*:A/B", ""]);
  assert.match(text("held"), /set for every market/);
  part("threshold_usd").value = "60000";
  await submit();
  assert.equal(asked.find(({ method }) => method === "PUT").pathname, "/thresholds/*/A%2FB");
});

const CHANGED = { ...OWN, threshold_usd: "80000", version: "9" };

/** The server's refusal of a change whose row another editor has changed. */
const refuseAs = (current) => Object.assign(new Error("changed meanwhile"), { status: 412, problem: { current } });

test("what another editor has set meanwhile is shown and not replaced, and what was typed stays", async () => {
  const change = ({ headers }) => {
    if (headers["If-Match"] !== `"${CHANGED.version}"`) throw refuseAs(CHANGED);
    return { ...OWN, threshold_usd: "90000" };
  };
  const { asked, loads, part, submit, text } = await openForm({ rows: [EVERYTHING, OWN], change });
  const conditions = () => asked.filter(({ method }) => method === "PUT").map(({ headers }) => headers["If-Match"]);
  part("threshold_usd").value = "90000";
  await submit();
  assert.match(text("error"), /^Somebody else has set this threshold meanwhile: whale from \$80,000, .*was changed/);
  assert.match(text("held"), /^Now: whale from \$80,000/);
  assert.deepEqual([part("threshold_usd").value, text("said"), loads()], ["90000", "", 0]);
  await submit();
  assert.deepEqual(conditions(), ['"2"', '"9"']);
  assert.match(text("said"), /^Saved/);
  assert.equal(text("error"), "");
});

test("where none was shown none is replaced", async () => {
  let current = CHANGED;
  const change = ({ headers }) => {
    if (current && headers["If-None-Match"] === "*") throw refuseAs(current);
    if (!current && headers["If-Match"]) throw refuseAs(null);
    return OWN;
  };
  const { asked, part, submit, text } = await openForm({ change });
  part("threshold_usd").value = "60000";
  await submit();
  assert.match(text("held"), /^Now: whale from \$80,000.*set for A\/B on okx/);
  assert.equal(part("remove").hidden, false);
  current = null;
  part("remove").dispatch("click");
  await settled();
  await settled();
  assert.match(text("error"), /^Somebody else has removed this threshold meanwhile/);
  assert.match(text("held"), /set for every market/);
  assert.equal(part("remove").hidden, true);
  await submit();
  assert.match(text("said"), /^Saved/);
  const changes = asked.filter(({ method }) => method !== "GET");
  const conditions = changes.map(({ headers }) => headers["If-None-Match"] ?? headers["If-Match"]);
  assert.deepEqual(conditions, ["*", '"9"', "*"]);
});

test("where nothing may be set the reason stands there, and nothing is sent", async () => {
  const { asked, part, submit, text } = await openForm({ rows: [EVERYTHING, OWN], readOnly: "this API only reads" });
  assert.equal(text("locked"), "this API only reads");
  assert.deepEqual(FIELDS.map((field) => part(field).disabled), [true, true, true]);
  assert.deepEqual([part("save").hidden, part("remove").hidden], [true, true]);
  await submit();
  assert.deepEqual(asked.filter(({ method }) => method !== "GET"), []);
});

test("amounts by the hour of the week are a choice, are saved with the amount for the others, and stay", async () => {
  const rows = [EVERYTHING];
  const change = ({ body }) => {
    rows.push({ ...OWN, set_tiers: [], threshold_usd: body.threshold_usd, hours_usd: body.hours_usd ?? null });
    return rows.at(-1);
  };
  const { asked, part, root, submit, text } = await openForm({ rows, change, suggestion: BY_HOUR });
  const bodies = () => asked.filter(({ method }) => method === "PUT").map(({ body }) => body);
  const [, , radio] = root.querySelectorAll("input");
  assert.match(text("choices"), /\$8,000 or more by the hour of the week/);
  assert.match(text("choices"), /gave 10 a day \(9 to 11\)/);
  part("choices").dispatch("change", { target: radio });
  assert.equal(part("threshold_usd").value, "98500");
  assert.match(text("estimate"), /^By the hour of the week from \$8,000 \(Sun 23:00\) to \$120,000 \(Mon 00:00\)/);
  assert.deepEqual(root.querySelectorAll("input").map(({ checked }) => checked), [false, false, true]);
  await submit();
  const hours = [...["120000"], ...Array(166).fill(null), ...["8000"]];
  assert.deepEqual(bodies()[0], { threshold_usd: "98500", large_usd: null, giant_usd: null, hours_usd: hours });
  assert.match(text("held"), /by the hour of the week from \$8,000 \(Sun 23:00\) to .* \(Mon 00:00\) UTC; set for/);
  part("large_usd").value = "500000";
  await submit();
  assert.deepEqual(bodies()[1].hours_usd, hours, "another change keeps them");
  part("threshold_usd").value = "98500";
  part("threshold_usd").dispatch("input");
  assert.deepEqual(root.querySelectorAll("input").map(({ checked }) => checked), [true, false, false]);
  await submit();
  assert.equal("hours_usd" in bodies()[2], false, "and an amount that is typed takes their place");
});
